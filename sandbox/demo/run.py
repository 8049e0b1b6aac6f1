"""The demo from its first to its last second: what is started, in which order, and how it ends.

It writes the delivery file (every alert goes to a mailbox and a webhook of this machine), and leaves somebody's own
Kafka and Redis as they were.
"""

import asyncio
import base64
import logging
import secrets
import signal
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from redis.exceptions import RedisError

from agents.connection_errors import why
from enrichment.errors import CommandError
from enrichment.log import events
from sandbox.demo.playing import play_accesses, publish_agency
from sandbox.demo.scoreboard import Progress
from sandbox.demo.screen import PROGRESS_EVERY_SECONDS, progress_line
from sandbox.demo.watching import mail_sink, pages, watch_alerts, watch_assessments
from sandbox.demo.worker import Backing, Worker, backing, until
from simulator.records import Reference
from simulator.showcase import Showcase
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.redis_connection import connect, namespace
from stream.settings import Settings
from stream.topic_admin import administration
from stream.topics import CATALOGUE

#: Standard Webhooks asks for 24 to 64 bytes.
_SECRET_BYTES = 32
#: A whole day's alerts in a few minutes are no storm here.
_MESSAGES_MAX = 1_000


def write_delivery(file: Path, smtp_port: int, webhook_url: str) -> None:
    """Write the delivery file, and the webhook's secret beside it."""
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    (file.parent / "webhook.secret").write_text(f"whsec_{secret}", "utf-8")
    smtp = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": smtp_port,
        "security": "none",
        "sender": "watch@agency.example",
    }
    document = {
        "channels": {
            "integrity-mail": {**smtp, "recipients": ["integrity@agency.example"]},
            # Alerts about Internal Integrity's own people go to somebody else.
            "governance-mail": {**smtp, "recipients": ["governance@agency.example"]},
            "case-system": {"kind": "webhook", "url": webhook_url, "secret_file": "webhook.secret"},
        },
        "routes": [
            {
                "name": "everything",
                "channels": ["integrity-mail", "case-system"],
                "storm": {"at_most": _MESSAGES_MAX, "per": "1h"},
                "conflict_route": "governance",
            },
            {
                "name": "governance",
                "channels": ["governance-mail"],
                "only_when_named": True,
                "independent": True,
                "conflict_route": "everything",
            },
        ],
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


_KEYS_PER_STEP = 1_000

_log = events(__name__)


def tidy(settings: Settings) -> None:
    """Remove the demo's topics and keys. What cannot be removed stays, under a name that nobody else uses.

    The offsets of its consumer groups are left to Kafka, which forgets them by itself.
    """
    try:
        with administration(settings) as admin:
            admin.delete_topics([settings.topic(topic.name) for topic in CATALOGUE], raise_errors=False)
        asyncio.run(_remove_keys(settings))
    except (CommandError, RedisError, OSError) as error:
        _log.warning("demo-not-tidied", why=why(error))


async def _remove_keys(settings: Settings) -> None:
    client = connect(settings)
    try:
        found = []
        async for key in client.scan_iter(match=f"{namespace(settings)}*", count=_KEYS_PER_STEP):
            found.append(key)
            if len(found) == _KEYS_PER_STEP:
                await client.unlink(*found)
                found.clear()
        if found:
            await client.unlink(*found)
    finally:
        await client.aclose()


#: After the last access: how long assessments, then alerts, then e-mails may still take.
ASSESSED_SECONDS_MAX = 60.0
ALERTED_SECONDS_MAX = 10.0
MAILED_SECONDS_MAX = 5.0


def run_demo(seed: int, progress: Progress) -> bool:
    """Run the demo; say whether nobody ended it early. What it started and wrote is gone when this returns.

    Raises:
        CommandError: something could not be started, or accesses were left without an assessment.
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
                except* CommandError as failed:
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
        """Print now and then how far the day is."""
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


def _first(failed: BaseExceptionGroup[CommandError]) -> CommandError:
    for error in failed.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
