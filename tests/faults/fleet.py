"""Worker processes, and what starts one again when it has ended: what systemd or Kubernetes is in production."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.faults.ports import quiet_port
from tests.support.console import ACCESSWATCH

COMMAND = (ACCESSWATCH, "worker")
#: The same worker over Faust's own consumer; the checker must see what that loses.
STOCK_COMMAND = (sys.executable, "-m", "tests.faults.stock_worker")
#: Seconds until a worker that has ended is started again.
RESTART_SECONDS = 0.3
#: Seconds in which a worker must end after SIGTERM (``docs/contract.md`` section 4).
TERM_SECONDS_MAX = 20.0
#: Seconds until a page counts as unanswered.
PAGE_SECONDS_MAX = 2.0
#: Seconds in which a worker that nothing holds up is ready, on a machine that is busy with others.
READY_SECONDS_MAX = 90.0


@dataclass(slots=True)
class Worker:
    """One place for a worker; the process in it may change."""

    number: int
    address: str
    process: "subprocess.Popen[bytes]"
    #: Whether it is started again when it ends.
    wanted: bool = True
    frozen: bool = False


@dataclass(slots=True)
class Fleet:
    """All workers of a run."""

    environment: Mapping[str, str]
    directory: Path
    command: Sequence[str] = COMMAND
    #: Whether each has a name that it keeps over restarts (static membership).
    named: bool = False
    workers: list[Worker] = field(default_factory=list)
    #: How processes ended, beside those that were killed on purpose: (worker, exit code).
    endings: list[tuple[int, int]] = field(default_factory=list)
    restarts: int = 0
    #: Any process ended otherwise than by a SIGTERM that it followed: counters of its metrics are lost.
    violent: bool = False
    _next: int = 0

    def start(self) -> Worker:
        """Start one more worker."""
        self._next += 1
        address = f"127.0.0.1:{quiet_port()}"
        worker = Worker(self._next, address, self._spawn(self._next, address))
        self.workers.append(worker)
        return worker

    def _spawn(self, number: int, address: str) -> "subprocess.Popen[bytes]":
        environment = dict(self.environment) | {"ACCESSWATCH_HTTP": address}
        if self.named:
            environment["ACCESSWATCH_INSTANCE_ID"] = f"worker-{number}"
        with (self.directory / f"worker-{number}.log").open("ab") as sink:
            return subprocess.Popen(list(self.command), env=environment, stderr=sink, stdin=subprocess.DEVNULL)

    async def keep(self) -> None:
        """Start again whatever has ended and is wanted, for as long as the run lasts."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            for worker in self.workers:
                code = worker.process.poll()
                if code is None or not worker.wanted:
                    continue
                if code != 0:
                    self.violent = True
                if code not in {0, -signal.SIGKILL}:
                    self.endings.append((worker.number, code))
                self.restarts += 1
                worker.process = self._spawn(worker.number, worker.address)

    def kill(self, worker: Worker) -> None:
        """End it as ``kill -9`` does."""
        self.violent = True
        worker.process.kill()

    def freeze(self, worker: Worker) -> None:
        """Stop it in the middle of whatever it does."""
        worker.process.send_signal(signal.SIGSTOP)
        worker.frozen = True

    def thaw(self, worker: Worker) -> None:
        """Let it go on."""
        worker.process.send_signal(signal.SIGCONT)
        worker.frozen = False

    async def term(self, worker: Worker, *, again: bool) -> int | None:
        """Send SIGTERM; give the exit code, None where it had not ended in time and was killed."""
        worker.wanted = False
        process = worker.process
        starting = not (await self.page(worker, "/livez"))[0]
        process.terminate()
        try:
            code: int | None = await asyncio.to_thread(process.wait, TERM_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill(worker)
            code = None
            await asyncio.to_thread(process.wait)
        if starting and code == -signal.SIGTERM:
            code = 0  # it was still being loaded, had nothing in hand and could not listen yet
        if again:
            worker.process = self._spawn(worker.number, worker.address)
            self.restarts += 1
            worker.wanted = True
        else:
            self.workers.remove(worker)
        return code

    async def wait_ready(self, workers: Sequence[Worker] | None = None) -> None:
        """Wait until workers are ready, all of them unless some are named."""
        async with asyncio.timeout(READY_SECONDS_MAX):
            for worker in workers or list(self.workers):
                while (await self.page(worker, "/readyz"))[0] != 200:  # noqa: ASYNC110 it is in another process
                    await asyncio.sleep(0.1)

    async def wait_member(self, worker: Worker) -> None:
        """Wait until a worker was given partitions of every topic it reads, whatever else it waits for."""
        async with asyncio.timeout(READY_SECONDS_MAX):
            while True:
                status, text = await self.page(worker, "/readyz")
                if status and "no partitions are assigned" not in text:
                    return
                await asyncio.sleep(0.02)

    async def page(self, worker: Worker, path: str) -> tuple[int, str]:
        """Fetch one of a worker's pages; status 0 where nothing answers."""
        timeout = aiohttp.ClientTimeout(total=PAGE_SECONDS_MAX)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://{worker.address}{path}") as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, ""

    def said(self, words: str) -> int:
        """Count the lines with these words in the logs of all workers, those of before a restart among them."""
        return sum(log.read_text("utf-8", "replace").count(words) for log in self.directory.glob("worker-*.log"))

    def end(self) -> None:
        """End every process that is still there."""
        for worker in self.workers:
            worker.wanted = False
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()
