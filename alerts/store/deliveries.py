"""The ledger as people look at it: what has not got through, and trying that again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from alerts.alert import ALERT
from alerts.store.chain import append
from alerts.store.errors import NotPossible
from alerts.store.ledger import State
from alerts.store.reading import may_see
from alerts.store.revisions import entry_of, held, take_turn
from alerts.store.tables import ALERTS, NOTIFICATIONS, chunks

#: Messages that one call tries again; what is left is named by the next.
RETRIED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Which:
    """Which messages: all that is given must fit. ``stuck``: parked, or waiting after an attempt that failed."""

    keys: Sequence[str] = ()
    stuck: bool = False
    state: State | None = None
    channel: str | None = None
    route: str | None = None
    #: An alert's id, or its beginning.
    alert: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of the ledger. ``alert_id`` is None for one about several; ``last_error`` a class or a status."""

    key: str
    channel: str
    occasion: str
    route: str | None
    alert_id: str | None
    revision: int | None
    state: State
    attempts: int
    created_at: datetime
    first_attempt_at: datetime | None
    next_attempt_at: datetime
    sent_at: datetime | None
    last_error: str | None


def listed(connection: Connection, which: Which, limit: int, viewer: str | None) -> list[Delivery]:
    """Give messages, the newest first; none about an alert that *viewer* may not see."""
    return _found(connection, _where(which, viewer), limit)


def retry(connection: Connection, which: Which, by: str, now: datetime, viewer: str | None) -> list[Delivery]:
    """Let those that are stuck be tried again now, and for a day from then; say so in the alerts' histories.

    Raises:
        NotPossible: a key names no message that is stuck.
    """
    take_turn(connection, "deliver")
    # What a worker has in hand is being tried already.
    in_no_hand = or_(NOTIFICATIONS.c.lease_until.is_(None), NOTIFICATIONS.c.lease_until <= now)
    found = _found(connection, [*_where(replace(which, stuck=True), viewer), in_no_hand], RETRIED_MAX)
    missing = set(which.keys) - {one.key for one in found}
    if missing:
        raise NotPossible(f"No message {min(missing)} is parked or waits after an attempt that failed.")
    again = {"state": "pending", "attempts": 0, "first_attempt_at": None, "next_attempt_at": now}
    for keys in chunks([one.key for one in found]):
        connection.execute(update(NOTIFICATIONS).where(NOTIFICATIONS.c.key.in_(keys)).values(again))
    _write_down(connection, found, by, now)
    return found


def _found(connection: Connection, where: Sequence[ColumnElement[bool]], limit: int) -> list[Delivery]:
    columns = [NOTIFICATIONS.c[name] for name in Delivery.__dataclass_fields__]
    query = select(*columns).where(*where).order_by(NOTIFICATIONS.c.created_at.desc(), NOTIFICATIONS.c.key)
    return [Delivery(**row) for row in connection.execute(query.limit(limit)).mappings()]


def _write_down(connection: Connection, found: Sequence[Delivery], by: str, now: datetime) -> None:
    rows = held(connection, sorted({one.alert_id for one in found if one.alert_id is not None}))
    entries = []
    for one in found:
        if one.alert_id is not None:
            said = f"revision {one.revision} through {one.channel}, after {one.last_error or 'no attempt'}"
            alert = ALERT.validate_json(rows[one.alert_id].payload)
            entries.append(entry_of(alert, "retried", now, by=by, because=said))
    append(connection, entries)


def _where(which: Which, viewer: str | None) -> list[ColumnElement[bool]]:
    table = NOTIFICATIONS.c
    equal = ((table.state, which.state), (table.channel, which.channel), (table.route, which.route))
    where = [column == value for column, value in equal if value is not None]
    where += [table.key.in_(which.keys)] if which.keys else []
    where += [_stuck()] if which.stuck else []
    where += [table.alert_id.startswith(which.alert, autoescape=True)] if which.alert is not None else []
    where += [table.created_at >= which.since] if which.since is not None else []
    if viewer is not None:
        where.append(
            or_(table.alert_id.is_(None), table.alert_id.in_(select(ALERTS.c.alert_id).where(*may_see(viewer))))
        )
    return where


def _stuck() -> ColumnElement[bool]:
    table = NOTIFICATIONS.c
    failed = and_(table.state == "pending", table.last_error.is_not(None))
    return or_(table.state == "parked", failed)
