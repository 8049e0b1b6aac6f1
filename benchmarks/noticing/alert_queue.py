"""From hits to questions, in simulated time: the product's own alert store, over a SQLite file, and the people in it.

What becomes of an alert is decided by the store as in a worker: it settles, late work and self reports are taken, slips
are decided, notices are told. The people who answer are made up (``benchmarks/noticing/people.py``).
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import create_engine, select

from alerts.detection.config import LoadedLimits
from alerts.detection.registry import RULES
from alerts.grouping import HitRecord
from alerts.slips import is_slip
from alerts.store.ingest import Raised
from alerts.store.late_evidence import ReportChange, WorkChange
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from alerts.store.tables import ALERTS
from benchmarks.noticing.people import People
from benchmarks.noticing.tally import INTENDED, Tally
from enrichment.decode import decode
from enrichment.reference.layout import KINDS
from enrichment.windows.spec import Earlier
from simulator.records import Change, Reference

#: Alerts that settle, and notices, that are looked at in one step.
PER_STEP_MAX = 500
_LAST_LOOK = timedelta(hours=2)


class AlertQueue:
    """Takes what a worker's alert agent takes; a context that removes its file."""

    def __init__(self, limits: LoadedLimits, tally: Tally, factor: float) -> None:
        """Take the limits, what the accesses were in truth, and how many times as often as believable intents come."""
        self._limits = limits
        self._tally = tally
        self._directory = tempfile.TemporaryDirectory(prefix="accesswatch-noticing-")
        self._url = f"sqlite:///{Path(self._directory.name) / 'alerts.sqlite3'}"
        self._store = Store.open(self._url, RULES, lambda: limits)
        #: What each actor opened of late, as the trail keeps it.
        self._trails: dict[str, list[Earlier]] = defaultdict(list)
        self._people = People(self._store, self._intended, factor)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove its file."""
        self._store.close()
        self._directory.cleanup()

    def register(self, records: Sequence[Reference]) -> None:
        """Take the staff records of the beginning."""
        self._store.take_staff([StaffChange(one.id, _read(one)) for one in records if one.kind == "staff"])

    def opened(self, staff_id: str, entry: Earlier) -> None:
        """Note what somebody opened."""
        self._trails[staff_id].append(entry)

    def step(self, changes: Sequence[Change], hits: Sequence[HitRecord], now: datetime) -> None:
        """Take what became known and what was hit, and do what has fallen due by *now*."""
        if changes:
            self._learn(changes, now)
        if hits:
            self._ask(self._store.take_hits(hits, now).raised, now)
        self._settle(now)
        self._people.step(now)

    def _ask(self, raised: Sequence[Raised], now: datetime) -> None:
        for one in raised:
            self._people.ask(one.alert_id, now)

    def _learn(self, changes: Sequence[Change], now: datetime) -> None:
        by_kind: dict[str, list[tuple[Reference, datetime]]] = defaultdict(list)
        for known_at, record in changes:
            by_kind[record.kind].append((record, datetime.fromisoformat(known_at)))
        self._store.take_staff([StaffChange(one.id, _read(one)) for one, _ in by_kind["staff"]])
        self._store.take_reports([ReportChange(one.id, _read(one)) for one, _ in by_kind["self_report"]], now)
        self._store.take_work([WorkChange(one.id, _read(one), at) for one, at in by_kind["work"]], now)

    def _settle(self, now: datetime) -> None:
        if not self._store.anything_settles(now):
            return
        policy = self._limits.policy
        due = self._store.slips_due(now, PER_STEP_MAX)
        decided = [(one, is_slip(one.client_id, one.at, self._trails[one.staff_id], policy)) for one in due]
        for settled in (
            self._store.decide_slips(decided, now),
            self._store.settle(now, now, PER_STEP_MAX),
            self._store.unanswered(now, PER_STEP_MAX),
        ):
            self._ask(settled.raised, now)

    def _intended(self, alert_id: str) -> bool:
        alert = self._tally.alerts.get(alert_id)
        return alert is not None and bool(alert.flags & INTENDED)

    def end(self, now: datetime) -> None:
        """Let settle what is left."""
        self.step([], [], now + _LAST_LOOK)

    def asked(self) -> dict[str, dict[str, Any]]:
        """Return, by alert, whether and when Internal Integrity and the staff member were asked, and its score."""
        columns = (ALERTS.c.alert_id, ALERTS.c.asked_at, ALERTS.c.told_at, ALERTS.c.score, ALERTS.c.outcome)
        engine = create_engine(self._url)
        with engine.connect() as connection:
            rows = connection.execute(select(*columns)).all()
        engine.dispose()
        return {
            row.alert_id: {
                "asked": row.asked_at is not None, "told": row.told_at is not None, "score": row.score,
                "asked_at": row.asked_at.isoformat() if row.asked_at is not None else None,
            }
            for row in rows
        }  # fmt: skip


def _read(reference: Reference) -> Any:
    return decode(KINDS[reference.kind][0], reference.value)  # type: ignore[index]
