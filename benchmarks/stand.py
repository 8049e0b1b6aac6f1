"""Where programs are measured: a Kafka and a Valkey of their own, full of reference data and accesses.

A program reads all accesses of ``cms.access.v1`` from the beginning and writes one assessment for each. It is timed
from the first quarter to the last record, by what stands on ``integrity.assessment.v1``, so that how it starts does not
count. Its CPU time is the kernel's, of the process and all its threads.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.ministry import Ministry, put_reference
from enrichment.errors import CommandError
from sandbox.server import free_port
from sandbox.services import embedded
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.redis_connection import namespace
from stream.settings import Settings
from stream.settings import load as load_settings
from stream.topic_admin import administration, create_missing
from stream.topics import ACCESS, ASSESSMENT

PARTITIONS = 8
#: When the first access was recorded, in milliseconds since 1970: the morning of the simulated day.
FIRST_RECORD_MS = 1_795_114_800_000
#: The day of 20 November 2026 has so many milliseconds of work.
_DAY_MS = 10.5 * 3600 * 1000
#: Of the accesses, what is over before the clock starts.
WARM_SHARE = 0.25
#: Seconds in which a program must write something more.
SILENT_SECONDS_MAX = 90.0
#: Seconds in which it ends by itself when it is told to; ours leaves its group then.
STOP_SECONDS_MAX = 20.0
#: Seconds in which Kafka misses a worker that has ended without a word.
EMPTY_SECONDS_MAX = 30.0
_GONE = ("OK", "GroupIdNotFoundError")
_LOOK_SECONDS = 0.05
_KEYS_PER_STEP = 5_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a program took."""

    accesses: int
    seconds: float
    cpu_seconds: float
    rss_mb: float
    redis_cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Accesses a second."""
        return self.accesses / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time of the program for each access, in microseconds."""
        return self.cpu_seconds / self.accesses * 1e6

    @property
    def redis_us(self) -> float:
        """CPU time of Redis for each access, in microseconds."""
        return self.redis_cpu_seconds / self.accesses * 1e6


@dataclass(frozen=True, slots=True)
class Stand:
    """A Kafka and a Valkey that are ready to be read from."""

    settings: Settings
    environment: Mapping[str, str]
    directory: Path
    accesses: int

    def ours(self, agents: str = "screen") -> list[str]:
        """Return the command that starts our worker, screening and nothing else unless more is asked for."""
        return [str(Path(sys.executable).with_name("accesswatch")), "worker", "--agents", agents]

    def peer(self, name: str) -> list[str]:
        """Return the command that starts one of ``benchmarks/peers``."""
        return [sys.executable, "-m", f"benchmarks.peers.{name}"]

    async def run(
        self,
        command: Sequence[str],
        group: str,
        accesses: int | None = None,
        copies: int = 1,
        watched: Callable[[int], object] = lambda _: None,
        *,
        part: str = "screen",
        topic: str = ASSESSMENT,
    ) -> Run:
        """Run a program until it has assessed so many accesses, and end it.

        Args:
            command: the program; the environment names Kafka, Redis and the group.
            group: the consumer group of a peer; our worker's is made to begin anew.
            accesses: of how many accesses the assessments are waited for; all when None.
            copies: how many processes share the work.
            watched: called with the process id of the first when the clock starts.
            part: whose group is made to begin anew, of our worker.
            topic: where what it makes is counted.
        """
        wanted = self.accesses if accesses is None else accesses
        environment = {**self.environment, "BENCHMARK_GROUP": group}
        client = redis.asyncio.Redis.from_url(self.environment["ACCESSWATCH_REDIS"])
        await _forget_windows(client, namespace(self.settings))
        _begin_anew(self.settings, part)
        log = self.directory / f"{group}.log"
        async with _ends(self.settings, topic) as ends:
            before = await ends()
            with log.open("wb") as sink, _processes(command, environment, sink, copies) as processes:
                started: tuple[float, float, float, int] | None = None
                last, done = time.monotonic(), 0
                while done < wanted:
                    await asyncio.sleep(_LOOK_SECONDS)
                    now, seen = time.monotonic(), await ends() - before
                    if seen > done:
                        done, last = seen, now
                    if any(one.poll() is not None for one in processes) or now - last > SILENT_SECONDS_MAX:
                        raise RuntimeError(f"{group} stood still after {done} assessments; its log ends:\n{_tail(log)}")
                    if started is None and done >= wanted * WARM_SHARE:
                        started = now, sum(_cpu(one.pid) for one in processes), await _redis_cpu(client), done
                        watched(processes[0].pid)
                if started is None:
                    raise RuntimeError("too few accesses to measure")
                began, cpu, redis_cpu, first = started
                run = Run(
                    done - first,
                    time.monotonic() - began,
                    sum(_cpu(one.pid) for one in processes) - cpu,
                    sum(rss_mb(one.pid) for one in processes),
                    await _redis_cpu(client) - redis_cpu,
                )
        await client.aclose()
        return run


@contextmanager
def stand(ministry: Ministry, partitions: int = PARTITIONS, *, published: bool = True) -> Iterator[Stand]:
    """Start the services, put the reference data and the accesses in their places, and end all of it at the end.

    Args:
        ministry: whose data they are.
        partitions: of each topic.
        published: whether the accesses stand on their topic already.
    """
    directory = Path(tempfile.mkdtemp(prefix="accesswatch-benchmark-"))
    try:
        with embedded(directory / "services") as addresses:
            environment = {
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "PATH": os.environ["PATH"],
                "HOME": str(directory),
                "ACCESSWATCH_KAFKA": addresses.kafka,
                "ACCESSWATCH_REDIS": addresses.redis,
                "ACCESSWATCH_STATE_DIR": str(directory / "state"),
                "ACCESSWATCH_LOG_LEVEL": "WARNING",
                # What is measured is the way of an access; the history has a table of its own.
                "ACCESSWATCH_HISTORY": "off",
            }
            settings = load_settings(environment)
            with administration(settings) as admin:
                create_missing(admin, settings, partitions=partitions)
            asyncio.run(_put_reference(settings, addresses.redis, ministry))
            if published:
                asyncio.run(publish(settings, ministry.accesses))
            yield Stand(settings, environment, directory, len(ministry.accesses))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(place: Stand, command: Sequence[str]) -> Iterator[int]:
    """Run a worker of ours for as long as the block, which begins when it is ready; give its process id."""
    address = f"127.0.0.1:{free_port()}"
    log = place.directory / "running.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 our own program
            command, env={**place.environment, "ACCESSWATCH_HTTP": address}, stdout=sink, stderr=sink
        )
    try:
        deadline = time.monotonic() + SILENT_SECONDS_MAX
        while not _ready(address):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"the worker did not become ready; its log ends:\n{_tail(log)}")
            time.sleep(_LOOK_SECONDS)
        yield process.pid
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=1) as page:
            return bool(page.status == HTTPStatus.OK)
    except OSError:
        return False


async def _put_reference(settings: Settings, url: str, ministry: Ministry) -> None:
    client = redis.asyncio.Redis.from_url(url)
    await put_reference(client, namespace(settings), ministry)
    await client.aclose()


async def publish(settings: Settings, accesses: Sequence[tuple[bytes, bytes]]) -> None:
    """Put accesses on their topic, as if they had come over a working day."""
    async with Publisher(aiokafka_options(settings)) as publisher:
        for number, (key, value) in enumerate(accesses):
            at = FIRST_RECORD_MS + int(_DAY_MS * number / len(accesses))
            await publisher.send(settings.topic(ACCESS), key, value, timestamp_ms=at)
        await publisher.flush()


@asynccontextmanager
async def _ends(settings: Settings, topic: str) -> AsyncIterator["_Ends"]:
    """Yield what counts the assessments that Kafka has."""
    consumer = AIOKafkaConsumer(**aiokafka_options(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(settings.topic(topic))  # noqa: SLF001 no public way
        parts = consumer.partitions_for_topic(settings.topic(topic)) or set()
        yield _Ends(consumer, [TopicPartition(settings.topic(topic), one) for one in parts])
    finally:
        await consumer.stop()


@dataclass(frozen=True, slots=True)
class _Ends:
    consumer: AIOKafkaConsumer
    partitions: list[TopicPartition]

    async def __call__(self) -> int:
        found: Mapping[TopicPartition, int] = await self.consumer.end_offsets(self.partitions)
        return sum(found.values())


def _begin_anew(settings: Settings, part: str) -> None:
    """Let our worker's group have read nothing."""
    group = settings.consumer_group(part)
    deadline = time.monotonic() + EMPTY_SECONDS_MAX
    while (said := _delete(settings, group)) not in _GONE:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the group of an earlier run cannot be deleted ({said})")
        time.sleep(1)


def _delete(settings: Settings, group: str) -> str:
    try:
        with administration(settings) as admin:
            return str(admin.delete_groups([group])[group])
    except CommandError as error:
        return str(error)  # a Kafka that no group has asked for yet takes a moment


@contextmanager
def _processes(
    command: Sequence[str], environment: Mapping[str, str], sink: BinaryIO, copies: int
) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run a program so many times, each with a port of its own for its pages."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(copies):
            own = {**environment, "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}"}
            running.append(subprocess.Popen(command, env=own, stdout=sink, stderr=sink))  # noqa: S603 our own programs
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _forget_windows(client: "redis.asyncio.Redis", prefix: str) -> None:
    """Remove what an earlier run has noted: an access that was seen is not noted again."""
    cursor = 0
    while True:
        cursor, keys = await client.scan(cursor, match=f"{prefix}w:*", count=_KEYS_PER_STEP)
        if keys:
            await client.unlink(*keys)
        if not cursor:
            return


async def _redis_cpu(client: "redis.asyncio.Redis") -> float:
    used = await client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-2_000:]
