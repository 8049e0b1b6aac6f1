"""Routing: each revision is decided about once, in the order of the outbox, by one worker at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from alerts.alert import ALERT, Alert
from alerts.delivery.decide import Telling
from alerts.delivery.matter import Before, Load, Matter
from alerts.delivery.messages import message_key
from alerts.store import ledger
from alerts.store.chain import append
from alerts.store.knowledge import Knowledge, load_of
from alerts.store.revisions import entry_of, take_turn
from alerts.store.tables import FOLLOW_UPS, HISTORY, KEPT_FROM, OUTBOX

_STATES: Mapping[str, ledger.State] = {
    "alone": "pending", "digest": "gathered", "storm": "gathered", "silenced": "silenced", "withheld": "withheld",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Routed:
    """One revision and what was decided about telling anybody."""

    alert_id: str
    revision: int
    tellings: tuple[Telling, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker decides: pure functions, and what they need to know of the routes."""

    decide: Callable[[Matter, Load, datetime], tuple[Telling, ...]]
    #: When to look again at an alert that was told of; None: nobody is reminded.
    look_again: Callable[[Telling], datetime | None]
    #: By route, the interval of its storm guard.
    storm_per: Mapping[str, timedelta]
    #: Staff ids of all who read a route's channels.
    staff: Iterable[str] = ()


def route(connection: Connection, plan: Plan, now: datetime, limit: int) -> list[Routed]:
    """Decide about revisions that nobody has decided about yet, in order, and write down who is to be told."""
    take_turn(connection, "route")
    rows = connection.execute(_unrouted(limit)).all()
    if not rows:
        return []
    load = load_of(connection, plan.storm_per, plan.staff, now)
    knowledge = Knowledge.of(connection, sorted({row.alert_id for row in rows}))
    routed, entries = [], []
    for row in rows:
        before = None if row.severity is None else Before(row.severity, row.status, row.conflicted)
        alert = ALERT.validate_json(row.payload)
        matter = knowledge.matter(alert, before, grew=row.recorded_ms is not None)
        keep_from(connection, alert.alert_id, matter.people.keys() - {alert.staff_id})
        tellings = plan.decide(matter, load, now)
        routed.append(Routed(row.alert_id, row.revision, tellings))
        if alert.status == "closed":
            ledger.supersede(connection, alert.alert_id, None, now)
        entries += write_down(connection, alert, tellings, plan, now, heard=bool(matter.heard))
        knowledge.note(alert, tellings)
    append(connection, entries)
    connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_([row.id for row in rows])).values(routed_at=now))
    return routed


def any_unrouted(connection: Connection) -> bool:
    """Say whether anything waits to be routed, without taking a write lock for the answer."""
    return connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.routed_at.is_(None)).limit(1)).first() is not None


def write_down(
    connection: Connection,
    alert: Alert,
    tellings: Sequence[Telling],
    plan: Plan,
    now: datetime,
    *,
    heard: bool = True,
    occasion: str = ledger.TOLD,
) -> list[dict[str, Any]]:
    """Put what was decided about an alert into the ledger; give the entry of the history that says so, if any.

    *heard* is False where no channel was told of the alert, or is to be: then nothing waits that could be replaced.
    """
    rows: list[dict[str, Any]] = []
    for telling in tellings:
        if (
            heard
            and telling.how in {"alone", "digest", "storm"}
            and occasion == ledger.TOLD
            and telling.route is not None
        ):
            ledger.supersede(connection, alert.alert_id, telling.route, now)
        gives_way = telling.instead_of or (telling.route if telling.how == "withheld" else None)
        if heard and gives_way is not None:
            # What its people were still to be told must not reach them any more.
            ledger.supersede(connection, alert.alert_id, gives_way, now)
        rows += [_row(alert, telling, name, occasion, now) for name in telling.channels]
        _follow(connection, alert, telling, plan)
        keep_from(connection, alert.alert_id, telling.kept_from)
    written = ledger.add(connection, rows) if rows else []
    return [_entry(alert, tellings, written, occasion, now)] if written else []


def _unrouted(limit: int) -> Any:
    """Outbox rows with the state of the revision before each."""
    before = and_(HISTORY.c.alert_id == OUTBOX.c.alert_id, HISTORY.c.revision == OUTBOX.c.revision - 1)
    columns = (OUTBOX.c.id, OUTBOX.c.alert_id, OUTBOX.c.revision, OUTBOX.c.payload, OUTBOX.c.recorded_ms)
    return (
        select(*columns, HISTORY.c.severity, HISTORY.c.status, HISTORY.c.conflicted)
        .join(HISTORY, before, isouter=True)
        .where(OUTBOX.c.routed_at.is_(None))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )


def _row(alert: Alert, telling: Telling, channel: str, occasion: str, now: datetime) -> dict[str, Any]:
    key = message_key(alert.alert_id, alert.revision, channel)
    if telling.how in {"digest", "storm"}:
        occasion = telling.how
        key += f".{occasion}.{telling.route}"
    elif occasion != ledger.TOLD:
        key += f".{occasion}"
    return ledger.row_of(key, channel, occasion, _STATES[telling.how], now=now, due_at=telling.at) | {
        "reason": telling.reason.value,
        "route": telling.route,
        "instead_of": telling.instead_of,
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "silence": telling.silence,
    }


def _follow(connection: Connection, alert: Alert, telling: Telling, plan: Plan) -> None:
    """Remember to remind, where the route does."""
    next_at = plan.look_again(telling)
    if next_at is not None:
        row = {"route": telling.route, "alert_id": alert.alert_id, "reminders": 0, "next_at": next_at}
        added = _dialect(connection).insert(FOLLOW_UPS).values(row)
        anew = {"reminders": 0, "next_at": next_at}
        connection.execute(added.on_conflict_do_update(index_elements=["route", "alert_id"], set_=anew))


def keep_from(connection: Connection, alert_id: str, people: Iterable[str]) -> None:
    """Remember who must not see an alert in a list."""
    rows = [{"alert_id": alert_id, "staff_id": staff_id} for staff_id in sorted(people)]
    if rows:
        connection.execute(_dialect(connection).insert(KEPT_FROM).on_conflict_do_nothing(), rows)


def _entry(
    alert: Alert, tellings: Sequence[Telling], written: Sequence[dict[str, Any]], occasion: str, now: datetime
) -> dict[str, Any]:
    detail = {"routed": alert.revision, "keys": [[row["key"], row["channel"]] for row in written]}
    why = (tellings[0].reason if occasion == ledger.TOLD else occasion).replace("_", " ").replace("-", " ")
    said = f"revision {alert.revision} ({why}), {'; '.join(_said(telling) for telling in tellings)}"
    return entry_of(alert, "routed", now, because=said) | {"detail": orjson.dumps(detail).decode()}


def _said(telling: Telling) -> str:
    """Say one route's part in words."""
    to = f"to {', '.join(telling.channels)}"
    instead = f", conflicted, instead of {telling.instead_of}" if telling.instead_of else ""
    return {
        "alone": f"{to}{instead}",
        "digest": f"{to} with the next digest of {telling.route}{instead}",
        "storm": f"{to} with all that wait for {telling.route}{instead}",
        "silenced": f"silenced by {telling.silence}, not {to}",
        "withheld": f"withheld, conflicted, not {to}",
    }[telling.how]


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
