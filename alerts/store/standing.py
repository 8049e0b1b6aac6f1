"""What waits in the store: alerts for somebody to look at them, revisions to be published, messages to be told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Label, Row, func, select

from alerts.store.tables import ALERTS, HISTORY, NOTIFICATIONS, OUTBOX

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
class Standing:
    """What waits now, over all workers."""

    #: By severity and status, of those that are not closed.
    alerts: dict[tuple[str, str], Waiting]
    unpublished: int
    #: Messages by channel, of those that are due.
    notifications: dict[str, Waiting]
    #: Severity, and seconds from raised to first acknowledged or closed by a person.
    acknowledged: tuple[tuple[str, float], ...]


def standing(connection: Connection, now: datetime) -> Standing:
    """Read what waits."""
    unpublished = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.published_at.is_(None))
    return Standing(
        _alerts(connection, now),
        connection.execute(unpublished).scalar_one(),
        _notifications(connection, now),
        _acknowledged(connection, now),
    )


def _alerts(connection: Connection, now: datetime) -> dict[tuple[str, str], Waiting]:
    query = (
        select(ALERTS.c.severity, ALERTS.c.status, func.count().label("number"), _oldest(ALERTS.c.raised_at))
        .where(ALERTS.c.status != "closed")
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
    """Give how long each alert waited for a person: what the service does itself has nobody in ``by``."""
    first = (
        select(HISTORY.c.alert_id, func.min(HISTORY.c.at, type_=HISTORY.c.at.type).label("at"))
        .where(HISTORY.c.what.in_(("acknowledged", "closed")), HISTORY.c.by.is_not(None))
        .group_by(HISTORY.c.alert_id)
        .subquery()
    )
    query = (
        select(ALERTS.c.severity, ALERTS.c.raised_at, first.c.at)
        .join(first, first.c.alert_id == ALERTS.c.alert_id)
        .where(ALERTS.c.raised_at >= now - ACKNOWLEDGED_WITHIN)
        .order_by(ALERTS.c.raised_at.desc())
        .limit(ACKNOWLEDGED_MAX)
    )
    return tuple((row.severity, (row.at - row.raised_at).total_seconds()) for row in connection.execute(query))


def _oldest(column: Column[datetime]) -> Label[datetime]:
    return func.min(column, type_=column.type).label("oldest")


def _waiting(row: Row[Any], now: datetime) -> Waiting:
    return Waiting(row.number, max(0.0, (now - row.oldest).total_seconds()))
