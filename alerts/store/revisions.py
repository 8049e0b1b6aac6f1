"""Writing revisions: the alert's newest content, its history entry and its outbox row, always together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from alerts.alert import Alert, alert_json
from alerts.merging import Subject
from alerts.store.tables import ALERTS, HISTORY, OUTBOX, TURNS

What = Literal["raised", "revised", "reopened", "acknowledged", "closed"]
Turn = Literal["relay", "route", "deliver", "hindsight"]

#: Ids in one IN list; SQLite takes 32,766 parameters, PostgreSQL 65,535.
IDS_PER_QUERY_MAX = 1000


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of an alert. ``recorded_ms``: the earliest access record behind it, None when a person made it."""

    alert: Alert
    gathered: str
    what: What
    by: str | None = None
    because: str | None = None
    recorded_ms: int | None = None


def write(connection: Connection, revisions: Sequence[Revision], now: datetime) -> None:
    """Write revisions, at most one per alert; the caller holds the rows of their alerts."""
    if not revisions:
        return
    columns = [_columns(revision) for revision in revisions]
    changed: dict[str, Any] = {name: bindparam(name) for name in columns[0] if name != "of"}
    connection.execute(update(ALERTS).where(ALERTS.c.alert_id == bindparam("of")).values(changed), columns)
    connection.execute(insert(HISTORY), [_entry(revision, now) for revision in revisions])
    connection.execute(
        insert(OUTBOX),
        [
            {
                "alert_id": revision.alert.alert_id,
                "revision": revision.alert.revision,
                "payload": row["payload"],
                "recorded_ms": revision.recorded_ms,
                "created_at": now,
            }
            for revision, row in zip(revisions, columns, strict=True)
        ],
    )


def take_turn(connection: Connection, turn: Turn, *, shared: bool = False) -> None:
    """Wait until no other transaction has this turn; ends with the transaction. Shared, several have it."""
    connection.execute(select(TURNS.c.name).where(TURNS.c.name == turn).with_for_update(read=shared))


def held(connection: Connection, alert_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Hold and read alerts, in the order of their ids, so that two who do so never wait in a ring."""
    rows: dict[str, Row[Any]] = {}
    for ids in chunks(sorted(alert_ids)):
        query = select(ALERTS).where(ALERTS.c.alert_id.in_(ids)).order_by(ALERTS.c.alert_id).with_for_update()
        rows |= {row.alert_id: row for row in connection.execute(query)}
    return rows


def subject_of(row: Row[Any]) -> Subject:
    """Say whom and which day the alert in this row is about."""
    return Subject(row.alert_id, row.staff_id, row.client_id, row.day)


def chunks(ids: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut ids into lists that one query takes."""
    return [ids[start : start + IDS_PER_QUERY_MAX] for start in range(0, len(ids), IDS_PER_QUERY_MAX)]


def _columns(revision: Revision) -> dict[str, Any]:
    alert = revision.alert
    return {
        "of": alert.alert_id,
        "severity": alert.severity,
        "title": alert.title,
        "status": alert.status,
        "outcome": alert.outcome,
        "self_reported": alert.self_reported,
        "conflicted": alert.conflicted,
        "revision": alert.revision,
        "updated_at": alert.updated_at,
        "access_count": alert.access_count,
        "payload": alert_json(alert).decode(),
        "gathered": revision.gathered,
    }


def _entry(revision: Revision, now: datetime) -> dict[str, Any]:
    alert = revision.alert
    return {
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "at": now,
        "what": revision.what,
        "by": revision.by,
        "because": revision.because,
        "status": alert.status,
        "outcome": alert.outcome,
        "severity": alert.severity,
        "conflicted": alert.conflicted,
    }
