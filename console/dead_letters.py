"""Dead letters: what stands on each, and reading their topics without a group and without keeping a value."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from agents.connection_errors import why
from agents.dead_letter import LEFT_OUT_HEADER, PREFIX, REPLAYS_HEADER
from enrichment.errors import CommandError
from stream.connections import kafka_python_options
from stream.settings import Settings
from stream.topics import dead_letter_topic

#: Bytes fetched at a time, as they are kept; a larger single record comes alone.
FETCH_BYTES_MAX = 8 * 1024 * 1024
#: Records in memory at a time, unpacked: each may be large.
POLL_RECORDS_MAX = 20
#: How long Kafka may bring nothing although there is more to read.
SILENCE_SECONDS_MAX = 30.0
_POLL_MILLISECONDS = 500
#: Characters of a header that are shown at most.
_TEXT_CHARACTERS_MAX = 500
_NUMBER_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a record was parked, and where it came from; never what is in it."""

    #: Its own place, in the dead-letter topic.
    topic: str
    partition: int
    offset: int
    parked_at: datetime
    #: Where the record came from; None where the header is missing or no number.
    source_topic: str
    source_partition: int | None
    source_offset: int | None
    stage: str
    error: str
    message: str
    #: How often the record had been put back before it was parked this time.
    replays: int
    #: What was left out where only a trace is parked.
    left_out: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which dead letters are meant; None leaves nothing out. Times are those of parking, *until* is not included."""

    stage: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fit(self, letter: DeadLetter) -> bool:
        """Whether this one is meant."""
        return (
            self.stage in {None, letter.stage}
            and self.error in {None, letter.error}
            and (self.since is None or letter.parked_at >= self.since)
            and (self.until is None or letter.parked_at < self.until)
        )


def read(record: Any) -> DeadLetter:
    """Read the headers of a record of a dead-letter topic."""
    headers: Mapping[str, bytes | None] = dict(record.headers)
    left_out = _text(headers, LEFT_OUT_HEADER)
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        parked_at=datetime.fromtimestamp(max(0, record.timestamp) / 1000, UTC),
        source_topic=_text(headers, f"{PREFIX}topic"),
        source_partition=_number(headers, f"{PREFIX}partition"),
        source_offset=_number(headers, f"{PREFIX}offset"),
        stage=_text(headers, f"{PREFIX}stage"),
        error=_text(headers, f"{PREFIX}exception.class.name"),
        message=_text(headers, f"{PREFIX}exception.message"),
        replays=_number(headers, REPLAYS_HEADER) or 0,
        left_out=left_out or None,
    )


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    """Return a header's text, one printable line whatever somebody has written there; empty where there is none."""
    text = (headers.get(name) or b"").decode("utf-8", "replace")[:_TEXT_CHARACTERS_MAX]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _number(headers: Mapping[str, bytes | None], name: str) -> int | None:
    text = headers.get(name) or b""
    return int(text) if text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX else None


class Reader:
    """Reads dead-letter topics, a partition at a time, up to where each ended when it was asked."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def partitions(self, sources: list[str]) -> list[TopicPartition]:
        """Return the partitions of the dead-letter topics of *sources* (with their prefix), in order.

        Raises:
            CommandError: one does not exist.
        """
        return self.of([dead_letter_topic(source) for source in sources])

    def of(self, topics: list[str]) -> list[TopicPartition]:
        """Return the partitions of topics, in order.

        Raises:
            CommandError: one does not exist.
        """
        found = []
        for topic in topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions:
                raise CommandError(f"Kafka has no topic {topic}: make it with `accesswatch topics create`.")
            found += [TopicPartition(topic, number) for number in sorted(partitions)]
        return found

    def bounds(self, partitions: list[TopicPartition], since: datetime | None) -> dict[TopicPartition, tuple[int, int]]:
        """Return where to begin and where to end; partitions without anything in between are left out.

        Args:
            partitions: what to read.
            since: nothing that was parked before this time is needed.
        """
        begins = self._consumer.beginning_offsets(partitions)
        ends = self._consumer.end_offsets(partitions)
        if since is not None:
            at = self._consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
            begins = {tp: ends[tp] if at[tp] is None else at[tp].offset for tp in partitions}
        return {tp: (begins[tp], ends[tp]) for tp in partitions if begins[tp] < ends[tp]}

    def records(self, partition: TopicPartition, begin: int, end: int) -> Iterator[list[Any]]:
        """Yield the records from offset *begin* to before *end*, a few at a time, in order.

        Raises:
            CommandError: Kafka does not bring them.
        """
        self._consumer.assign([partition])
        self._consumer.seek(partition, begin)
        heard = time.monotonic()
        while (position := self._consumer.position(partition)) < end:
            fetched = self._consumer.poll(_POLL_MILLISECONDS, max_records=POLL_RECORDS_MAX).get(partition, [])
            if fetched or self._consumer.position(partition) != position:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS_MAX:
                raise CommandError(f"Kafka brings nothing of {partition.topic} any more: see that its brokers run.")
            if wanted := [record for record in fetched if record.offset < end]:
                yield wanted


@contextmanager
def reader(settings: Settings) -> Iterator[Reader]:
    """Open a connection for reading.

    Raises:
        CommandError: Kafka does not answer, or does not let us read.
    """
    consumer = None
    try:
        consumer = KafkaConsumer(
            **kafka_python_options(settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_poll_records=POLL_RECORDS_MAX,
        )
        yield Reader(consumer)
    except (KafkaError, OSError) as error:
        raise CommandError(
            f"Kafka at {settings.kafka} cannot be read from ({why(error)}): "
            "see that it runs, and that ACCESSWATCH_KAFKA and its security settings are right."
        ) from error
    finally:
        if consumer is not None:
            consumer.close()
