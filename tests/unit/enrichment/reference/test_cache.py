"""The tasks of a broken link end, also where one of them does not hear it the first time."""

import asyncio

from enrichment.reference.cache import _ended


async def test_a_task_that_did_not_hear_its_end_is_told_again() -> None:
    """As a library does that takes a cancellation for an answer; a failure of another task is no matter."""
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed += 1

    async def failing() -> None:
        raise ConnectionError

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await _ended(tasks)
    assert swallowed == 1
    assert all(task.done() for task in tasks)
