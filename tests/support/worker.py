"""A real worker process for a test, and the way to feed it and to see what came of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import Settings
from tests.support.console import ACCESSWATCH
from tests.support.topics import read_all

#: Seconds that anything awaited here may take before the test fails.
AWAITED_SECONDS_MAX = 60.0

T = TypeVar("T")


class RunningWorker:
    """A worker process; its log is kept for the message of a failing test."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
        self.process = process
        self._address = address
        self._log = log

    def page(self, path: str) -> tuple[int, str]:
        """Fetch one of the worker's pages; status 0 where nothing listens."""
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self) -> None:
        """Wait until the worker is ready."""
        eventually(
            lambda: self.process.poll() is not None or self.page("/readyz")[0] == 200,
            f"the worker was not ready; its log: {self.log()}",
        )
        assert self.process.poll() is None, f"the worker has ended; its log: {self.log()}"

    def metric(self, name: str, **labels: str) -> float:
        """Add up the samples of a metric that carry these labels."""
        total = 0.0
        for line in self.page("/metrics")[1].splitlines():
            sample, _, value = line.rpartition(" ")
            named, _, rest = sample.partition("{")
            if named == name and all(f'{label}="{wanted}"' in rest for label, wanted in labels.items()):
                total += float(value)
        return total

    def log(self) -> str:
        """Return what the worker has logged."""
        return self._log.read_text("utf-8")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(AWAITED_SECONDS_MAX)


@contextmanager
def a_worker(
    environment: Mapping[str, str], directory: Path, *arguments: str, ready: bool = True, fault: str | None = None
) -> Iterator[RunningWorker]:
    """Run a worker for as long as the block, and end it with -9 if it has not ended by then.

    *fault* names one of ``tests/support/faulty_worker.py``.
    """
    faulty = [sys.executable, "-m", "tests.support.faulty_worker", fault] if fault is not None else []
    log = directory / f"worker-{time.monotonic_ns()}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*(faulty or [ACCESSWATCH, "worker"]), *arguments], env=dict(environment), stderr=sink
        )
        running = RunningWorker(process, environment["ACCESSWATCH_HTTP"], log)
        try:
            if ready:
                running.wait_ready()
            yield running
        finally:
            process.kill()
            process.wait()


def eventually(happened: Callable[[], T], otherwise: str = "it did not happen in time") -> T:
    """Wait until something is truthy, and give it."""
    deadline = time.monotonic() + AWAITED_SECONDS_MAX
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise AssertionError(otherwise)
        time.sleep(0.1)
    return found


async def eventually_async(happened: Callable[[], Awaitable[T | None]]) -> T:
    """Wait until something is truthy, and give it."""
    deadline = time.monotonic() + AWAITED_SECONDS_MAX
    while not (found := await happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.1)
    return found


def all_assessed(worker: RunningWorker, count: int) -> None:
    """Wait for as long as there is progress: a busy machine is slow, and that is no difference."""
    before = -1.0
    while (assessed := worker.metric("accesswatch_accesses_total")) < count:
        moved = before
        eventually(lambda: worker.metric("accesswatch_accesses_total") > moved, f"it stands at {moved:.0f} of {count}")  # noqa: B023 called at once
        before = assessed


async def publish(settings: Settings, topic: str, records: Sequence[tuple[str | None, object]]) -> None:
    """Publish (key, value) records: values as JSON, bytes as they are, None as a tombstone."""
    async with Publisher(aiokafka_options(settings)) as publisher:
        for key, value in records:
            content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
            await publisher.send(settings.topic(topic), None if key is None else key.encode(), content)
        await publisher.flush()


async def values(settings: Settings, topic: str) -> list[dict[str, Any]]:
    """Read a topic's values as JSON."""
    assert settings.kafka is not None
    return [json.loads(record.value) for record in await read_all(settings.kafka, settings.topic(topic))]


def without_ours() -> dict[str, str]:
    """This process's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ACCESSWATCH_")}
