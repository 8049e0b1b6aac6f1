"""Parking: a record that can never be dealt with goes to its dead-letter topic, byte for byte, saying why."""

from dataclasses import dataclass
from datetime import UTC, datetime

from agents.batch import Record
from agents.metrics import Metrics
from agents.ports import Outputs
from enrichment.decode import Stage

PREFIX = "__accesswatch.errors."


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
        headers = [*record.headers, *((PREFIX + name, text.encode()) for name, text in why.items())]
        await self.outputs.send(f"{record.topic}.dlq", record.key, record.value, headers, None)

    def count(self, parked: Parked) -> None:
        """Count a record as parked, after Kafka has acknowledged it."""
        self.metrics.dead_letters.labels(parked.record.topic, parked.stage).inc()
