"""The demo from its first to its last second: what is started, in which order, and how it ends."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simulator.records import Reference
from simulator.showcase import Showcase
from stream.commands.failure import CommandFailed
from stream.connections import aiokafka_options
from stream.demo.backing import Backing, backing
from stream.demo.delivery import write_delivery
from stream.demo.lines import PROGRESS_EVERY_SECONDS, progress_line
from stream.demo.mailbox import mail_sink, pages
from stream.demo.playing import play_accesses, publish_agency
from stream.demo.progress import Progress
from stream.demo.waiting import until
from stream.demo.watching import watch_alerts, watch_assessments
from stream.demo.worker import Worker
from stream.publishing import Publisher

#: After the last access: how long assessments, then alerts, then e-mails may still take.
ASSESSED_SECONDS_MAX = 60.0
ALERTED_SECONDS_MAX = 10.0
MAILED_SECONDS_MAX = 5.0


def run_demo(seed: int, progress: Progress) -> bool:
    """Run the demo; say whether nobody ended it early. What it started and wrote is gone when this returns.

    Raises:
        CommandFailed: something could not be started, or accesses were left without an assessment.
        KeyboardInterrupt: it was ended before the first access was played.
    """
    with TemporaryDirectory(prefix="accesswatch-demo-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        # The screen belongs to the demo; what libraries have to say goes into a file.
        logging.basicConfig(filename=directory / "demo.log", level=logging.WARNING)
        with ThreadPoolExecutor(1) as aside:
            # The agency is thought up and written down while Kafka starts: nobody else needs this core yet.
            founding = aside.submit(_found, seed, progress.day, progress.wanted)
            with backing(directory, progress) as ready:
                try:
                    return asyncio.run(_Demo(directory, ready, progress, founding).run())
                except* CommandFailed as failed:
                    raise _first(failed) from None
                except* asyncio.CancelledError:
                    raise KeyboardInterrupt from None


_Founded = tuple[Showcase, list[Reference]]


def _found(seed: int, day: date, count: int) -> _Founded:
    showcase = Showcase(seed, day, count)
    return showcase, list(showcase.reference())


class _Demo:
    """The part that runs on the event loop."""

    def __init__(self, directory: Path, ready: Backing, progress: Progress, founding: "Future[_Founded]") -> None:
        self._directory = directory
        self._backing = ready
        self._progress = progress
        self._founding = founding
        self._stop = asyncio.Event()

    async def run(self) -> bool:
        """Start the rest, play the day, wait for the stragglers."""
        async with AsyncExitStack() as stack:
            progress, settings = self._progress, self._backing.settings
            self._mind_signals()
            smtp_port = await stack.enter_async_context(mail_sink(progress))
            progress.mails_url = await stack.enter_async_context(pages(progress))
            write_delivery(self._directory / "delivery.yaml", smtp_port, f"{progress.mails_url}webhook")
            worker = Worker(self._backing, self._directory / "worker.log", progress)
            await worker.start()
            stack.push_async_callback(worker.stop)
            async with asyncio.TaskGroup() as group:
                aside: list[Coroutine[Any, Any, None]] = [
                    worker.keep_running(),
                    watch_assessments(settings, progress),
                    watch_alerts(settings, progress),
                    self._tell(),
                ]
                tasks = [group.create_task(each) for each in aside]
                await self._play(worker)
                for task in tasks:
                    task.cancel()
        return not self._stop.is_set()

    async def _play(self, worker: Worker) -> None:
        progress, settings = self._progress, self._backing.settings
        showcase, records = await asyncio.wrap_future(self._founding)
        async with Publisher(aiokafka_options(settings)) as publisher:
            wanted = await publish_agency(publisher, settings, records, progress)
            await worker.ready(wanted)
            progress.say(f"e-mails can be read at {progress.mails_url}")
            progress.say(f"playing {progress.wanted:,} accesses of {progress.day} at {progress.rate:,} a second")
            progress.playing = True
            await play_accesses(publisher, settings, showcase.accesses(), progress, self._stop)
        progress.say("every access is played; waiting for the last assessments")
        board = progress.scoreboard
        if await until(lambda: board.assessed >= board.played, ASSESSED_SECONDS_MAX):
            await until(lambda: board.complete, ALERTED_SECONDS_MAX)
            await until(lambda: progress.mails_received >= board.alerts, MAILED_SECONDS_MAX)

    async def _tell(self) -> None:
        """Say now and then how far the day is."""
        while True:
            await asyncio.sleep(PROGRESS_EVERY_SECONDS)
            if self._progress.playing:
                self._progress.say(progress_line(self._progress))

    def _mind_signals(self) -> None:
        """Ctrl-C ends the play in order; before the play, or the second time, it ends everything."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()

        def end() -> None:
            if self._progress.playing and not self._stop.is_set():
                self._stop.set()
            elif main is not None:
                main.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)


def _first(failed: BaseExceptionGroup[CommandFailed]) -> CommandFailed:
    for error in failed.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
