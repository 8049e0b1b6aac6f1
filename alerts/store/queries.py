"""Reading the store: lists, one alert, its history, who was told, the hits of an access."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from alerts.alert import ALERT, Alert, Status
from alerts.assessment import Evidence, Severity
from alerts.store.database import NotPossible
from alerts.store.scores import DECIDED
from alerts.store.tables import ALERTS, HISTORY, HITS, KEPT_FROM, NOTIFICATIONS, STAFF

_EVIDENCE: TypeAdapter[tuple[Evidence, ...]] = TypeAdapter(tuple[Evidence, ...])


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; ``since`` is about when an alert was raised."""

    status: Status | None = None
    severity: Severity | None = None
    rule: str | None = None
    staff: str | None = None
    client: str | None = None
    day: date | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an alert's history. ``by`` is None where the service did it."""

    revision: int | None
    at: datetime
    what: str
    by: str | None
    because: str | None
    status: str
    outcome: str | None
    severity: str


@dataclass(frozen=True, slots=True)
class Precision:
    """What became of the closed alerts that a rule is a reason of.

    Decided are those of which somebody found out: not those closed for wrong data, or without further action.
    """

    rule: str
    confirmed: int
    decided: int
    closed: int


#: Days before and after an alert's, in which alerts about the same staff member are shown with it.
RELATED_WITHIN: Final = timedelta(days=7)
RELATED_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Notification:
    """One line of the notification log about an alert; see ``notifications.py`` for its states and occasions."""

    revision: int
    channel: str
    occasion: str
    #: None where nobody wrote it down at the time.
    reason: str | None
    route: str | None
    #: The route that it would have gone by: somebody there has a conflict.
    instead_of: str | None
    conflicted: bool
    silence: str | None
    told_in: str | None
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class StoredHit:
    """One hit as the store has it."""

    alert_id: str
    event_id: str
    rule: str
    severity: str
    sentence: str
    evidence: tuple[Evidence, ...]
    occurred_at: datetime


def listed(connection: Connection, filters: Filters, limit: int, offset: int, viewer: str | None) -> list[Alert]:
    """Return Internal Integrity's alerts that *viewer* may see: by score, then the newest raised first."""
    order = func.coalesce(ALERTS.c.score, 0.0).desc(), ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()
    query = _filtered(filters).where(*may_see(viewer)).order_by(*order)
    payloads = connection.execute(query.limit(limit).offset(offset)).scalars()
    return [ALERT.validate_json(payload) for payload in payloads]


def found(connection: Connection, reference: str, viewer: str | None) -> Alert:
    """Return the alert with this id, or the only one whose id begins so; what *viewer* may not see is not there."""
    row = by_reference(connection, select(ALERTS.c.payload).where(*may_see(viewer)), reference, "alert")
    return ALERT.validate_json(row.payload)


def by_reference(connection: Connection, query: Select[Any], reference: str, what: str) -> Row[Any]:
    """Return the row of *query*, which is over alerts, with this id, or the only one whose id begins so.

    Raises:
        NotPossible: there is none, or more than one; the sentence calls it *what*.
    """
    exact = connection.execute(query.where(ALERTS.c.alert_id == reference)).first()
    if exact is not None:
        return exact
    begins = query.where(ALERTS.c.alert_id.startswith(reference, autoescape=True)).limit(2)
    rows = connection.execute(begins).all() if reference else []
    if not rows:
        raise NotPossible(f"There is no {what} {reference}.")
    if len(rows) > 1:
        raise NotPossible(f"More than one {what} begins with {reference}; give more of its id.")
    return rows[0]


def may_see(viewer: str | None) -> tuple[ColumnElement[bool], ...]:
    """Leave out alerts about the viewer, those kept from them, and a colleague's where they are Internal Integrity's.

    None: it is not known who looks, and nothing is left out.
    """
    if viewer is None:
        return ()
    kept = select(KEPT_FROM.c.alert_id).where(KEPT_FROM.c.staff_id == viewer)
    theirs = select(STAFF.c.staff_id).where(STAFF.c.staff_id == viewer, STAFF.c.internal_integrity).exists()
    return (
        ALERTS.c.staff_id != viewer,
        ALERTS.c.alert_id.not_in(kept),
        ~and_(ALERTS.c.conflicted, theirs),
    )


def history(connection: Connection, alert_id: str) -> tuple[Entry, ...]:
    """Return what became of an alert, oldest first."""
    query = select(HISTORY).where(HISTORY.c.alert_id == alert_id).order_by(HISTORY.c.id)
    return tuple(
        Entry(row.revision, row.at, row.what, row.by, row.because, row.status, row.outcome, row.severity)
        for row in connection.execute(query)
    )


def assignee(connection: Connection, alert_id: str) -> str | None:
    """Return who works on an alert."""
    return connection.execute(select(ALERTS.c.assignee).where(ALERTS.c.alert_id == alert_id)).scalar()


def related(connection: Connection, alert: Alert, viewer: str | None) -> list[Alert]:
    """Return the other alerts about the same staff member of the days around this one, the newest first."""
    query = (
        select(ALERTS.c.payload)
        .where(
            ALERTS.c.staff_id == alert.staff_id,
            ALERTS.c.alert_id != alert.alert_id,
            ALERTS.c.asked_at.is_not(None),
            ALERTS.c.day.between(_shifted(alert.day, -RELATED_WITHIN), _shifted(alert.day, RELATED_WITHIN)),
            *may_see(viewer),
        )
        .order_by(ALERTS.c.day.desc(), ALERTS.c.raised_at.desc())
        .limit(RELATED_MAX)
    )
    return [ALERT.validate_json(payload) for payload in connection.execute(query).scalars()]


def precision(connection: Connection) -> list[Precision]:
    """Return, for each rule, how many closed alerts it is a reason of were confirmed, and how many were decided."""
    rules_of = select(HITS.c.rule, HITS.c.alert_id).distinct().subquery()
    query = (
        select(rules_of.c.rule, ALERTS.c.outcome, func.count().label("number"))
        .join(ALERTS, ALERTS.c.alert_id == rules_of.c.alert_id)
        .where(ALERTS.c.status == "closed", ALERTS.c.outcome.is_not(None), ALERTS.c.asked_at.is_not(None))
        .group_by(rules_of.c.rule, ALERTS.c.outcome)
    )
    numbers: dict[str, Counter[str]] = {}
    for row in connection.execute(query):
        numbers.setdefault(row.rule, Counter())[row.outcome] += row.number
    return [
        Precision(rule, found["confirmed"], sum(found[outcome] for outcome in DECIDED), found.total())
        for rule, found in sorted(numbers.items())
    ]


@dataclass(frozen=True, slots=True)
class Combination:
    """What became of the closed alerts with the same questions: ``questions`` are the ids of their rules."""

    questions: tuple[str, ...]
    confirmed: int
    decided: int
    closed: int


def combinations(connection: Connection) -> list[Combination]:
    """Return, for each set of rules that alerts had, what became of them; those with most decided first."""
    query = (
        select(ALERTS.c.questions, ALERTS.c.outcome, func.count().label("number"))
        .where(ALERTS.c.status == "closed", ALERTS.c.outcome.is_not(None), ALERTS.c.asked_at.is_not(None))
        .group_by(ALERTS.c.questions, ALERTS.c.outcome)
    )
    numbers: dict[str, Counter[str]] = {}
    for row in connection.execute(query):
        numbers.setdefault(row.questions, Counter())[row.outcome] += row.number
    found = [
        Combination(tuple(name.split(",")), each["confirmed"], sum(each[outcome] for outcome in DECIDED), each.total())
        for name, each in numbers.items()
        if name
    ]
    return sorted(found, key=lambda one: (-one.decided, one.questions))


def _shifted(day: date, by: timedelta) -> date:
    try:
        return day + by
    except OverflowError:
        return day


def notifications(connection: Connection, alert_id: str) -> tuple[Notification, ...]:
    """Return the notification log of an alert, by revision and channel."""
    query = select(NOTIFICATIONS).where(NOTIFICATIONS.c.alert_id == alert_id)
    return tuple(
        Notification(
            revision=row.revision,
            channel=row.channel,
            occasion=row.occasion,
            reason=row.reason,
            route=row.route,
            instead_of=row.instead_of,
            conflicted=row.instead_of is not None or row.state == "withheld",
            silence=row.silence,
            told_in=row.told_in,
            state=row.state,
            attempts=row.attempts,
            created_at=row.created_at,
            next_attempt_at=row.next_attempt_at,
            sent_at=row.sent_at,
            last_error=row.last_error,
        )
        for row in connection.execute(
            query.order_by(NOTIFICATIONS.c.revision, NOTIFICATIONS.c.created_at, NOTIFICATIONS.c.key)
        )
    )


def hits_of_event(connection: Connection, event_id: str, viewer: str | None) -> tuple[StoredHit, ...]:
    """Return the hits of one access, with the alerts that they are in."""
    visible = HITS.c.alert_id.in_(select(ALERTS.c.alert_id).where(*may_see(viewer)))
    query = select(HITS).where(HITS.c.event_id == event_id, visible).order_by(HITS.c.alert_id, HITS.c.rule)
    return tuple(
        StoredHit(
            alert_id=row.alert_id,
            event_id=row.event_id,
            rule=row.rule,
            severity=row.severity,
            sentence=row.sentence,
            evidence=_EVIDENCE.validate_json(row.evidence),
            occurred_at=row.occurred_at,
        )
        for row in connection.execute(query)
    )


def _filtered(filters: Filters) -> Select[str]:
    query = select(ALERTS.c.payload)
    equal = (
        (ALERTS.c.status, filters.status),
        (ALERTS.c.severity, filters.severity),
        (ALERTS.c.staff_id, filters.staff),
        (ALERTS.c.client_id, filters.client),
        (ALERTS.c.day, filters.day),
    )
    query = query.where(*(column == value for column, value in equal if value is not None))
    if filters.rule is not None:
        query = query.where(ALERTS.c.alert_id.in_(select(HITS.c.alert_id).where(HITS.c.rule == filters.rule)))
    if filters.since is not None:
        query = query.where(ALERTS.c.raised_at >= filters.since)
    if filters.status == "pending":
        return query
    # What is pending is put to nobody yet; notices stand in a list of their own, canaries in none.
    return query.where(
        ALERTS.c.status != "pending",
        or_(ALERTS.c.audience == "integrity", ALERTS.c.asked_at.is_not(None)),
        or_(ALERTS.c.outcome.is_(None), ALERTS.c.outcome != "canary"),
    )
