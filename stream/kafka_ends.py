"""How far topics reach: their partitions and their end offsets."""

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code

#: Milliseconds in which Kafka must answer a question about topics.
_ANSWER_MS_MAX = 15_000


class TopicEnds:
    """Asks Kafka about topics; reads no record and belongs to no group."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._admin = AIOKafkaAdminClient(**options, request_timeout_ms=_ANSWER_MS_MAX)
        self._consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)

    async def start(self) -> None:
        """Connect.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        try:
            await self._admin.start()
            await self._consumer.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect."""
        await self._admin.close()
        await self._consumer.stop()

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Give all partitions of these topics.

        Raises:
            aiokafka.errors.KafkaError: a topic does not exist, or Kafka does not answer. None is ever left out.
        """
        found = []
        for described in await self._admin.describe_topics(list(topics)):
            if described["error_code"]:
                raise for_code(described["error_code"])
            found += [TopicPartition(described["topic"], part["partition"]) for part in described["partitions"]]
        if {tp.topic for tp in found} != set(topics):
            raise UnknownTopicOrPartitionError
        return found

    async def ends(self, topics: Collection[str]) -> dict[str, int]:
        """Give the end offset of each ``<topic>:<partition>``; 0 where nothing is left to read before it.

        Raises:
            aiokafka.errors.KafkaError: as ``partitions``.
        """
        partitions = await self.partitions(topics)
        beginnings = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return {f"{tp.topic}:{tp.partition}": end if end > beginnings[tp] else 0 for tp, end in ends.items()}

    async def offsets(self, topics: Collection[str]) -> dict[str, int]:
        """Give the next offset of each ``<topic>:<partition>``, whether or not a record is left before it.

        Raises:
            aiokafka.errors.KafkaError: as ``partitions``.
        """
        ends = await self._consumer.end_offsets(await self.partitions(topics))
        return {f"{tp.topic}:{tp.partition}": end for tp, end in ends.items()}
