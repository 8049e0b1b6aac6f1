"""The way of what becomes known after accesses: work and self reports, into the alert store, where they revise alerts.

It belongs to the ``alert`` agent and reads the same topics as ``reference``, in a group of its own. What is invalid has
been parked by ``reference``, which reads every record too; here it is passed over.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agents.batch import Batch, published_at
from agents.holding import Hold
from alerts.store.errors import StoreError
from alerts.store.learned import ReportChange, WorkChange
from alerts.store.store import Store
from enrichment.decode import Refused, decode
from enrichment.wire import SelfReport, Work

Kind = Literal["work", "self_report"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Carries batches of work items and self reports into the alert store."""

    store: Store
    hold: Hold
    #: Topic name -> what it holds.
    topics: Mapping[str, Kind]
    clock: Callable[[], datetime]
    #: Told that the store has something new to publish and to deliver.
    wake: Callable[[], None]

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        async for event in events.noack().events():
            with self.hold.metrics.batch_seconds.labels("hindsight").time():
                await self.carry(event.value)
            event.ack()

    async def carry(self, batch: Batch) -> None:
        """Carry one batch through; return when the store has it."""
        work, reports = self._read(batch)
        revised = await self.hold.until_it_works(lambda: self._take(work, reports), (StoreError,))
        if revised:
            self.wake()

    async def forget(self) -> None:
        """Forget old work; what cannot be forgotten now will be the next time."""
        try:
            await asyncio.to_thread(self.store.forget_old_work, self.clock())
        except StoreError as error:
            _log.warning("old work was not forgotten: %s", error)

    async def _take(self, work: list[WorkChange], reports: list[ReportChange]) -> int:
        revised = await asyncio.to_thread(self.store.take_work, work, self.clock())
        return revised + await asyncio.to_thread(self.store.take_reports, reports, self.clock())

    def _read(self, batch: Batch) -> tuple[list[WorkChange], list[ReportChange]]:
        work: list[WorkChange] = []
        reports: list[ReportChange] = []
        for record in batch:
            key = (record.key or b"").decode("utf-8", "replace")
            try:
                if self.topics[record.topic] == "work":
                    item = None if record.value is None else decode(Work, record.value)
                    work.append(WorkChange(key if item is None else item.work_id, item, published_at(record)))
                else:
                    report = None if record.value is None else decode(SelfReport, record.value)
                    reports.append(ReportChange(key if report is None else report.report_id, report))
            except Refused:
                continue
        return work, reports
