"""How a worker ends what runs beside its agents."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from stream.settings import Settings
from stream.worker import EXIT_LATE, Worker

#: A process that hangs, in a thread of a library as it were, once it was told to stop.
_HANGS = """
import asyncio, time
from stream import worker
async def hangs():
    worker.threading.Timer(0.2, worker._end_late, (asyncio.get_running_loop(),)).start()
    await asyncio.to_thread(time.sleep, 30)
asyncio.run(hangs())
"""


async def test_what_forgets_a_cancellation_is_cancelled_again() -> None:
    """As a library does that catches it just as it is done; the worker hung there until its deadline."""
    worker = Worker(Settings())
    cancelled = 0

    async def forgets_the_first() -> None:
        nonlocal cancelled
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled += 1
                if cancelled > 1:
                    raise

    worker._supervise("forgets", forgets_the_first())
    await asyncio.sleep(0)
    await worker._cancel_tasks()
    assert cancelled == 2
    assert worker._failure is None


async def test_what_never_ends_does_not_keep_the_worker_from_closing() -> None:
    """It is left behind."""
    worker = Worker(Settings())
    let_go = False

    async def never() -> None:
        while not let_go:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)

    worker._supervise("never", never())
    await asyncio.sleep(0)
    await worker._cancel_tasks()
    assert not worker._tasks[0].done()
    let_go = True
    await worker._tasks[0]


def test_a_worker_that_hangs_while_stopping_says_where_and_ends_with_1() -> None:
    """Names of functions, files and lines; nothing of an access."""
    ended = subprocess.run([sys.executable, "-c", _HANGS], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == EXIT_LATE
    assert "ending-late" in ended.stderr
    assert "hangs (<string>" in ended.stderr
