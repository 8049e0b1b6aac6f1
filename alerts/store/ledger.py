"""The ledger of notifications: each revision is routed once, each message has one row per channel.

A row is pending until its channel accepted it (sent) or gave up (parked). A withheld row says that
a conflicted alert had no conflict channel to go to: it is kept to be seen, and nothing is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from alerts.alert import ALERT, Alert
from alerts.delivery.decide import Before, Decision, Reason
from alerts.store.chain import append
from alerts.store.revisions import entry_of, take_turn
from alerts.store.tables import HISTORY, NOTIFICATIONS, OUTBOX

State = Literal["pending", "sent", "parked", "withheld"]


@dataclass(frozen=True, slots=True)
class Routed:
    """One revision and what was decided about telling anybody."""

    alert_id: str
    revision: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Due:
    """One notification to send now. ``first_revision`` is the one that opened the thread on this channel."""

    alert: Alert
    channel: str
    attempts: int
    first_attempt_at: datetime
    first_revision: int


def route(
    connection: Connection, decide: Callable[[Before | None, Alert], Decision], now: datetime, limit: int
) -> list[Routed]:
    """Decide about revisions that nobody has decided about yet, in order, and write down who is to be told."""
    take_turn(connection, "route")
    rows = connection.execute(_unrouted(limit)).all()
    routed, entries = [], []
    for row in rows:
        before = None if row.severity is None else Before(row.severity, row.status, row.conflicted)
        alert = ALERT.validate_json(row.payload)
        decision = _told_before(connection, decide(before, alert), alert)
        routed.append(Routed(row.alert_id, row.revision, decision))
        told: tuple[tuple[State, tuple[str, ...]], ...] = (("pending", decision.send), ("withheld", decision.withheld))
        notifications = [_entry(alert, name, state, now) for state, channels in told for name in channels]
        if notifications:
            connection.execute(insert(NOTIFICATIONS), notifications)
            entries.append(_routed(alert, decision, now))
    append(connection, entries)
    if rows:
        done = update(OUTBOX).where(OUTBOX.c.id.in_([row.id for row in rows]))
        connection.execute(done.values(routed_at=now))
    return routed


def _told_before(connection: Connection, decision: Decision, alert: Alert) -> Decision:
    """Leave out channels that know nothing of what is taken back."""
    if decision.reason is not Reason.TAKEN_BACK:
        return decision
    query = select(NOTIFICATIONS.c.channel).where(
        NOTIFICATIONS.c.alert_id == alert.alert_id, NOTIFICATIONS.c.state.in_(("pending", "sent"))
    )
    told = set(connection.execute(query).scalars())
    return Decision(decision.reason, tuple(name for name in decision.send if name in told))


def any_unrouted(connection: Connection) -> bool:
    """Say whether anything waits to be routed, without taking a write lock for the answer."""
    return connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.routed_at.is_(None)).limit(1)).first() is not None


def any_due(connection: Connection, channel: str, now: datetime) -> bool:
    """Say whether a channel has anything to send now, without taking a write lock for the answer."""
    return connection.execute(select(NOTIFICATIONS.c.alert_id).where(*_due(channel, now)).limit(1)).first() is not None


def claim_due(
    connection: Connection, channel: str, *, holder: str, now: datetime, lease: timedelta, limit: int
) -> list[Due]:
    """Claim what a channel has to send now, oldest first; of one alert an earlier message goes first."""
    take_turn(connection, "deliver")
    same = and_(OUTBOX.c.alert_id == NOTIFICATIONS.c.alert_id, OUTBOX.c.revision == NOTIFICATIONS.c.revision)
    thread = NOTIFICATIONS.alias("thread")
    first = select(func.min(thread.c.revision)).where(
        thread.c.alert_id == NOTIFICATIONS.c.alert_id, thread.c.channel == channel, thread.c.state != "withheld"
    )
    query = (
        select(NOTIFICATIONS, OUTBOX.c.payload, first.scalar_subquery().label("first_revision"))
        .join(OUTBOX, same)
        .where(*_due(channel, now))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )
    due = []
    for row in connection.execute(query).all():
        first_attempt_at = row.first_attempt_at or now
        alert = ALERT.validate_json(row.payload)
        due.append(Due(alert, channel, row.attempts + 1, first_attempt_at, row.first_revision))
        claimed = update(NOTIFICATIONS).where(*_is(alert.alert_id, alert.revision, channel))
        values = {"attempts": row.attempts + 1, "first_attempt_at": first_attempt_at}
        connection.execute(claimed.values(holder=holder, lease_until=now + lease, **values))
    return due


def record(connection: Connection, due: Due, values: dict[str, Any]) -> None:
    """Write down what became of a message; what was already sent or parked stays so."""
    written = update(NOTIFICATIONS).where(
        *_is(due.alert.alert_id, due.alert.revision, due.channel), NOTIFICATIONS.c.state == "pending"
    )
    connection.execute(written.values(holder=None, lease_until=None, **values))


def _unrouted(limit: int) -> Any:
    """Outbox rows with the state of the revision before each."""
    before = and_(HISTORY.c.alert_id == OUTBOX.c.alert_id, HISTORY.c.revision == OUTBOX.c.revision - 1)
    columns = (OUTBOX.c.id, OUTBOX.c.alert_id, OUTBOX.c.revision, OUTBOX.c.payload)
    return (
        select(*columns, HISTORY.c.severity, HISTORY.c.status, HISTORY.c.conflicted)
        .join(HISTORY, before, isouter=True)
        .where(OUTBOX.c.routed_at.is_(None))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )


def _due(channel: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    earlier = NOTIFICATIONS.alias("earlier")
    waits_for_earlier = (
        select(earlier.c.alert_id)
        .where(
            earlier.c.alert_id == NOTIFICATIONS.c.alert_id,
            earlier.c.channel == channel,
            earlier.c.state == "pending",
            earlier.c.revision < NOTIFICATIONS.c.revision,
        )
        .exists()
    )
    return (
        NOTIFICATIONS.c.channel == channel,
        NOTIFICATIONS.c.state == "pending",
        NOTIFICATIONS.c.next_attempt_at <= now,
        or_(NOTIFICATIONS.c.lease_until.is_(None), NOTIFICATIONS.c.lease_until <= now),
        ~waits_for_earlier,
    )


def _is(alert_id: str, revision: int, channel: str) -> tuple[ColumnElement[bool], ...]:
    table = NOTIFICATIONS.c
    return (table.alert_id == alert_id, table.revision == revision, table.channel == channel)


def _routed(alert: Alert, decision: Decision, now: datetime) -> dict[str, Any]:
    channels = [*decision.send, *decision.withheld]
    detail = {"routed": alert.revision, "channels": channels, "withheld": decision.withheld}
    said = f"revision {alert.revision} ({decision.reason.replace('_', ' ')}), to {', '.join(decision.send) or 'nobody'}"
    return entry_of(alert, "routed", now, because=said) | {"detail": orjson.dumps(detail).decode()}


def _entry(alert: Alert, channel: str, state: State, now: datetime) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "channel": channel,
        "state": state,
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
