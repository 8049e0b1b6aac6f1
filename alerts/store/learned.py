"""What the store has learned beside hits: the work of the last weeks, version by version, and self reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from alerts.explanation import Actor
from alerts.hindsight import PastHit
from alerts.store.tables import ALERTS, HITS, SELF_REPORTS, WORK, chunks
from enrichment.facts import Known
from enrichment.wire import SelfReport, Work

#: How long a version of a work item waits for hits that are still to come: as long as accesses lie in Kafka. A hit that
#: comes later than that was judged with everything that was published before.
WORK_KEPT: Final = timedelta(days=35)

_REPORT_FIELDS: Final = tuple(SelfReport.model_fields)


@dataclass(frozen=True, slots=True)
class WorkChange:
    """One record of ``ref.work.v1``: a version, or None for a deletion, and when it was published."""

    work_id: str
    work: Work | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class ReportChange:
    """One record of ``ref.self_report.v1``: a report, or None for a deletion."""

    report_id: str
    report: SelfReport | None


Versions = dict[str, dict[datetime, Work]]


def versions_of(connection: Connection, work_ids: Sequence[str]) -> Versions:
    """Give all kept versions of these work items."""
    found: Versions = {}
    for ids in chunks(work_ids):
        for row in connection.execute(select(WORK).where(WORK.c.work_id.in_(ids))):
            found.setdefault(row.work_id, {})[row.known_at] = Work.model_validate_json(row.content)
    return found


def versions_for(connection: Connection, client_ids: Sequence[str]) -> Versions:
    """Give all kept versions of the work items of which some version is for one of these clients."""
    work_ids: set[str] = set()
    for ids in chunks(client_ids):
        work_ids |= set(connection.execute(select(WORK.c.work_id).where(WORK.c.client_id.in_(ids))).scalars())
    return versions_of(connection, sorted(work_ids))


def keep_work(connection: Connection, changes: Iterable[WorkChange], now: datetime) -> None:
    """Keep what was published lately; a deletion takes every version with it."""
    kept: dict[tuple[str, datetime], dict[str, Any]] = {}
    deleted: set[str] = set()
    for change in changes:
        if change.work is None:
            deleted.add(change.work_id)
            kept = {key: row for key, row in kept.items() if key[0] != change.work_id}
        elif now - change.known_at <= WORK_KEPT:
            kept[change.work_id, change.known_at] = _work_row(change.work, change.known_at)
    for ids in chunks(sorted(deleted)):
        connection.execute(delete(WORK).where(WORK.c.work_id.in_(ids)))
    if kept:
        added = _dialect(connection).insert(WORK)
        newest = {name: added.excluded[name] for name in ("client_id", "content")}
        connection.execute(
            added.on_conflict_do_update(index_elements=["work_id", "known_at"], set_=newest), list(kept.values())
        )


def forget_old_work(connection: Connection, now: datetime) -> None:
    """Forget what no hit still to come can need."""
    connection.execute(delete(WORK).where(WORK.c.known_at < now - WORK_KEPT))


def reports(
    connection: Connection, *, report_ids: Sequence[str] = (), staff_ids: Sequence[str] = ()
) -> list[SelfReport]:
    """Give the self reports with these ids, or of these staff members."""
    column, wanted = (SELF_REPORTS.c.report_id, report_ids) if report_ids else (SELF_REPORTS.c.staff_id, staff_ids)
    return [
        SelfReport.model_construct(**{name: getattr(row, name) for name in _REPORT_FIELDS})
        for ids in chunks(wanted)
        for row in connection.execute(select(SELF_REPORTS).where(column.in_(ids)).order_by(SELF_REPORTS.c.report_id))
    ]


def keep_reports(connection: Connection, newest: dict[str, SelfReport | None]) -> None:
    """Keep the newest of each report; forget those that were deleted."""
    for ids in chunks(sorted(newest)):
        connection.execute(delete(SELF_REPORTS).where(SELF_REPORTS.c.report_id.in_(ids)))
    rows = [{name: getattr(report, name) for name in _REPORT_FIELDS} for report in newest.values() if report]
    if rows:
        connection.execute(SELF_REPORTS.insert(), rows)


#: What is read of a hit for ``past_hit``, with its key.
PAST_HIT: Final = (
    HITS.c.alert_id, HITS.c.event_id, HITS.c.rule, HITS.c.severity, HITS.c.client_id, HITS.c.occurred_at,
    HITS.c.judged_at, HITS.c.taken_at, HITS.c.work_id, HITS.c.actor, HITS.c.explained_by, HITS.c.covered,
    ALERTS.c.staff_id,
)  # fmt: skip


def past_hit(row: Row[Any]) -> PastHit:
    """Read a hit that the store has."""
    return PastHit(
        rule=row.rule,
        severity=row.severity,
        staff_id=row.staff_id,
        client_id=row.client_id,
        occurred_at=row.occurred_at,
        judged_at=row.judged_at or row.taken_at,
        work_id=row.work_id,
        actor=None if row.actor is None else _actor(row.actor),
    )


def published(known: dict[datetime, Work]) -> list[Known[Work]]:
    """Give the versions of one work item with when each was published."""
    return [Known(work, known_at) for known_at, work in known.items()]


def _actor(text: str) -> Actor:
    fields = orjson.loads(text)
    return Actor(fields["kind"], fields["org_unit"], tuple(fields["roles"]))


def _work_row(work: Work, known_at: datetime) -> dict[str, Any]:
    content = {name: getattr(work, name) for name in Work.model_fields}
    return {
        "work_id": work.work_id,
        "known_at": known_at,
        "client_id": work.client_id,
        "content": orjson.dumps(content).decode(),
    }


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
