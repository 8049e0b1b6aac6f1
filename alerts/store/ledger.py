"""The ledger of notifications: each message once, by an id of its own, and what was kept back from whom.

A row is pending until its channel accepted it (sent) or gave up (parked). Others are never sent themselves: withheld
(every route has a conflict), silenced, superseded (a newer message took its place), gathered (waits for a message about
several alerts) and summed (was told of in one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from alerts.alert import ALERT, Alert
from alerts.delivery.gathered import SEVERAL, Several
from alerts.store.revisions import take_turn
from alerts.store.tables import ALERTS, NOTIFICATIONS, OUTBOX, chunks

State = Literal["pending", "sent", "parked", "withheld", "silenced", "superseded", "gathered", "summed"]
#: What is over: nothing more becomes of it.
DONE: Final = ("sent", "parked", "withheld", "silenced", "superseded", "summed")
#: How often the first message about an alert is told at all; reminders and others have numbers or names.
TOLD: Final = "told"


@dataclass(frozen=True, slots=True)
class Due:
    """One notification to send now, about one alert or about several.

    ``first_revision`` is the one that opened the thread on this channel, 0 where none did.
    ``occasion``: told, reminder-1 and so on, escalated, digest, storm.
    """

    key: str
    channel: str
    occasion: str
    attempts: int
    first_attempt_at: datetime
    alert: Alert | None
    first_revision: int
    several: Several | None = None


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write rows that the ledger does not have; give them."""
    known: set[str] = set()
    for keys in chunks([row["key"] for row in rows]):
        query = select(NOTIFICATIONS.c.key).where(NOTIFICATIONS.c.key.in_(keys))
        known |= set(connection.execute(query).scalars())
    fresh = list({row["key"]: row for row in rows if row["key"] not in known}.values())
    if fresh:
        connection.execute(insert(NOTIFICATIONS), fresh)
    return fresh


def row_of(key: str, channel: str, occasion: str, state: State, *, now: datetime, due_at: datetime) -> dict[str, Any]:
    """Give a new row, before it is said what it is about."""
    return {
        "key": key,
        "channel": channel,
        "occasion": occasion,
        "reason": None,
        "route": None,
        "instead_of": None,
        "alert_id": None,
        "revision": None,
        "content": None,
        "state": state,
        "silence": None,
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
        "next_attempt_at": due_at,
    }


def any_due(connection: Connection, channel: str, now: datetime) -> bool:
    """Say whether a channel has anything to send now, without taking a write lock for the answer."""
    return connection.execute(select(NOTIFICATIONS.c.key).where(*_due(channel, now)).limit(1)).first() is not None


def claim_due(
    connection: Connection, channel: str, *, holder: str, now: datetime, lease: timedelta, limit: int
) -> list[Due]:
    """Claim what a channel has to send now, oldest first; of one alert an earlier message goes first."""
    take_turn(connection, "deliver")
    same = and_(OUTBOX.c.alert_id == NOTIFICATIONS.c.alert_id, OUTBOX.c.revision == NOTIFICATIONS.c.revision)
    thread = NOTIFICATIONS.alias("thread")
    first = select(func.min(thread.c.revision)).where(
        thread.c.alert_id == NOTIFICATIONS.c.alert_id,
        thread.c.channel == channel,
        thread.c.occasion == TOLD,
        thread.c.state.in_(("pending", "sent", "parked")),
    )
    # A revision that was purged meanwhile is told of as the alert now stands.
    payload = func.coalesce(OUTBOX.c.payload, ALERTS.c.payload).label("payload")
    query = (
        select(NOTIFICATIONS, payload, first.scalar_subquery().label("first_revision"))
        .join(OUTBOX, same, isouter=True)
        .join(ALERTS, ALERTS.c.alert_id == NOTIFICATIONS.c.alert_id, isouter=True)
        .where(*_due(channel, now))
        .order_by(NOTIFICATIONS.c.next_attempt_at, OUTBOX.c.id, NOTIFICATIONS.c.key)
        .limit(limit)
    )
    due = []
    for row in connection.execute(query).all():
        first_attempt_at = row.first_attempt_at or now
        due.append(
            Due(
                key=row.key,
                channel=channel,
                occasion=row.occasion,
                attempts=row.attempts + 1,
                first_attempt_at=first_attempt_at,
                alert=None if row.alert_id is None else ALERT.validate_json(row.payload),
                first_revision=row.first_revision or 0,
                several=None if row.content is None else SEVERAL.validate_json(row.content),
            )
        )
        claimed = update(NOTIFICATIONS).where(NOTIFICATIONS.c.key == row.key)
        values = {"attempts": row.attempts + 1, "first_attempt_at": first_attempt_at}
        connection.execute(claimed.values(holder=holder, lease_until=now + lease, **values))
    return due


def record(connection: Connection, key: str, values: dict[str, Any]) -> None:
    """Write down what became of a message; what was already sent or parked stays so."""
    written = update(NOTIFICATIONS).where(NOTIFICATIONS.c.key == key, NOTIFICATIONS.c.state == "pending")
    connection.execute(written.values(holder=None, lease_until=None, **values))


def supersede(connection: Connection, alert_id: str, route: str | None, now: datetime) -> None:
    """Let a newer message of a route take the place of its messages about this alert that wait.

    None: the alert is closed, and no route's update goes any more; a digest still says so. What is on its way already,
    or was tried, goes on.
    """
    table = NOTIFICATIONS.c
    waits = and_(table.state == "pending", table.attempts == 0, table.next_attempt_at > now)
    if route is not None:
        waits = and_(table.route == route, or_(waits, table.state == "gathered"))
    replaced = update(NOTIFICATIONS).where(table.alert_id == alert_id, waits)
    connection.execute(replaced.values(state="superseded"))


def _due(channel: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    earlier = NOTIFICATIONS.alias("earlier")
    waits_for_earlier = (
        select(earlier.c.key)
        .where(
            earlier.c.alert_id == NOTIFICATIONS.c.alert_id,
            earlier.c.channel == channel,
            earlier.c.state == "pending",
            # An update that is to go later holds nothing up.
            or_(earlier.c.attempts > 0, earlier.c.next_attempt_at <= now),
            or_(
                earlier.c.revision < NOTIFICATIONS.c.revision,
                and_(earlier.c.revision == NOTIFICATIONS.c.revision, earlier.c.created_at < NOTIFICATIONS.c.created_at),
            ),
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
