"""How far topics reach: their end offsets, and which of them exist."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


class TopicEnds:
    """Asks Kafka; a client without a group, which reads nothing."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, metadata_max_age_ms=10_000)

    async def start(self) -> None:
        """Connect.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def missing(self, topics: Iterable[str]) -> list[str]:
        """Give those of these topics that do not exist."""
        existing = await self._consumer.topics()
        return [topic for topic in topics if topic not in existing]

    async def ends(self, topics: Iterable[str]) -> dict[str, int]:
        """Give the end offset of each ``<topic>:<partition>``; 0 where nothing is left to read before it."""
        await self._consumer.topics()
        partitions = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in self._consumer.partitions_for_topic(topic) or ()
        ]
        beginnings = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return {f"{tp.topic}:{tp.partition}": end if end > beginnings[tp] else 0 for tp, end in ends.items()}
