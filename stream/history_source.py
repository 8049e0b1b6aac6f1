"""``integrity.assessment.v1`` as the history reads it: from offsets of its own, all partitions, no group.

The group's name is only there so that Kafka's tools can say how far the table is behind.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.batch import UnreadableRecord
from agents.connection_errors import why
from enrichment.log import events
from history.writer import HistoryRecord
from stream.topic_admin import TopicEnds
from stream.unreadable import poll

#: Milliseconds that one poll waits for records, and records that it brings at most.
POLL_MS: Final = 500
RECORDS_MAX: Final = 5_000
_FETCH_BYTES_MAX: Final = 1024 * 1024

_log = events(__name__)


class AssessmentSource:
    """Reads the topic; nothing is opened before ``begin``."""

    def __init__(self, options: Mapping[str, Any], topic: str, group: str, ends: TopicEnds) -> None:
        self._options = dict(options)
        self._topic = topic
        self._group = group
        self._ends = ends
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}

    async def begin(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        await self.close()
        self._positions = {TopicPartition(self._topic, partition): at for partition, at in positions.items()}
        self._consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=_FETCH_BYTES_MAX,
            max_poll_records=RECORDS_MAX,
        )
        await self._consumer.start()
        self._consumer.assign(list(self._positions))
        for tp, at in self._positions.items():
            self._consumer.seek(tp, at)

    async def more(self) -> list[HistoryRecord]:
        """Return what has come, in order of each partition; waits a little for it."""
        if self._consumer is None or not self._positions:
            return []
        found = await poll(self._consumer, self._options, self._positions, POLL_MS)
        return [
            HistoryRecord(record.partition, record.offset, record.timestamp, _value(record))
            for records in found.values()
            for record in records
        ]

    def positions(self) -> Mapping[int, int]:
        """Return where each partition that is read goes on: past markers of transactions and gaps of compaction too."""
        return {tp.partition: at for tp, at in self._positions.items()}

    async def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Return the first offset that is there, and the one behind the last, of every partition."""
        return await self._ends.bounds(self._topic)

    async def commit(self, following: Mapping[int, int]) -> None:
        """Let Kafka know how far the table is; where it does not take that, nothing is lost."""
        if self._consumer is None:
            return
        offsets = {tp: following[tp.partition] for tp in self._positions if tp.partition in following}
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:
            _log.info("commit-not-taken", why=why(error))

    async def close(self) -> None:
        """Read no more."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()


def _value(record: Any) -> bytes | None:
    if isinstance(record, UnreadableRecord):
        return record.value if record.bytes_known else None
    value: bytes | None = record.value
    return value
