"""Waiting for what tells nobody when it happens: another process, another library, the clock."""

import asyncio
from collections.abc import Callable

LOOK_SECONDS = 0.1


async def until(condition: Callable[[], bool], seconds_max: float | None, every: float = LOOK_SECONDS) -> bool:
    """Look every so many seconds until the condition holds; say whether it came to hold within *seconds_max*."""
    try:
        async with asyncio.timeout(seconds_max):
            while not condition():  # noqa: ASYNC110 - there is no event to wait for, see above
                await asyncio.sleep(every)
    except TimeoutError:
        return False
    return True
