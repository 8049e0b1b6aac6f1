"""A worker that comes back to a million accesses: how long they take, its memory, and when fresh accesses are assessed.

Fresh accesses come all the while, 20 a second. They stand behind the backlog on each partition, so that what they wait
for is its end: a matter of throughput.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.ministry import Ministry
from benchmarks.stand import Stand, publish, rss_mb, running, stand
from benchmarks.tables import circumstances, show, table
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.reading import follow
from stream.topics import ACCESS, ASSESSMENT

BACKLOG = 1_000_000
FRESH_PER_SECOND = 20
#: Seconds at rest before its memory is read, and for which it goes on after the backlog is done.
REST_SECONDS, AFTER_SECONDS = 10.0, 10.0
#: Seconds without any assessment after which the worker is given up.
SILENT_SECONDS_MAX = 90.0
_FRESH = b"fresh-"


@dataclass(slots=True)
class Seen:
    """What came of the backlog and of the accesses behind it."""

    began: float = field(default_factory=time.time)
    done: int = 0
    last: float = field(default_factory=time.time)
    drained: float | None = None
    sent: dict[str, float] = field(default_factory=dict)
    assessed: dict[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table."""
    del accesses, rounds  # a million, once
    ministry = Ministry(staff, clients, BACKLOG)
    backlog = len(ministry.accesses)
    with stand(ministry, published=False) as place:
        with running(place, place.ours()) as pid:
            time.sleep(REST_SECONDS)
            at_rest = rss_mb(pid)
        asyncio.run(publish(place.settings, ministry.accesses))
        with running(place, place.ours()) as pid:
            seen = asyncio.run(_drained(place, ministry.accesses, backlog, pid))
    if seen.drained is None:
        raise RuntimeError(f"the worker stood still after {seen.done:,} assessments")
    took = seen.drained - seen.began
    behind, after = _waits(seen, seen.drained)
    rows = [
        ["accesses behind which it started", f"{backlog:,}"],
        ["until the last of them was assessed", f"{took:.0f} s, {backlog / took:,.0f}/s"],
        ["a fresh access meanwhile, p50 and longest", f"{statistics.median(behind):.0f} s, {max(behind):.0f} s"],
        ["a fresh access afterwards, p50", f"{statistics.median(after) * 1000:.0f} ms"],
        ["memory at rest, all staff read ahead", f"{at_rest:.0f} MB"],
        ["memory while it worked them off, at most", f"{max(seen.memory):.0f} MB"],
    ]
    said = f"{staff:,} staff, {clients:,} clients; {FRESH_PER_SECOND} fresh accesses a second. {circumstances(command)}"
    show("backlog", f"{table(('a backlog', ''), rows)}\n\n{said}", write=write)


async def _drained(place: Stand, accesses: Sequence[tuple[bytes, bytes]], backlog: int, pid: int) -> Seen:
    seen = Seen()
    reading = asyncio.create_task(_read(place, seen, backlog))
    fresh = asyncio.create_task(_publish_fresh(place, accesses, seen))
    try:
        while seen.drained is None or time.time() < seen.drained + AFTER_SECONDS:
            await asyncio.sleep(1)
            seen.memory.append(rss_mb(pid))
            if time.time() - seen.last > SILENT_SECONDS_MAX:
                break
    finally:
        for task in (reading, fresh):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return seen


async def _publish_fresh(place: Stand, accesses: Sequence[tuple[bytes, bytes]], seen: Seen) -> None:
    """Send accesses again under an id of their own, with the time of now."""
    async with Publisher(aiokafka_options(place.settings)) as publisher:
        for number, (key, value) in enumerate(accesses):
            name = f"{_FRESH.decode()}{number}"
            head, _, rest = value.partition(b'"event_id":"')
            fresh = head + b'"event_id":"' + name.encode() + rest[rest.index(b'"') :]
            seen.sent[name] = time.time()
            await publisher.send(place.settings.topic(ACCESS), key, fresh, timestamp_ms=int(time.time() * 1000))
            await publisher.flush()
            await asyncio.sleep(1 / FRESH_PER_SECOND)


async def _read(place: Stand, seen: Seen, backlog: int) -> None:
    async for records in follow(aiokafka_options(place.settings), place.settings.topic(ASSESSMENT)):
        seen.last = time.time()
        for record in records:
            at = record.value.find(_FRESH)
            if at < 0:
                seen.done += 1
            else:
                seen.assessed[record.value[at : record.value.index(b'"', at)].decode()] = seen.last
        if seen.drained is None and seen.done >= backlog:
            seen.drained = seen.last


def _waits(seen: Seen, drained: float) -> tuple[list[float], list[float]]:
    """Return how long fresh accesses waited: those sent before the backlog was done, and those sent after."""
    waits = [(sent, seen.assessed[one] - sent) for one, sent in seen.sent.items() if one in seen.assessed]
    return [wait for sent, wait in waits if sent < drained], [wait for sent, wait in waits if sent > drained + 1]
