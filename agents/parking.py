"""Parking: a record that can never be dealt with goes to its dead-letter topic, byte for byte, saying why.

Where Kafka does not take it for its size, its trace is parked instead: its key, why, and where the original stands.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from agents.batch import Record
from agents.metrics import Metrics
from agents.ports import Headers, Outputs, TooLarge
from enrichment.decode import Stage
from enrichment.events import events

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
class Parked:
    """A record, and why it was parked. The sentence holds no personal data."""

    record: Record
    stage: Stage
    error: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Parking:
    """Sends parked records on. They count as dealt with once Kafka has acknowledged them."""

    outputs: Outputs
    metrics: Metrics
    group: str
    release: str

    async def park(self, parked: Parked) -> None:
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
        own = [(name, content) for name, content in record.headers if not name.startswith(PREFIX)]
        try:
            await self.outputs.send(f"{record.topic}.dlq", record.key, record.value, [*own, *ours], None)
        except TooLarge:
            await self._park_trace(record, ours)

    async def _park_trace(self, record: Record, ours: Headers) -> None:
        place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
        _log.warning("trace-parked", topic=record.topic, partition=record.partition, offset=record.offset)
        size = len(record.value or b"")
        left_out = f"the value of {size} bytes and the record's own headers; they stand at {place} while that is kept"
        key = record.key if len(record.key or b"") <= TRACE_KEY_BYTES_MAX else None
        await self.outputs.send(f"{record.topic}.dlq", key, None, [*ours, (LEFT_OUT_HEADER, left_out.encode())], None)

    def count(self, parked: Parked) -> None:
        """Count a record as parked, after Kafka has acknowledged it."""
        self.metrics.dead_letters.labels(parked.record.topic, parked.stage).inc()
