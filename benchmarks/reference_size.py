"""The reference data at the ministry's size, through all that is real; prints the table of docs/reference-data.md.

``python -m benchmarks.reference_size [--clients 1200000] [--dir DIR]``: files, Kafka, Valkey, a worker; the load until
all is in force, memory, a restart, the commands, how soon a change is in a reader's memory, and that memory when full.
"""

import argparse
import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

import orjson
import redis.asyncio
from aiokafka import AIOKafkaProducer

from enrichment.reference.cache import CLIENT_NODES_MAX, CacheInvalidation, CacheWarmUp, ReferenceCache
from enrichment.reference.redis import RedisReferenceStore
from sandbox.services import Addresses, embedded

ACCESSWATCH = str(Path(sys.executable).parent / "accesswatch")
HTTP = "127.0.0.1:9187"
NAMESPACE = "accesswatch::"
#: Seconds after which a step of this benchmark is given up.
STEP_SECONDS_MAX = 3_600.0
CHANGES = 300
SHOWN = 9
NODES_PER_READ = 500


def main() -> None:
    """Measure and print, a line each."""
    parser = argparse.ArgumentParser(prog="benchmarks.reference_size")
    parser.add_argument("--staff", type=int, default=8_044)
    parser.add_argument("--clients", type=int, default=1_200_000)
    parser.add_argument("--dir", type=Path, help="where the files are, or are kept")
    asked = parser.parse_args()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accesswatch-size-")))
        files = asked.dir or root / "files"
        if not (files / "client.jsonl").exists():
            sizes = ("--staff", str(asked.staff), "--clients", str(asked.clients))
            say("files", _timed([ACCESSWATCH, "simulate", "reference", "--out", str(files), *sizes], os.environ))
        services = stack.enter_context(embedded(root / "services"))
        environment = _environment(services, root)
        subprocess.run([ACCESSWATCH, "topics", "create"], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        numbers = {path.stem: sum(1 for _ in path.open("rb")) for path in sorted(files.glob("*.jsonl"))}
        with a_worker(environment) as worker:
            asyncio.run(_loaded(services, environment, files, numbers, worker))
        began = time.perf_counter()
        with a_worker(environment) as worker:
            say("a restarted worker is ready", f"{time.perf_counter() - began:.1f} s")
            time.sleep(5)
            say("its memory with all staff read ahead", f"{_resident(worker.pid)} MB")
            _commands(environment, files)
            asyncio.run(_changes(services, numbers["client"]))


def say(what: str, figure: str) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what}: {figure}\n")
    sys.stdout.flush()


def _environment(services: Addresses, root: Path) -> dict[str, str]:
    return dict(os.environ) | {
        "ACCESSWATCH_KAFKA": services.kafka,
        "ACCESSWATCH_REDIS": services.redis,
        "ACCESSWATCH_STATE_DIR": str(root / "state"),
        "ACCESSWATCH_HTTP": HTTP,
    }


@contextmanager
def a_worker(environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker of all agents, ready."""
    worker = subprocess.Popen([ACCESSWATCH, "worker"], env=environment, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        deadline = time.monotonic() + STEP_SECONDS_MAX
        while not _ready() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)


def _ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://{HTTP}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 the contract's number
    except (urllib.error.URLError, OSError):
        return False


async def _loaded(
    services: Addresses,
    environment: Mapping[str, str],
    files: Path,
    numbers: Mapping[str, int],
    worker: "subprocess.Popen[bytes]",
) -> None:
    """Load everything, and wait until Redis has applied every record of the new topics: judged with from then on."""
    client = redis.asyncio.Redis.from_url(services.redis)
    references = RedisReferenceStore(client, NAMESPACE)
    total, began, cpu = sum(numbers.values()), time.perf_counter(), _cpu(worker.pid)
    load = await asyncio.create_subprocess_exec(
        ACCESSWATCH, "reference", "load", str(files), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    published: float | None = None
    async with asyncio.timeout(STEP_SECONDS_MAX):
        while sum((await references.applied()).values()) < total:
            if published is None and load.returncode is not None:
                published = time.perf_counter() - began
            await asyncio.sleep(0.2)
    seconds = time.perf_counter() - began
    info = await client.info("memory")
    say("records", f"{total:,}, published in {published or seconds:.0f} s")
    say("loaded until all is in force", f"{seconds:.0f} s, {total / seconds:,.0f} records/s")
    say("CPU of the worker", f"{(_cpu(worker.pid) - cpu) / total * 1e6:.0f} us a record")
    say("Redis", f"{info['used_memory'] / 1e9:.2f} GB used, {info['used_memory_rss'] / 1e9:.2f} GB resident")
    say("the worker's memory after it", f"{_resident(worker.pid)} MB")
    await client.aclose()


def _commands(environment: Mapping[str, str], files: Path) -> None:
    with (files / "staff.jsonl").open("rb") as lines:
        staff = [orjson.loads(line)["staff_id"] for line, _ in zip(lines, range(SHOWN), strict=False)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = [_seconds([ACCESSWATCH, "reference", "show", f"staff:{one}"], environment) for one in staff]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(staff)
    say("reference show", f"{sorted(seconds)[len(seconds) // 2]:.2f} s in the middle of {SHOWN}, CPU {cpu:.2f} s")
    alone = _seconds([ACCESSWATCH, "--version"], environment)
    say("... of which Python and the command line alone", f"{alone:.2f} s")


async def _changes(services: Addresses, clients: int) -> None:
    """Fill a reader's memory; then time changes from Kafka's acknowledgement until that memory gives them."""
    client = redis.asyncio.Redis.from_url(services.redis)
    told = redis.asyncio.Redis.from_url(services.redis, protocol=3)
    references = RedisReferenceStore(client, NAMESPACE)
    references.epoch = await references.current_epoch()
    cache = ReferenceCache(references)
    link = asyncio.create_task(
        CacheInvalidation(told, NAMESPACE, references, cache, CacheWarmUp(client, NAMESPACE, cache)).run()
    )
    while not cache.live:  # noqa: ASYNC110 another task makes the link
        await asyncio.sleep(0.01)
    before, chance = _resident(os.getpid()), random.Random(1)  # noqa: S311 a seeded choice
    opened = [f"client:C{number:07}" for number in chance.sample(range(1, clients + 1), min(clients, CLIENT_NODES_MAX))]
    began = time.perf_counter()
    for start in range(0, len(opened), NODES_PER_READ):
        await cache.read(opened[start : start + NODES_PER_READ])
    say(
        "a full memory",
        f"{len(cache):,} people, {_resident(os.getpid()) - before} MB, read in {time.perf_counter() - began:.1f} s",
    )
    async with AIOKafkaProducer(bootstrap_servers=services.kafka, acks="all") as producer:
        waits = [await _change(producer, cache, node.partition(":")[2]) for node in chance.sample(opened, CHANGES)]
    cuts = quantiles(waits, n=100)
    say(
        f"{CHANGES} changes, from Kafka's acknowledgement to a reader's memory",
        f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, max {max(waits) * 1e3:.1f} ms",
    )
    link.cancel()
    await asyncio.gather(link, return_exceptions=True)
    await client.aclose()
    await told.aclose()


async def _change(producer: AIOKafkaProducer, cache: ReferenceCache, client_id: str) -> float:
    """Return the seconds until memory gives this change."""
    site = f"site-{uuid4().hex[:12]}"
    value = orjson.dumps({"client_id": client_id, "status": "active", "site": site})
    await producer.send_and_wait("ref.client.v1", value, key=client_id.encode())
    began = time.perf_counter()
    async with asyncio.timeout(STEP_SECONDS_MAX):
        while True:
            known = (await cache.read([f"client:{client_id}"]))[f"client:{client_id}"].client
            if known is not None and known.value.site == site:
                return time.perf_counter() - began
            await asyncio.sleep(0.0005)


def _seconds(command: list[str], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - began


def _timed(command: list[str], environment: Mapping[str, str]) -> str:
    return f"{_seconds(command, environment):.0f} s"


def _resident(pid: int) -> int:
    """Return the resident memory of a process in MB, as Linux says it."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
