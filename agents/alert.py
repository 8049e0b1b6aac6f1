"""The way of a hit: into the alert store, once, before it counts as done; the relay publishes what comes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agents.batch import Batch, Record, published_at
from agents.holding import Hold
from agents.metrics import Metrics
from agents.screen import CIRCUMSTANCES_HEADER, CONFLICT_HEADER, TIMESTAMP_HEADER
from alerts.assessment import ASSESSMENT
from alerts.explanation import CIRCUMSTANCES
from alerts.merging import HitRecord
from alerts.store.errors import StoreError
from alerts.store.store import Store
from alerts.store.taking import Taken
from enrichment.events import events

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

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        async for event in events.noack().events():
            with self.metrics.batch_seconds.labels("alert").time():
                await self.carry(event.value)
            event.ack()

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
            assessment = ASSESSMENT.validate_json(record.value or b"")
            recorded_ms = int(headers.get(TIMESTAMP_HEADER) or record.timestamp)
            circumstances = CIRCUMSTANCES.validate_json(headers.get(CIRCUMSTANCES_HEADER) or b"{}")
        except (ValidationError, ValueError):
            self.metrics.dead_letters.labels(record.topic, "decode").inc()
            _log.error("no-hit-of-ours", topic=record.topic, partition=record.partition, offset=record.offset)
            return None
        return HitRecord.of(assessment, recorded_ms, conflict, circumstances, published_at(record))
