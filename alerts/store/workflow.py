"""Working an alert, and what waits.

What people say about an alert becomes a revision, with its history and its outbox row. ``backlog`` counts what waits:
alerts for somebody to look at them, revisions to be published, messages to be told.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Column, Connection, Label, Row, func, select, update

from alerts.alert import ALERT, Alert, ClosedAs, utc
from alerts.store.audit import append
from alerts.store.database import NotPossible
from alerts.store.revisions import Revision, entry_of, write
from alerts.store.tables import ALERTS, HISTORY, NOTIFICATIONS, OUTBOX


def acknowledge(connection: Connection, alert_id: str, by: str, now: datetime) -> tuple[Alert, bool]:
    """Write down that somebody is looking at it; a second time changes nothing."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    if alert.status == "acknowledged":
        return alert, False
    _refuse_notice(row)
    if alert.status == "closed":
        raise NotPossible(f"Alert {alert_id} is closed ({alert.outcome}); a further hit would open it again.")
    acknowledged = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="acknowledged")
    write(connection, [Revision(acknowledged, row.gathered, "acknowledged", by=by)], now)
    return acknowledged, True


def close(
    connection: Connection, alert_id: str, outcome: ClosedAs, *, because: str | None, by: str, now: datetime
) -> tuple[Alert, bool]:
    """Close it; the same outcome again changes nothing, another one is a correction."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    _refuse_notice(row)
    if alert.status == "closed" and alert.outcome == outcome:
        return alert, False
    closed = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="closed", outcome=outcome)
    write(connection, [Revision(closed, row.gathered, "closed", by=by, because=because)], now)
    return closed, True


def reopen(connection: Connection, alert_id: str, *, because: str | None, by: str, now: datetime) -> tuple[Alert, bool]:
    """Open it again as new, its outcome null; an open one stays as it is."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    _refuse_notice(row)
    if alert.status != "closed":
        return alert, False
    reopened = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="new", outcome=None)
    write(connection, [Revision(reopened, row.gathered, "reopened", by=by, because=because)], now)
    return reopened, True


def assign(connection: Connection, alert_id: str, to: str, by: str, now: datetime) -> bool:
    """Write down who works on it. The alert itself says the same as before: this is no revision."""
    row = _held(connection, alert_id)
    if row.assignee == to:
        return False
    connection.execute(update(ALERTS).where(ALERTS.c.alert_id == alert_id).values(assignee=to))
    entry = entry_of(ALERT.validate_json(row.payload), "assigned", now, by=by, because=f"to {to}")
    append(connection, [entry | {"detail": orjson.dumps({"assignee": to}).decode()}])
    return True


def note(connection: Connection, alert_id: str, text: str, by: str, now: datetime) -> None:
    """Write something down about it; it goes nowhere else."""
    alert = ALERT.validate_json(_held(connection, alert_id).payload)
    append(connection, [entry_of(alert, "noted", now, by=by, because=text)])


def _refuse_notice(row: Row[Any]) -> None:
    """Refuse to work on what is not Internal Integrity's: a notice, or what may still become one; and on canaries."""
    if row.outcome == "canary":
        raise NotPossible(f"{row.alert_id} is a canary: the service closes it itself.")
    if row.audience == "actor":
        raise NotPossible(
            f"{row.alert_id} is a question to the staff member, not to Internal Integrity: it is answered with "
            "`accesswatch notices answer`."
        )


def _held(connection: Connection, alert_id: str) -> Row[Any]:
    row = connection.execute(select(ALERTS).where(ALERTS.c.alert_id == alert_id).with_for_update()).first()
    if row is None:
        raise NotPossible(f"There is no alert {alert_id}.")
    return row


#: How far back the times to acknowledge are shown.
ACKNOWLEDGED_WITHIN: Final = timedelta(days=28)
#: Acknowledged alerts that are read at most, the newest.
ACKNOWLEDGED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of one kind wait, and for how long the oldest does, in seconds."""

    number: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits now, over all workers."""

    #: By severity and status, of those that are not closed.
    alerts: dict[tuple[str, str], Waiting]
    unpublished: int
    #: Messages by channel, of those that are due.
    notifications: dict[str, Waiting]
    #: Severity, and seconds from raised to first acknowledged or closed by a person.
    acknowledged: tuple[tuple[str, float], ...]


def backlog(connection: Connection, now: datetime) -> Backlog:
    """Read what waits."""
    unpublished = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.published_at.is_(None))
    return Backlog(
        _alerts(connection, now),
        connection.execute(unpublished).scalar_one(),
        _notifications(connection, now),
        _acknowledged(connection, now),
    )


def _alerts(connection: Connection, now: datetime) -> dict[tuple[str, str], Waiting]:
    query = (
        select(ALERTS.c.severity, ALERTS.c.status, func.count().label("number"), _oldest(ALERTS.c.raised_at))
        .where(ALERTS.c.status.not_in(("closed", "pending")), ALERTS.c.audience == "integrity")
        .group_by(ALERTS.c.severity, ALERTS.c.status)
    )
    return {(row.severity, row.status): _waiting(row, now) for row in connection.execute(query)}


def _notifications(connection: Connection, now: datetime) -> dict[str, Waiting]:
    query = (
        select(NOTIFICATIONS.c.channel, func.count().label("number"), _oldest(NOTIFICATIONS.c.due_at))
        .where(NOTIFICATIONS.c.state == "pending", NOTIFICATIONS.c.due_at <= now)
        .group_by(NOTIFICATIONS.c.channel)
    )
    return {row.channel: _waiting(row, now) for row in connection.execute(query)}


def _acknowledged(connection: Connection, now: datetime) -> tuple[tuple[str, float], ...]:
    """Return how long each alert waited for a person: what the service does itself has nobody in ``by``."""
    first = (
        select(HISTORY.c.alert_id, func.min(HISTORY.c.at, type_=HISTORY.c.at.type).label("at"))
        .where(HISTORY.c.what.in_(("acknowledged", "closed")), HISTORY.c.by.is_not(None))
        .group_by(HISTORY.c.alert_id)
        .subquery()
    )
    query = (
        select(ALERTS.c.severity, ALERTS.c.asked_at, first.c.at)
        .join(first, first.c.alert_id == ALERTS.c.alert_id)
        .where(ALERTS.c.asked_at >= now - ACKNOWLEDGED_WITHIN)
        .order_by(ALERTS.c.asked_at.desc())
        .limit(ACKNOWLEDGED_MAX)
    )
    return tuple((row.severity, max(0.0, (row.at - row.asked_at).total_seconds())) for row in connection.execute(query))


def _oldest(column: Column[datetime]) -> Label[datetime]:
    return func.min(column, type_=column.type).label("oldest")


def _waiting(row: Row[Any], now: datetime) -> Waiting:
    return Waiting(row.number, max(0.0, (now - row.oldest).total_seconds()))
