"""The way of what becomes known after accesses: work and self reports, into the alert store, where they revise alerts.

Staff records go the same way: whom not to tell of an alert depends on who works where.

It belongs to the ``alert`` agent and reads the same topics as ``reference``, in a group of its own. What is invalid has
been parked by ``reference``, which reads every record too; here it is passed over.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from agents.batch import Batch, Record, published_at
from agents.holding import Hold
from agents.reference import id_of_tombstone
from alerts.store.errors import StoreError
from alerts.store.learned import ReportChange, WorkChange
from alerts.store.register import StaffChange
from alerts.store.store import Store
from enrichment.decode import Refused, decode
from enrichment.events import events
from enrichment.wire import SelfReport, Staff, Work

Kind = Literal["work", "self_report", "staff"]

_log = events(__name__)


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
        changes = self._read(batch)
        revised = await self.hold.until_it_works(lambda: self._take(changes), (StoreError,))
        if revised:
            self.wake()

    async def forget(self) -> None:
        """Forget old work; what cannot be forgotten now will be the next time."""
        try:
            await asyncio.to_thread(self.store.forget_old_work, self.clock())
        except StoreError as error:
            _log.warning("old-work-not-forgotten", why=str(error))

    async def _take(self, changes: "_Changes") -> int:
        await asyncio.to_thread(self.store.take_staff, changes.staff)
        revised = await asyncio.to_thread(self.store.take_work, changes.work, self.clock())
        return revised + await asyncio.to_thread(self.store.take_reports, changes.reports, self.clock())

    def _read(self, batch: Batch) -> "_Changes":
        changes = _Changes()
        for record in batch:
            try:
                self._take_in(changes, record)
            except Refused:
                continue
        return changes

    def _take_in(self, changes: "_Changes", record: Record) -> None:
        # Whoever reads reference data for Redis parks a null value whose key is no id; nothing of it is asked here.
        key = id_of_tombstone(record.key) if record.value is None else ""
        match self.topics[record.topic]:
            case "work":
                work = None if record.value is None else decode(Work, record.value)
                changes.work.append(WorkChange(key if work is None else work.work_id, work, published_at(record)))
            case "self_report":
                report = None if record.value is None else decode(SelfReport, record.value)
                changes.reports.append(ReportChange(key if report is None else report.report_id, report))
            case "staff":
                staff = None if record.value is None else decode(Staff, record.value)
                changes.staff.append(StaffChange(key if staff is None else staff.staff_id, staff))


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a batch says, each kind in its order."""

    work: list[WorkChange] = field(default_factory=list)
    reports: list[ReportChange] = field(default_factory=list)
    staff: list[StaffChange] = field(default_factory=list)
