"""The way of a hit: into the alert store, once, before it counts as done; the relay publishes what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from agents.batch import Batch, Record, Unreadable, published_at, value_of
from agents.metrics import Metrics
from agents.pipelining import carry_one_by_one
from agents.retry import Hold
from agents.screen import CIRCUMSTANCES_HEADER, CONFLICT_HEADER, TIMESTAMP_HEADER
from alerts.assessment import ASSESSMENT
from alerts.detection.work_reasons import CIRCUMSTANCES
from alerts.grouping import HitRecord
from alerts.store.database import StoreError
from alerts.store.ingest import Taken
from alerts.store.store import Store
from enrichment.log import events

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Alerting:
    """Carries batches of hits into the alert store."""

    store: Store
    hold: Hold
    metrics: Metrics
    clock: Callable[[], datetime]
    #: Told that the store has something new to publish and to deliver.
    wake: Callable[[], None]

    async def attach(self, batches: AsyncIterator[Batch]) -> None:
        """Take batches until there are no more, and acknowledge each when it is done."""
        await carry_one_by_one(batches, self.carry, self.metrics.batch_seconds.labels("alert"))

    async def carry(self, batch: Batch) -> None:
        """Carry one batch through; return when the store has it."""
        hits = [hit for record in batch if (hit := self._read(record)) is not None]
        taken = await self.hold.until_it_works(lambda: self._take(hits), (StoreError,))
        for raised in taken.raised:
            self.metrics.alerts.labels(raised.rule, raised.severity).inc()
        self.wake()

    async def count_precision(self) -> None:
        """Show by rule how many alerts were confirmed; when the store does not answer, the next time."""
        try:
            found = await asyncio.to_thread(self.store.precision)
        except StoreError as error:
            _log.info("figures-not-read", what="precision", why=str(error))
            return
        for one in found:
            self.metrics.confirmed.labels(one.rule).set(one.confirmed)
            self.metrics.decided.labels(one.rule).set(one.decided)

    async def _take(self, hits: list[HitRecord]) -> Taken:
        return await asyncio.to_thread(self.store.take_hits, hits, self.clock())

    def _read(self, record: Record) -> HitRecord | None:
        """Read one of our own records; what cannot be read is none of ours, and is said and counted, never silent."""
        headers = dict(record.headers)
        conflict = (headers.get(CONFLICT_HEADER) or b"").decode("utf-8", "replace")
        try:
            assessment = ASSESSMENT.validate_json(value_of(record) or b"")
            recorded_ms = int(headers.get(TIMESTAMP_HEADER) or record.timestamp)
            circumstances = CIRCUMSTANCES.validate_json(headers.get(CIRCUMSTANCES_HEADER) or b"{}")
        except (ValidationError, ValueError, Unreadable):
            self.metrics.dead_letters.labels(record.topic, "decode").inc()
            _log.error("no-hit-of-ours", topic=record.topic, partition=record.partition, offset=record.offset)
            return None
        return HitRecord.of(assessment, recorded_ms, conflict, circumstances, published_at(record))
