"""The notification log: each message once, by an id of its own, and what was kept back from whom.

A row is pending until its channel accepted it (sent) or gave up (parked). Others are never sent themselves: withheld
(every route has a conflict), silenced, superseded (a newer message took its place), gathered (waits for a message about
several alerts) and summed (was told of in one).

``route`` decides about each revision once, in the order of the outbox, one worker at a time. ``remind`` and
``tell_several`` do what falls due without a new revision: reminders and escalations, digests, and messages about those
that wait. ``listed`` and ``retry`` are for people: what has not got through, and trying that again.

``purge`` removes what has done its work: revisions that have left, and messages that were told of them. The alert, its
hits and its history stay. The history says of which revisions the rows were removed, so that ``audit.py`` can tell that
from rows that somebody took away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from alerts.alert import ALERT, Alert
from alerts.notify.message import MISTAKES, SEVERAL, Occasion, Several, bring_together, message_key
from alerts.notify.routing import Before, FollowUp, RateState, RoutingInput, SendDecision, Step
from alerts.store.audit import append
from alerts.store.database import NotPossible, insert_into
from alerts.store.queries import may_see
from alerts.store.revisions import entry_of, held, take_turn
from alerts.store.staff import RoutingContext, rate_state_of
from alerts.store.tables import ALERTS, FOLLOW_UPS, HISTORY, KEPT_FROM, NOTIFICATIONS, OUTBOX, TOLD, chunks

State = Literal["pending", "sent", "parked", "withheld", "silenced", "superseded", "gathered", "summed"]
#: What is over: nothing more becomes of it.
DONE: Final = ("sent", "parked", "withheld", "silenced", "superseded", "summed")


@dataclass(frozen=True, slots=True)
class Due:
    """One notification to send now, about one alert or about several.

    ``first_revision`` is the one that opened the thread on this channel, 0 where none did.
    ``occasion``: told, reminder-1 and so on, escalated, digest, storm, and those of ``MISTAKES``.
    """

    key: str
    channel: str
    occasion: str
    attempts: int
    first_attempt_at: datetime
    alert: Alert | None
    first_revision: int
    several: Several | None = None
    to_staff: str | None = None


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write rows that the notification log does not have; give them."""
    known: set[str] = set()
    for keys in chunks([row["key"] for row in rows]):
        query = select(NOTIFICATIONS.c.key).where(NOTIFICATIONS.c.key.in_(keys))
        known |= set(connection.execute(query).scalars())
    fresh = list({row["key"]: row for row in rows if row["key"] not in known}.values())
    if fresh:
        connection.execute(insert(NOTIFICATIONS), fresh)
    return fresh


def row_of(key: str, channel: str, occasion: str, state: State, *, now: datetime, due_at: datetime) -> dict[str, Any]:
    """Return a new row, before it is said what it is about."""
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
        "to_staff": None,
        "state": state,
        "silence": None,
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
        "next_attempt_at": due_at,
    }


def any_due(connection: Connection, channel: str, now: datetime) -> bool:
    """Return whether a channel has anything to send now, without taking a write lock for the answer."""
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
                to_staff=row.to_staff,
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


_STATES: Mapping[str, State] = {
    "alone": "pending", "digest": "gathered", "storm": "gathered", "silenced": "silenced", "withheld": "withheld",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Routed:
    """One revision and what was decided about telling anybody."""

    alert_id: str
    revision: int
    decisions: tuple[SendDecision, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker decides: pure functions, and what they need to know of the routes."""

    decide: Callable[[RoutingInput, RateState, datetime], tuple[SendDecision, ...]]
    #: When to look again at an alert that was told of; None: nobody is reminded.
    look_again: Callable[[SendDecision], datetime | None]
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
    rates = rate_state_of(connection, plan.storm_per, plan.staff, now)
    context = RoutingContext.of(connection, sorted({row.alert_id for row in rows}))
    routed, entries = [], []
    for row in rows:
        before = (
            None
            if row.severity is None
            else Before(row.severity, row.status, row.conflicted, row.audience or "integrity")
        )
        alert = ALERT.validate_json(row.payload)
        routing_input = context.routing_input(alert, before, grew=row.recorded_ms is not None)
        keep_from(connection, alert.alert_id, routing_input.people.keys() - {alert.staff_id})
        decisions = plan.decide(routing_input, rates, now)
        routed.append(Routed(row.alert_id, row.revision, decisions))
        if alert.status == "closed":
            supersede(connection, alert.alert_id, None, now)
        entries += write_down(connection, alert, decisions, plan, now, heard=bool(routing_input.last_notified))
        context.note(alert, decisions)
    append(connection, entries)
    connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_([row.id for row in rows])).values(routed_at=now))
    return routed


def any_unrouted(connection: Connection) -> bool:
    """Return whether anything waits to be routed, without taking a write lock for the answer."""
    return connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.routed_at.is_(None)).limit(1)).first() is not None


def write_down(
    connection: Connection,
    alert: Alert,
    decisions: Sequence[SendDecision],
    plan: Plan,
    now: datetime,
    *,
    heard: bool = True,
    occasion: str = TOLD,
) -> list[dict[str, Any]]:
    """Put what was decided about an alert into the notification log; return its history entry, if any.

    *heard* is False where no channel was told of the alert, or is to be: then nothing waits that could be replaced.
    """
    rows: list[dict[str, Any]] = []
    for decision in decisions:
        if heard and decision.how in {"alone", "digest", "storm"} and occasion == TOLD and decision.route is not None:
            supersede(connection, alert.alert_id, decision.route, now)
        gives_way = decision.instead_of or (decision.route if decision.how == "withheld" else None)
        if heard and gives_way is not None:
            # What its people were still to be told must not reach them any more.
            supersede(connection, alert.alert_id, gives_way, now)
        rows += [_row(alert, decision, name, occasion, now) for name in decision.channels]
        _follow(connection, alert, decision, plan)
        keep_from(connection, alert.alert_id, decision.kept_from)
    written = add(connection, rows) if rows else []
    return [_entry(alert, decisions, written, occasion, now)] if written else []


def _unrouted(limit: int) -> Any:
    """Outbox rows with the state of the revision before each."""
    before = and_(HISTORY.c.alert_id == OUTBOX.c.alert_id, HISTORY.c.revision == OUTBOX.c.revision - 1)
    columns = (OUTBOX.c.id, OUTBOX.c.alert_id, OUTBOX.c.revision, OUTBOX.c.payload, OUTBOX.c.recorded_ms)
    return (
        select(*columns, HISTORY.c.severity, HISTORY.c.status, HISTORY.c.conflicted, HISTORY.c.audience)
        .join(HISTORY, before, isouter=True)
        .where(OUTBOX.c.routed_at.is_(None))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )


def _row(alert: Alert, decision: SendDecision, channel: str, occasion: str, now: datetime) -> dict[str, Any]:
    key = message_key(alert.alert_id, alert.revision, channel)
    if decision.how in {"digest", "storm"}:
        occasion = decision.how
        key += f".{occasion}.{decision.route}"
    elif decision.reason.value in MISTAKES:
        occasion = decision.reason.value
        key += f".{occasion}"
    elif occasion != TOLD:
        key += f".{occasion}"
    return row_of(key, channel, occasion, _STATES[decision.how], now=now, due_at=decision.at) | {
        "reason": decision.reason.value,
        "route": decision.route,
        "instead_of": decision.instead_of,
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "silence": decision.silence,
        "to_staff": decision.to_staff,
    }


def _follow(connection: Connection, alert: Alert, decision: SendDecision, plan: Plan) -> None:
    """Remember to remind, where the route does."""
    next_at = plan.look_again(decision)
    if next_at is not None:
        row = {"route": decision.route, "alert_id": alert.alert_id, "reminders": 0, "next_at": next_at}
        added = insert_into(connection, FOLLOW_UPS).values(row)
        anew = {"reminders": 0, "next_at": next_at}
        connection.execute(added.on_conflict_do_update(index_elements=["route", "alert_id"], set_=anew))


def keep_from(connection: Connection, alert_id: str, people: Iterable[str]) -> None:
    """Remember who must not see an alert in a list."""
    rows = [{"alert_id": alert_id, "staff_id": staff_id} for staff_id in sorted(people)]
    if rows:
        connection.execute(insert_into(connection, KEPT_FROM).on_conflict_do_nothing(), rows)


def _entry(
    alert: Alert, decisions: Sequence[SendDecision], written: Sequence[dict[str, Any]], occasion: str, now: datetime
) -> dict[str, Any]:
    detail = {"routed": alert.revision, "keys": [[row["key"], row["channel"]] for row in written]}
    why = (decisions[0].reason if occasion == TOLD else occasion).replace("_", " ").replace("-", " ")
    said = f"revision {alert.revision} ({why}), {'; '.join(_decision_text(decision) for decision in decisions)}"
    return entry_of(alert, "routed", now, because=said) | {"detail": orjson.dumps(detail).decode()}


def _decision_text(decision: SendDecision) -> str:
    """Return one route's part of a decision in words."""
    to = f"to {', '.join(decision.channels)}"
    instead = f", conflicted, instead of {decision.instead_of}" if decision.instead_of else ""
    return {
        "alone": f"{to}{instead}",
        "digest": f"{to} with the next digest of {decision.route}{instead}",
        "storm": f"{to} with all that wait for {decision.route}{instead}",
        "silenced": f"silenced by {decision.silence}, not {to}",
        "withheld": f"withheld, conflicted, not {to}",
    }[decision.how]


#: Digests and the like that are made in one transaction.
SEVERAL_PER_ROUND_MAX = 20

Follow = Callable[[FollowUp, RoutingInput, RateState, datetime], Step]


def follow_up_due(connection: Connection, now: datetime) -> bool:
    """Return whether anything is due, without taking a write lock for the answer."""
    reminder = select(FOLLOW_UPS.c.alert_id).where(FOLLOW_UPS.c.next_at <= now).limit(1)
    waiting = select(NOTIFICATIONS.c.key).where(
        NOTIFICATIONS.c.state == "gathered", NOTIFICATIONS.c.next_attempt_at <= now
    )
    return any(connection.execute(query).first() is not None for query in (reminder, waiting.limit(1)))


def remind(connection: Connection, plan: Plan, follow: Follow, now: datetime, limit: int) -> list[Routed]:
    """Take the next step with alerts that nobody has acknowledged; those that somebody has are forgotten here."""
    take_turn(connection, "route")
    query = select(FOLLOW_UPS).where(FOLLOW_UPS.c.next_at <= now).order_by(FOLLOW_UPS.c.next_at, FOLLOW_UPS.c.alert_id)
    rows = connection.execute(query.limit(limit)).all()
    if not rows:
        return []
    rates = rate_state_of(connection, plan.storm_per, plan.staff, now)
    alert_ids = sorted({row.alert_id for row in rows})
    context = RoutingContext.of(connection, alert_ids)
    alerts = {alert_id: ALERT.validate_json(row.payload) for alert_id, row in held(connection, alert_ids).items()}
    reminded, entries = [], []
    for row in rows:
        alert = alerts[row.alert_id]
        routing_input = context.routing_input(alert, None, grew=False)
        step = follow(FollowUp(row.route, row.reminders), routing_input, rates, now)
        this = (FOLLOW_UPS.c.route == row.route) & (FOLLOW_UPS.c.alert_id == row.alert_id)
        if step.next_at is None:
            connection.execute(delete(FOLLOW_UPS).where(this))
        else:
            connection.execute(update(FOLLOW_UPS).where(this).values(next_at=step.next_at, reminders=step.reminders))
        if step.decision is not None:
            occasion = f"reminder-{step.reminders}" if step.next_at is not None else "escalated"
            entries += write_down(connection, alert, [step.decision], plan, now, occasion=occasion)
            reminded.append(Routed(alert.alert_id, alert.revision, (step.decision,)))
    append(connection, entries)
    return reminded


def tell_several(connection: Connection, now: datetime) -> int:
    """Make the messages about several alerts that are due; give how many."""
    take_turn(connection, "route")
    table = NOTIFICATIONS.c
    due = select(table.route, table.occasion, func.min(table.next_attempt_at).label("due_at")).where(
        table.state == "gathered", table.next_attempt_at <= now
    )
    found = connection.execute(due.group_by(table.route, table.occasion).limit(SEVERAL_PER_ROUND_MAX)).all()
    for one in found:
        _tell_several(connection, one.route, one.occasion, one.due_at, now)
    return len(found)


def _tell_several(connection: Connection, route: str, occasion: Occasion, due_at: datetime, now: datetime) -> None:
    table = NOTIFICATIONS.c
    waiting = (
        (table.route == route) & (table.occasion == occasion) & (table.state == "gathered")
        & (table.next_attempt_at <= now)
    )  # fmt: skip
    rows = connection.execute(select(table.alert_id, table.channel, table.created_at).where(waiting)).all()
    alerts = [
        ALERT.validate_json(payload)
        for ids in chunks(sorted({row.alert_id for row in rows}))
        for payload in connection.execute(select(ALERTS.c.payload).where(ALERTS.c.alert_id.in_(ids))).scalars()
    ]
    several = bring_together(occasion, route, min(row.created_at for row in rows), now, alerts)
    key = f"{occasion}.{route}.{due_at:%Y%m%dT%H%M%SZ}"
    if several.new or occasion == "digest":
        content = orjson.dumps(several).decode()
        told = [
            row_of(f"{key}.{channel}", channel, occasion, "pending", now=now, due_at=now)
            | {"route": route, "content": content}
            for channel in sorted({row.channel for row in rows})
        ]
        add(connection, told)
    connection.execute(update(NOTIFICATIONS).where(waiting).values(state="summed", told_in=key))


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
    """One message of the notification log. ``alert_id`` is None for one about several; ``last_error`` names nobody."""

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
    """Return messages, the newest first; none about an alert that *viewer* may not see."""
    return _deliveries(connection, _where(which, viewer), limit)


def retry(connection: Connection, which: Which, by: str, now: datetime, viewer: str | None) -> list[Delivery]:
    """Let those that are stuck be tried again now, and for a day from then; say so in the alerts' histories.

    Raises:
        NotPossible: a key names no message that is stuck.
    """
    take_turn(connection, "deliver")
    # What a worker has in hand is being tried already.
    in_no_hand = or_(NOTIFICATIONS.c.lease_until.is_(None), NOTIFICATIONS.c.lease_until <= now)
    found = _deliveries(connection, [*_where(replace(which, stuck=True), viewer), in_no_hand], RETRIED_MAX)
    missing = set(which.keys) - {one.key for one in found}
    if missing:
        raise NotPossible(f"No message {min(missing)} is parked or waits after an attempt that failed.")
    again = {"state": "pending", "attempts": 0, "first_attempt_at": None, "next_attempt_at": now}
    for keys in chunks([one.key for one in found]):
        connection.execute(update(NOTIFICATIONS).where(NOTIFICATIONS.c.key.in_(keys)).values(again))
    _note_retried(connection, found, by, now)
    return found


def _deliveries(connection: Connection, where: Sequence[ColumnElement[bool]], limit: int) -> list[Delivery]:
    columns = [NOTIFICATIONS.c[name] for name in Delivery.__dataclass_fields__]
    query = select(*columns).where(*where).order_by(NOTIFICATIONS.c.created_at.desc(), NOTIFICATIONS.c.key)
    return [Delivery(**row) for row in connection.execute(query.limit(limit)).mappings()]


def _note_retried(connection: Connection, found: Sequence[Delivery], by: str, now: datetime) -> None:
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


#: How long an alert of which nothing new was said keeps its revisions in the outbox, and its messages.
KEPT: Final = timedelta(days=35)


def purge(connection: Connection, now: datetime, limit: int) -> int:
    """Remove old rows of up to *limit* alerts; give of how many."""
    before = now - KEPT
    table = NOTIFICATIONS.c
    several = and_(table.alert_id.is_(None), table.created_at < before, table.state.in_(DONE))
    connection.execute(delete(NOTIFICATIONS).where(several))
    unfinished = select(table.alert_id).where(
        or_(table.state.not_in(DONE), table.created_at >= before), table.alert_id.is_not(None)
    )
    waiting = select(OUTBOX.c.alert_id).where(or_(OUTBOX.c.published_at.is_(None), OUTBOX.c.routed_at.is_(None)))
    old = (
        select(OUTBOX.c.alert_id, func.max(OUTBOX.c.revision).label("revision"))
        .where(OUTBOX.c.alert_id.not_in(unfinished), OUTBOX.c.alert_id.not_in(waiting))
        .group_by(OUTBOX.c.alert_id)
        .having(func.max(OUTBOX.c.created_at) < before)
        .order_by(OUTBOX.c.alert_id)
        .limit(limit)
    )
    purged = {row.alert_id: row.revision for row in connection.execute(old)}
    alerts = held(connection, sorted(purged))
    for alert_id, revision in purged.items():
        for rows in (OUTBOX, NOTIFICATIONS):
            of_alert = and_(rows.c.alert_id == alert_id, rows.c.revision <= revision)
            connection.execute(delete(rows).where(of_alert))
    append(
        connection,
        [
            entry_of(ALERT.validate_json(alerts[alert_id].payload), "purged", now, because=f"up to revision {revision}")
            | {"detail": orjson.dumps({"purged": revision}).decode()}
            for alert_id, revision in purged.items()
        ],
    )
    return len(purged)
