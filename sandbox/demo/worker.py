"""What the demo runs on: Kafka and Redis, started for it or named by the environment, and the worker, its child.

The worker dies with the demo, and is started again when it dies before.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from enrichment.errors import CommandError
from sandbox.demo.scoreboard import Progress
from sandbox.program import Guarded
from sandbox.server import free_port
from sandbox.services import embedded
from stream.settings import PREFIX, Settings, load

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


#: The port of metrics and health, where it is free.
_HTTP_PORT = 9108
#: What of the environment's settings the demo's worker takes over, beside how Kafka and Redis are reached.
_TAKEN_OVER = ("LIMITS", "LOG_LEVEL")


@dataclass(frozen=True, slots=True)
class Backing:
    """What the demo runs on: our own settings, and the environment of the worker."""

    settings: Settings
    environment: Mapping[str, str]


@contextmanager
def backing(directory: Path, progress: Progress) -> Iterator[Backing]:
    """Have Kafka and Redis at hand, with every topic created, for as long as the block runs.

    Raises:
        CommandError: only one of the two is set, or Kafka refuses.
        EmbeddedError: they cannot be started.
    """
    given = load()
    if (given.kafka is None) != (given.redis is None):
        raise CommandError(
            f"Set both {PREFIX}KAFKA and {PREFIX}REDIS to run the demo on your own, or neither to have them started."
        )
    if given.kafka is None:
        progress.phase("Kafka", "starting")
        progress.phase("Valkey", "starting")
        with embedded(directory / "services") as addresses:
            progress.finish("Valkey", addresses.redis)
            progress.finish("Kafka", addresses.kafka)
            yield _with_topics(
                _environment({"KAFKA": addresses.kafka, "REDIS": addresses.redis}, directory, own=False), progress
            )
        return
    # Nothing of an installation is touched: topics, groups and Redis keys of this demo have names of their own.
    token = f"demo-{secrets.token_hex(4)}"
    names = {"TOPIC_PREFIX": f"{given.topic_prefix}{token}.", "GROUP": f"{given.group}-{token}"}
    progress.finish("Kafka", given.kafka)
    progress.finish("Valkey", "the Redis that is set")
    ready = _with_topics(_environment(names, directory, own=True), progress)
    try:
        yield ready
    finally:
        from sandbox.demo.run import tidy  # noqa: PLC0415 - slow to import, and rarely needed

        tidy(ready.settings)


def _with_topics(environment: Mapping[str, str], progress: Progress) -> Backing:
    # Kafka's client is slow to import, and has been imported meanwhile by whoever waited for Java.
    from stream.topic_admin import administration, create_missing  # noqa: PLC0415

    settings = load(environment)
    progress.phase("topics", "creating")
    with administration(settings) as admin:
        created = create_missing(admin, settings)
    progress.finish("topics", f"{len(created)} created")
    return Backing(settings, environment)


def _environment(values: Mapping[str, str], directory: Path, *, own: bool) -> dict[str, str]:
    """Return the worker's environment: ours without foreign settings, or with those of one's own Kafka and Redis."""
    kept = ("KAFKA", "REDIS", *_TAKEN_OVER) if own else _TAKEN_OVER
    names = tuple(PREFIX + name for name in kept)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name.startswith(names)
    }
    ours = {
        "STATE_DIR": str(directory / "state"),
        "DELIVERY": str(directory / "delivery.yaml"),
        "HTTP": f"127.0.0.1:{free_port(_HTTP_PORT)}",
        # A restarted worker takes its partitions over at once instead of waiting for the dead one's session to end.
        "INSTANCE_ID": "demo",
        "GROUP": "demo",
        **values,
    }
    return environment | {PREFIX + name: value for name, value in ours.items()}


RESTARTS_MAX = 5
#: How often it is looked whether the worker still runs.
POLL_SECONDS = 0.2
#: From the start of the worker until it is ready with all reference data.
READY_SECONDS_MAX = 180.0
#: The contract gives a worker 20 s to finish its batch.
STOP_SECONDS_MAX = 20.0
_READY_POLL_SECONDS = 0.1
_PAGE_SECONDS_MAX = 2.0
_LOG_LINES_SHOWN = 12


class Worker:
    """``python -m console worker``, watched."""

    def __init__(self, backing: Backing, log: Path, progress: Progress) -> None:
        self._log = log
        self._progress = progress
        self._base = f"http://{backing.settings.http}"
        command = [sys.executable, "-m", "console", "worker"]
        self._program = Guarded(command, environment={**backing.environment, "ACCESSWATCH_LOG_FORMAT": "text"}, log=log)

    async def start(self) -> None:
        """Start it; it reads what is on the topics while more is published."""
        self._progress.metrics_url = f"{self._base}/metrics"
        self._progress.phase("worker", "starting")
        await asyncio.to_thread(self._program.start)
        self._progress.say(f"worker started, process {self._program.pid}")

    async def keep_running(self) -> None:
        """Start it again each time it ends, for as long as nobody cancels this.

        Raises:
            CommandError: it ended too often; its last words are in the message.
        """
        for restart in range(1, RESTARTS_MAX + 1):
            code = await self._ended()
            self._progress.restarts = restart
            self._progress.say(f"worker ended with exit code {code}; starting it again ({restart} of {RESTARTS_MAX})")
            await self.start()
        await self._ended()
        raise CommandError(f"The worker ended {RESTARTS_MAX + 1} times. Its last words:\n{self.last_words()}")

    async def _ended(self) -> int | None:
        await until(lambda: self._program.poll() is not None, None, POLL_SECONDS)
        return self._program.poll()

    async def ready(self, wanted: Mapping[str, int]) -> None:
        """Return once ``/readyz`` says yes and the worker knows of *wanted* reference records of each kind.

        Raises:
            CommandError: it takes too long.
        """
        timeout = aiohttp.ClientTimeout(total=_PAGE_SECONDS_MAX)
        try:
            async with asyncio.timeout(READY_SECONDS_MAX), aiohttp.ClientSession(timeout=timeout) as session:
                while True:
                    if await self._is_ready(session, wanted):
                        break
                    await asyncio.sleep(_READY_POLL_SECONDS)
        except TimeoutError:
            raise CommandError(
                f"The worker was not ready within {READY_SECONDS_MAX:.0f} s. Its last words:\n{self.last_words()}"
            ) from None
        self._progress.finish("worker", f"ready, {self._base}/metrics {self._base}/readyz")

    async def _is_ready(self, session: aiohttp.ClientSession, wanted: Mapping[str, int]) -> bool:
        try:
            async with session.get(f"{self._base}/metrics") as page:
                known = reference_records(await page.text())
            total = sum(min(known.get(kind, 0), number) for kind, number in wanted.items())
            self._progress.phase("worker", f"knows {total:,} of {sum(wanted.values()):,}")
            if total < sum(wanted.values()):
                return False
            async with session.get(f"{self._base}/readyz") as answer:
                return answer.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def stop(self) -> None:
        """Ask it to end, and see that it does."""
        await asyncio.to_thread(self._program.stop, STOP_SECONDS_MAX)

    def last_words(self) -> str:
        """Return the last lines of its log."""
        try:
            return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES_SHOWN:])
        except OSError:
            return "(no log)"


def reference_records(page: str) -> dict[str, int]:
    """Read from a page of metrics how many reference records of each kind the worker knows."""
    return {
        sample.labels["kind"]: int(sample.value)
        for family in text_string_to_metric_families(page)
        if family.name == "accesswatch_reference_records"
        for sample in family.samples
    }
