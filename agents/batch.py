"""What the transport hands to an agent: everything that one poll brought, over all partitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Record(Protocol):
    """One Kafka record, as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    #: Milliseconds since 1970.
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Kafka's timestamps reach further than the calendar.
_MILLISECONDS_MAX = int((datetime.max.replace(tzinfo=UTC) - _EPOCH).total_seconds()) * 1000


def published_at(record: Record) -> datetime:
    """Give a record's own timestamp, within the calendar."""
    return _EPOCH + timedelta(milliseconds=min(max(record.timestamp, 0), _MILLISECONDS_MAX))


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records of one partition in a batch, in order, none left out between them."""

    topic: str
    partition: int
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Batch:
    """One poll's records. Acknowledged as a whole, after everything made of it is acknowledged by Kafka."""

    chunks: Sequence[Chunk]
    #: What the consumer said it was reading for when these were polled; an agent that needs none ignores it.
    read_for: str = ""

    def __iter__(self) -> Iterator[Record]:
        """Go through all records, partition by partition, in order."""
        for chunk in self.chunks:
            yield from chunk.records

    def __len__(self) -> int:
        """Count the records."""
        return sum(len(chunk.records) for chunk in self.chunks)
