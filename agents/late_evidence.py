"""The way of what becomes known after accesses: work and self reports, into the alert store, where they revise alerts.

Staff records go the same way: whom not to tell of an alert depends on who works where.

It belongs to the ``alert`` agent and reads the same topics as ``reference``, in a group of its own. What is invalid has
been parked by ``reference``, which reads every record too; here it is passed over.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agents.batch import Batch, Record, published_at, value_of
from agents.pipelining import carry_one_by_one
from agents.retry import Hold
from alerts.store.database import StoreError
from alerts.store.late_evidence import ReportChange, WorkChange
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from enrichment.decode import Refused, decode
from enrichment.log import events
from enrichment.reference.layout import Deletes, deletes
from enrichment.schemas import SelfReport, Staff, Work

Kind = Literal["work", "self_report", "staff"]

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class LateEvidenceReader:
    """Carries batches of work items and self reports into the alert store."""

    store: Store
    hold: Hold
    #: Topic name -> what it holds.
    topics: Mapping[str, Kind]
    clock: Callable[[], datetime]
    #: Told that the store has something new to publish and to deliver.
    wake: Callable[[], None]

    async def attach(self, batches: AsyncIterator[Batch]) -> None:
        """Take batches until there are no more, and acknowledge each when it is done."""
        await carry_one_by_one(batches, self.carry, self.hold.metrics.batch_seconds.labels("hindsight"))

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
        kind = self.topics[record.topic]
        value = value_of(record)
        if value is None:
            # Whoever reads reference data for Redis parks a null value whose key names nobody, and counts what it did.
            self._take_out(changes, kind, deletes(kind, record.key), record)
            return
        match kind:
            case "work":
                work = decode(Work, value)
                changes.work.append(WorkChange(work.work_id, work, published_at(record)))
            case "self_report":
                report = decode(SelfReport, value)
                changes.reports.append(ReportChange(report.report_id, report))
            case "staff":
                staff = decode(Staff, value)
                changes.staff.append(StaffChange(staff.staff_id, staff))

    @staticmethod
    def _take_out(changes: "_Changes", kind: Kind, found: Deletes, record: Record) -> None:
        first, instead = (found.id, found.instead) if found.id is not None else (found.instead or "", None)
        match kind:
            case "work":
                changes.work.append(WorkChange(first, None, published_at(record), instead))
            case "self_report":
                changes.reports.append(ReportChange(first, None, instead))
            case "staff":
                changes.staff.append(StaffChange(first, None, instead))


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a batch says, each kind in its order."""

    work: list[WorkChange] = field(default_factory=list)
    reports: list[ReportChange] = field(default_factory=list)
    staff: list[StaffChange] = field(default_factory=list)
