"""How loops wait: until something happens, until they are to stop, or a little longer after each failure."""

import asyncio
import random
from typing import Final

FIRST_WAIT_SECONDS: Final = 0.2
WAIT_SECONDS_MAX: Final = 10.0
_DOUBLINGS_MAX: Final = 10


async def pause(seconds: float, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, at most *seconds*."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiting:
            waiter.cancel()


class Backoff:
    """Waits between failures in a row: doubling, bounded, spread by half so that workers come back apart."""

    def __init__(self) -> None:
        self._failures = 0

    def next_seconds(self) -> float:
        """Count a failure and say how long to wait."""
        wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(self._failures, _DOUBLINGS_MAX), WAIT_SECONDS_MAX)
        self._failures += 1
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 spreads load, guards nothing

    def reset(self) -> None:
        """It worked: the next failure is the first again."""
        self._failures = 0
