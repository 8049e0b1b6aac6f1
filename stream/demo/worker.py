"""The worker as a child process that dies with the demo, and is started again when it dies before."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from stream.commands.failure import CommandFailed
from stream.demo.backing import Backing
from stream.demo.progress import Progress
from stream.demo.waiting import until
from stream.embedded.guarded import Guarded

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
    """``python -m stream worker``, watched."""

    def __init__(self, backing: Backing, log: Path, progress: Progress) -> None:
        self._log = log
        self._progress = progress
        self._base = f"http://{backing.settings.http}"
        command = [sys.executable, "-m", "stream", "worker"]
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
            CommandFailed: it ended too often; its last words are in the message.
        """
        for restart in range(1, RESTARTS_MAX + 1):
            code = await self._ended()
            self._progress.restarts = restart
            self._progress.say(f"worker ended with exit code {code}; starting it again ({restart} of {RESTARTS_MAX})")
            await self.start()
        await self._ended()
        raise CommandFailed(f"The worker ended {RESTARTS_MAX + 1} times. Its last words:\n{self.last_words()}")

    async def _ended(self) -> int | None:
        await until(lambda: self._program.poll() is not None, None, POLL_SECONDS)
        return self._program.poll()

    async def ready(self, wanted: Mapping[str, int]) -> None:
        """Return once ``/readyz`` says yes and the worker knows of *wanted* reference records of each kind.

        Raises:
            CommandFailed: it takes too long.
        """
        timeout = aiohttp.ClientTimeout(total=_PAGE_SECONDS_MAX)
        try:
            async with asyncio.timeout(READY_SECONDS_MAX), aiohttp.ClientSession(timeout=timeout) as session:
                while True:
                    if await self._is_ready(session, wanted):
                        break
                    await asyncio.sleep(_READY_POLL_SECONDS)
        except TimeoutError:
            raise CommandFailed(
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
        """Give the last lines of its log."""
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
