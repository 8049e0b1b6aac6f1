"""Reading back what stands in a topic."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

READ_MILLISECONDS_MAX = 10_000


async def read_all(kafka: str, topic: str) -> list[Any]:
    """Every record of *topic* as aiokafka's ConsumerRecord, partition by partition, in order of their offsets."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Any] = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=READ_MILLISECONDS_MAX)
                assert batch, f"{partition} ended early"
                records += batch[partition]
        return records
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client._wait_on_metadata(topic)
    return set(consumer.partitions_for_topic(topic) or ())
