"""Reading topics without a group: backwards from the newest records, to find one, or on from the first as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from stream.kafka_ends import TopicEnds

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
        **options, enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=_FETCH_BYTES_MAX
    )
    try:
        await ends.start()
        await consumer.start()
        yield _steps(consumer, await ends.partitions([topic]))
    finally:
        await consumer.stop()
        await ends.stop()


async def follow(options: Mapping[str, Any], topic: str) -> AsyncIterator[list[Any]]:
    """Give the records of a topic from its first on, and what comes, for as long as it is asked.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(topic, **options, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                yield records
    finally:
        await consumer.stop()


async def _steps(consumer: Any, partitions: list[Any]) -> AsyncIterator[list[Any]]:
    consumer.assign(partitions)
    beginnings = await consumer.beginning_offsets(partitions)
    uppers = dict(await consumer.end_offsets(partitions))
    while any(uppers[tp] > beginnings[tp] for tp in partitions):
        lowers = {tp: max(beginnings[tp], uppers[tp] - STEP_RECORDS) for tp in partitions}
        yield await _between(consumer, lowers, uppers)
        uppers = lowers


async def _between(consumer: Any, lowers: Mapping[Any, int], uppers: Mapping[Any, int]) -> list[Any]:
    """Read the records at the offsets from *lowers* to before *uppers*."""
    reading = {tp for tp in lowers if lowers[tp] < uppers[tp]}
    for tp in lowers:
        if tp in reading:
            consumer.seek(tp, lowers[tp])
    records: list[Any] = []
    empty = 0
    while reading and empty < _EMPTY_POLLS_MAX:
        fetched = await consumer.getmany(*reading, timeout_ms=_POLL_MS)
        empty = 0 if fetched else empty + 1
        for tp, found in fetched.items():
            records += [record for record in found if record.offset < uppers[tp]]
        for tp in list(reading):
            if await consumer.position(tp) >= uppers[tp]:
                reading.discard(tp)
    return records
