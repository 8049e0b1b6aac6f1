"""Reading back what stands in a topic."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

READ_MILLISECONDS_MAX = 10_000
ATTEMPTS_MAX = 300
ATTEMPT_SECONDS = 0.1


async def read_all(kafka: str, topic: str) -> list[Any]:
    """Every record of *topic* that was not taken back, as aiokafka has it, by partition and offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Any] = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=READ_MILLISECONDS_MAX)
                moved = await consumer.position(partition) >= ends[partition]
                assert batch or moved, f"{partition} ended early"
                records += batch.get(partition, [])
        return records
    finally:
        await consumer.stop()


async def read_at_least(kafka: str, topic: str, count: int) -> list[Any]:
    """Every record of *topic*, read again until there are *count*, for at most half a minute.

    What one record leads to is acknowledged topic by topic: its assessment can be there before its dead letter.
    """
    for _ in range(ATTEMPTS_MAX):
        records = await read_all(kafka, topic)
        if len(records) >= count:
            return records
        await asyncio.sleep(ATTEMPT_SECONDS)
    return await read_all(kafka, topic)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client._wait_on_metadata(topic)
    return set(consumer.partitions_for_topic(topic) or ())
