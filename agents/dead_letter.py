"""Parking: a record that can never be dealt with goes to its dead-letter topic, byte for byte, saying why.

Where Kafka does not take it for its size, its trace is parked instead: its key, why, and where the original stands.

When nearly everything is parked, something is wrong that parking does not mend: at the ``DeadLetterLimit`` the worker
stops with a sentence and leaves the topic as it is. Its counts lie in Redis, by partition, so that a restarted worker
does not begin again and park the whole topic a piece at a time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import redis.asyncio
from redis.exceptions import RedisError

from agents.batch import Batch, Chunk, Record, UnreadableRecord
from agents.connection_errors import why
from agents.metrics import Metrics
from agents.outputs import Headers, Outputs, TooLarge
from enrichment.decode import Stage
from enrichment.log import events

#: Names of our headers begin with it; a record that comes with such headers loses them when it is parked.
PREFIX = "__accesswatch.errors."
#: How often the record was put back before it was parked; it stays with the record, being none of the above.
REPLAYS_HEADER = "__accesswatch.replays"
#: Stands on a dead letter that is only a trace: what was left out, and where the original is.
LEFT_OUT_HEADER = PREFIX + "left.out"
#: The largest key that a trace carries, in bytes; an id has 64 characters.
TRACE_KEY_BYTES_MAX = 64 * 1024

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record, and why it was parked. The sentence holds no personal data."""

    record: Record
    stage: Stage
    error: str
    sentence: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Sends parked records on. They count as dealt with once Kafka has acknowledged them."""

    outputs: Outputs
    metrics: Metrics
    group: str
    release: str

    async def park(self, parked: DeadLetter) -> None:
        """Hand a record over to its dead-letter topic, its own headers first and ours behind them."""
        record = parked.record
        why = {
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "stage": parked.stage,
            "exception.class.name": parked.error,
            "exception.message": parked.sentence,
            "group": self.group,
            "service.version": self.release,
            "timestamp": datetime.now(UTC).isoformat(),
        }
        ours = [(PREFIX + name, text.encode()) for name, text in why.items()]
        if isinstance(record, UnreadableRecord) and not record.bytes_known:
            await self._park_trace(record, ours, "its bytes, which no client library can unpack")
            return
        own = [(name, content) for name, content in record.headers if not name.startswith(PREFIX)]
        try:
            await self.outputs.send(f"{record.topic}.dlq", record.key, record.value, [*own, *ours], None)
        except TooLarge:
            size = len(record.value or b"")
            await self._park_trace(record, ours, f"the value of {size} bytes and the record's own headers")

    async def _park_trace(self, record: Record, ours: Headers, what: str) -> None:
        place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
        _log.warning("trace-parked", topic=record.topic, partition=record.partition, offset=record.offset)
        left_out = f"{what}; they stand at {place} while that is kept"
        key = record.key if len(record.key or b"") <= TRACE_KEY_BYTES_MAX else None
        await self.outputs.send(f"{record.topic}.dlq", key, None, [*ours, (LEFT_OUT_HEADER, left_out.encode())], None)

    def count(self, parked: DeadLetter) -> None:
        """Count a record as parked, after Kafka has acknowledged it."""
        self.metrics.dead_letters.labels(parked.record.topic, parked.stage).inc()


#: Of so many records looked at, the older half is forgotten.
RECORDS_REMEMBERED = 10_000


class DeadLetterLimitReached(Exception):  # noqa: N818 it is a decision, said as a sentence
    """Too much would be parked. The sentence names the partition and the last offset, and what to do."""


@dataclass(slots=True)
class _Counts:
    looked_at: int = 0
    parked: int = 0
    in_a_row: int = 0

    def count(self, parked: bool) -> None:
        self.looked_at += 1
        self.parked += parked
        self.in_a_row = self.in_a_row + 1 if parked else 0
        if self.looked_at > RECORDS_REMEMBERED:
            self.looked_at, self.parked = self.looked_at // 2, self.parked // 2


class DeadLetterLimit:
    """Counts what is parked of each partition, in a row and as a share."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str, *, in_a_row_max: int, ratio_max: float) -> None:
        """Describe the limit.

        Args:
            client: where the counts lie.
            namespace: put before their key.
            in_a_row_max: parked records of one partition with none readable between them.
            ratio_max: share of the last ``RECORDS_REMEMBERED`` records of one partition, once so many were seen.
        """
        self._redis = client
        self._key = f"{namespace}parking"
        self._in_a_row_max = in_a_row_max
        self._ratio_max = ratio_max
        self._counts: dict[str, _Counts] = {}

    async def admit(self, batch: Batch, parked: Collection[DeadLetter]) -> None:
        """Count a batch before anything of it is parked; batches that park nothing cost nothing.

        Raises:
            ParkLimitReached: nothing of this batch may be parked.
        """
        offsets: dict[str, set[int]] = {}
        for letter in parked:
            offsets.setdefault(_name(letter.record), set()).add(letter.record.offset)
        for chunk in batch.chunks:
            name = _name(chunk)
            if name in self._counts or name in offsets:
                await self._count(name, chunk, offsets.get(name, set()))

    async def _count(self, name: str, chunk: Chunk, offsets: Collection[int]) -> None:
        counts = self._counts.get(name) or await self._remembered(name)
        for record in chunk.records:
            counts.count(record.offset in offsets)
            full = counts.looked_at >= RECORDS_REMEMBERED // 2
            if counts.in_a_row > self._in_a_row_max:
                self._stop(f"{counts.in_a_row} records in a row", name, record.offset, "IN_A_ROW")
            if full and counts.parked > self._ratio_max * counts.looked_at:
                self._stop(f"{counts.parked} of the last {counts.looked_at} records", name, record.offset, "RATIO")
        self._counts[name] = counts
        await self._remember(name, counts)

    def _stop(self, how_many: str, name: str, offset: int, limit: str) -> None:
        raise DeadLetterLimitReached(
            f"{how_many} of {name} could not be dealt with, up to offset {offset}: nothing more is parked. Mend what "
            f"sends them, or raise ACCESSWATCH_PARK_{limit}_MAX to park them all the same"
        )

    async def _remembered(self, name: str) -> _Counts:
        try:
            found = await self._redis.hget(self._key, name)
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("parking-counts-not-read", why=why(error))
            found = None
        return _Counts(*map(int, found.split())) if found else _Counts()

    async def _remember(self, name: str, counts: _Counts) -> None:
        try:
            await self._redis.hset(self._key, name, f"{counts.looked_at} {counts.parked} {counts.in_a_row}")
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("parking-counts-not-kept", why=why(error))


def _name(place: Chunk | Record) -> str:
    return f"{place.topic}-{place.partition}"
