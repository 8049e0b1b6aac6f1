"""What the consumer hands to an agent: everything that one poll brought, over all partitions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from enrichment.decode import Refused


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


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that the client library cannot unpack; ``why`` is a sentence without anything of its content.

    Key, value and headers are there where their bytes could be had, else None and empty: ``bytes_known`` tells.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    why: str
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    bytes_known: bool = False


class Unreadable(Refused):
    """The client library cannot unpack the record."""


def value_of(record: Record) -> bytes | None:
    """Return the value of a record.

    Raises:
        Unreadable: it is an ``UnreadableRecord``.
    """
    if isinstance(record, UnreadableRecord):
        raise Unreadable(record.why)
    return record.value


def partition_key(topic: str, partition: int) -> str:
    """Return what a partition is called in Redis, and where its end is looked up."""
    return f"{topic}:{partition}"


#: Kafka's timestamps reach further than the calendar.
_MILLISECONDS_MAX = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()) * 1000


def published_at(record: Record) -> datetime:
    """Return a record's own timestamp, within the calendar."""
    return moment_of(record.timestamp)


def moment_of(timestamp_ms: int) -> datetime:
    """Return the time of so many milliseconds since 1970, within the calendar."""
    seconds, milliseconds = divmod(min(max(timestamp_ms, 0), _MILLISECONDS_MAX), 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=1000 * milliseconds)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records of one partition in a batch, in order, none left out between them."""

    topic: str
    partition: int
    records: Sequence[Record]


def _nobody() -> None:
    """Tell nobody."""


@dataclass(slots=True, eq=False)
class Batch:
    """One poll's records. Acknowledged as a whole, after everything made of it is acknowledged by Kafka."""

    chunks: Sequence[Chunk]
    #: What the consumer said it was reading for when these were polled; an agent that needs none ignores it.
    read_for: str = ""
    #: Called once, at the acknowledgement.
    on_acknowledged: Callable[[], None] = _nobody
    acknowledged: bool = field(default=False, init=False)
    #: An agent has begun to carry it.
    taken: bool = field(default=False, init=False)
    #: Its partitions were taken away before an agent took it: whoever has them now reads it again.
    withdrawn: bool = field(default=False, init=False)

    def acknowledge(self) -> None:
        """Mark it as done; more than once changes nothing."""
        if not self.acknowledged:
            self.acknowledged = True
            self.on_acknowledged()

    def __iter__(self) -> Iterator[Record]:
        """Go through all records, partition by partition, in order."""
        for chunk in self.chunks:
            yield from chunk.records

    def __len__(self) -> int:
        """Count the records."""
        return sum(len(chunk.records) for chunk in self.chunks)
