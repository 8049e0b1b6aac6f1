"""Whether every record of ``cms.access.v1`` was assessed or parked: compared with the history and the dead letters.

It asks no group: whoever moved its offsets, or joined it, changes nothing of what is found here.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
from aiokafka import AIOKafkaConsumer

from agents.dead_letter import PREFIX
from enrichment.nz_time import ZONE
from history.reading import HistoryReading
from stream.topic_admin import TopicEnds
from stream.unreadable import poll

#: Records that are compared at a time.
RECORDS_PER_STEP: Final = 200_000
#: Records that are named; of more it is said how many there are.
NAMED_MAX: Final = 10_000
#: How far from its own time an access may have been recorded, on either side.
LATE, EARLY = timedelta(days=32), timedelta(days=2)
_POLL_MS: Final = 1_000
_EMPTY_POLLS_MAX: Final = 5


class Place(NamedTuple):
    """Where a record stands."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was found: how many records were looked at, to which time, and those that nothing is known of."""

    records: int
    to: datetime
    missing: list[Place]


async def coverage(
    options: Mapping[str, Any],
    reading: HistoryReading,
    topics: tuple[str, str],
    days: tuple[date, date],
    *,
    complete_to: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> Coverage:
    """Return which records were neither assessed nor parked.

    Args:
        options: how to reach Kafka.
        reading: the history.
        topics: of accesses, and of their dead letters.
        days: the first and the last New Zealand date on which they were recorded.
        complete_to: to which time the history is complete: what came later is not looked at.
        progress: told how many records have been looked at.

    Raises:
        aiokafka.errors.KafkaError, OSError: Kafka does not answer.
    """
    begin = datetime(days[0].year, days[0].month, days[0].day, tzinfo=ZONE)
    end = min(datetime(days[1].year, days[1].month, days[1].day, tzinfo=ZONE) + timedelta(days=1), complete_to)
    accesses, letters = topics
    missing: list[Place] = []
    count = 0
    async for records in _in_steps(options, accesses, begin, end):
        count += len(records)
        missing += _unknown(reading, records, days)
        progress(count)
    if missing:
        parked = await _parked(options, letters, begin)
        missing = [one for one in missing if one not in parked]
    return Coverage(count, end, sorted(missing))


def _unknown(reading: HistoryReading, records: list[Any], days: tuple[date, date]) -> list[Place]:
    """Return the places of records whose event id is not in the history, or that have none."""
    places = [Place(record.partition, record.offset) for record in records]
    table = pa.table(
        {
            "number": pa.array(range(len(records)), pa.int64()),
            "event_id": pa.array([_event_id(record.value) for record in records], pa.string()),
        }
    )
    first, last = days[0] - LATE, days[1] + EARLY
    return [places[number] for number in reading.not_there(table, first, last)]


def _event_id(value: bytes | None) -> str | None:
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    event_id = found.get("event_id") if isinstance(found, dict) else None
    return event_id if isinstance(event_id, str) else None


async def _parked(options: Mapping[str, Any], topic: str, begin: datetime) -> set[Place]:
    found: set[Place] = set()
    async for records in _in_steps(options, topic, begin, datetime.now(UTC)):
        for record in records:
            headers = {name: value or b"" for name, value in record.headers}
            partition, offset = headers.get(f"{PREFIX}partition"), headers.get(f"{PREFIX}offset")
            if partition is not None and offset is not None and partition.isdigit() and offset.isdigit():
                found.add(Place(int(partition), int(offset)))
    return found


async def _in_steps(options: Mapping[str, Any], topic: str, begin: datetime, end: datetime) -> AsyncIterator[list[Any]]:
    """Yield a topic's records of a time, some at a time."""
    ends = TopicEnds(options)
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_committed")
    last_ms = int(end.timestamp() * 1000)
    try:
        await ends.start()
        await consumer.start()
        partitions = await ends.partitions([topic])
        uppers = await ends.offsets([topic])
        consumer.assign(partitions)
        at = await consumer.offsets_for_times(dict.fromkeys(partitions, int(begin.timestamp() * 1000)))
        positions = {tp: found.offset for tp in partitions if (found := at.get(tp)) is not None}
        for tp, offset in positions.items():
            consumer.seek(tp, offset)
        step: list[Any] = []
        empty = 0
        while positions and empty < _EMPTY_POLLS_MAX:
            found = await poll(consumer, options, positions, _POLL_MS)
            empty = 0 if found else empty + 1
            for records in found.values():
                step += [record for record in records if record.timestamp < last_ms]
            for tp in [tp for tp, position in positions.items() if position >= uppers[f"{tp.topic}:{tp.partition}"]]:
                del positions[tp]
            if len(step) >= RECORDS_PER_STEP:
                yield step
                step = []
        yield step
    finally:
        await consumer.stop()
        await ends.stop()
