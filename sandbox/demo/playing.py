"""Putting the agency and its day onto the topics: the one as fast as it goes, the other at a rate."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from functools import partial

from sandbox.demo.scoreboard import Progress
from sandbox.demo.worker import until
from simulator.records import Played, Reference
from stream.producer import Publisher
from stream.settings import Settings
from stream.topics import ACCESS, reference_topic

#: How many reference records are published before others on this loop have their turn.
_RECORDS_PER_TURN = 500
#: How often accesses that are due are handed to Kafka.
TICK_SECONDS = 0.01
#: Handed over and not acknowledged yet; beyond it the play waits.
UNACKNOWLEDGED_MAX = 200


async def publish_agency(
    publisher: Publisher, settings: Settings, records: Iterable[Reference], progress: Progress
) -> dict[str, int]:
    """Publish the reference data; give how many distinct records there are of each kind."""
    distinct: dict[str, set[str]] = defaultdict(set)
    published = 0
    for kind, record_id, value in records:
        await publisher.send(settings.topic(reference_topic(kind)), record_id.encode(), value)
        distinct[kind].add(record_id)
        published += 1
        if published % _RECORDS_PER_TURN == 0:
            progress.phase("agency", f"{published:,} records")
            await asyncio.sleep(0)
    await publisher.flush()
    progress.finish("agency", f"{published:,} records published")
    return {kind: len(ids) for kind, ids in distinct.items()}


async def play_accesses(
    publisher: Publisher, settings: Settings, accesses: Iterable[Played], progress: Progress, stop: asyncio.Event
) -> None:
    """Publish the accesses at the rate, each with the time at which it is sent as its timestamp, until *stop*.

    Raises:
        PublishError: Kafka did not acknowledge one.
    """
    topic = settings.topic(ACCESS)
    under_way: deque[asyncio.Task[None]] = deque()
    began = time.monotonic()

    def is_due(number: int) -> bool:
        return time.monotonic() - began >= number / progress.rate

    for number, played in enumerate(accesses):
        if not is_due(number):
            under_way.append(await publisher.hand_over())
            while under_way and (under_way[0].done() or len(under_way) > UNACKNOWLEDGED_MAX):
                await under_way.popleft()
            await until(partial(is_due, number), None, TICK_SECONDS)
        if stop.is_set():
            break
        at = time.time_ns() // 1_000_000
        progress.scoreboard.play(played.event_id, played.label, at)
        await publisher.send(topic, played.key.encode(), played.value, timestamp_ms=at)
    await publisher.flush()
    for task in under_way:
        await task
