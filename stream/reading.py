"""Reading topics without a group: backwards from the newest records, to find one, or on from the first as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.batch import UnreadableRecord
from stream.topic_admin import TopicEnds
from stream.unreadable import poll

#: Records of each partition that one step back covers.
STEP_RECORDS = 5_000
#: Milliseconds that one poll waits.
_POLL_MS = 1_000
#: Polls in a row that may bring nothing before a step counts as read: the rest of it may hold no records.
_EMPTY_POLLS_MAX = 3
#: Bytes of a partition that are fetched at once: what lies beyond a step was fetched in vain.
_FETCH_BYTES_MAX = 1024 * 1024


@asynccontextmanager
async def backwards(options: Mapping[str, Any], topic: str) -> AsyncIterator[AsyncIterator[list[Any]]]:
    """Open a topic to be read step by step, the newest records first.

    Each step is a list of records, a part of each partition; the steps end where the topic begins.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer.
    """
    ends = TopicEnds(options)
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES_MAX,
    )
    try:
        await ends.start()
        await consumer.start()
        yield _steps(consumer, options, await ends.partitions([topic]))
    finally:
        await consumer.stop()
        await ends.stop()


async def follow(options: Mapping[str, Any], topic: str) -> AsyncIterator[list[Any]]:
    """Yield the records of a topic from its first on, and what comes, for as long as it is asked.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer.
    """
    async with AIOKafkaConsumer(
        topic, **options, auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed"
    ) as consumer:
        while True:
            positions = {tp: await consumer.position(tp) for tp in consumer.assignment()}
            for records in (await poll(consumer, options, positions, _POLL_MS)).values():
                yield records


async def _steps(
    consumer: Any, options: Mapping[str, Any], partitions: list[TopicPartition]
) -> AsyncIterator[list[Any]]:
    consumer.assign(partitions)
    beginnings = await consumer.beginning_offsets(partitions)
    uppers = dict(await consumer.end_offsets(partitions))
    while any(uppers[tp] > beginnings[tp] for tp in partitions):
        lowers = {tp: max(beginnings[tp], uppers[tp] - STEP_RECORDS) for tp in partitions}
        yield await between(consumer, options, lowers, uppers)
        uppers = lowers


async def between(
    consumer: Any,
    options: Mapping[str, Any],
    lowers: Mapping[TopicPartition, int],
    uppers: Mapping[TopicPartition, int],
    records_max: int | None = None,
) -> list[Any]:
    """Read the records at the offsets from *lowers* to before *uppers*, those that cannot be unpacked left out.

    Args:
        consumer: one without a group, to which these partitions are assigned.
        options: how to reach Kafka.
        lowers: where to begin.
        uppers: where to end.
        records_max: past so many no more are fetched; None for all.
    """
    positions = {tp: lower for tp, lower in lowers.items() if lower < uppers[tp]}
    for tp, position in positions.items():
        consumer.seek(tp, position)
    records: list[Any] = []
    empty = 0
    while positions and empty < _EMPTY_POLLS_MAX and (records_max is None or len(records) <= records_max):
        fetched = await poll(consumer, options, positions, _POLL_MS)
        empty = 0 if fetched else empty + 1
        for tp, found in fetched.items():
            wanted = (one for one in found if one.offset < uppers[tp])
            records += [one for one in wanted if not isinstance(one, UnreadableRecord)]
        for tp in [tp for tp, position in positions.items() if position >= uppers[tp]]:
            del positions[tp]
    return records
