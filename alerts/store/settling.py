"""What time makes of alerts: pending ones that have settled, slips, notices without an answer.

Each is one transaction that decides again under its lock: several workers may do it at once, and each thing happens
once.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from alerts import notices as wording
from alerts.alert import utc
from alerts.asking import Asking
from alerts.assessment import Audience
from alerts.detection.rules import unanswered_notice
from alerts.grouping import (
    ALERT_DIGEST,
    SCOPE,
    AlertDigest,
    AlertHit,
    AlertState,
    LateEvidence,
    Rules,
    Slip,
    aggregate,
    leading_rule,
    render,
)
from alerts.notices import Because
from alerts.slips import first_date
from alerts.store.audit import digest_of_hits
from alerts.store.ingest import Raised
from alerts.store.revisions import Asked, Revision, What, held, subject_of, take_turn, write
from alerts.store.scores import scores_of
from alerts.store.tables import ALERTS, HITS, STAFF, chunks
from enrichment.nz_time import ZONE, nz_date, working_deadline

#: What an actor does after a slip is judged a little later than the slip: looked at no sooner than this after the hit.
JUDGED_WITHIN: Final = timedelta(seconds=5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNANSWERED: Final = unanswered_notice.RULE.id


#: Returns those of some staff ids about whom an investigation is open.
UnderInvestigation = Callable[[Connection, Sequence[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class MayBeSlip:
    """An access outside a scope that may be a slip."""

    alert_id: str
    event_id: str
    staff_id: str
    client_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What has become new: alerts for Internal Integrity, and the rules of notices to staff members."""

    raised: tuple[Raised, ...] = ()
    notices: tuple[str, ...] = ()
    #: Alerts with a new revision, those included.
    revised: int = 0


def any_due(connection: Connection, asking: Asking, now: datetime) -> bool:
    """Return whether anything waits for a time that has come, without taking a write lock for the answer."""
    waits = or_(_has_settled(now), _is_overdue(now)) if asking.is_live(_UNANSWERED) else _has_settled(now)
    alert = connection.execute(select(ALERTS.c.alert_id).where(waits).limit(1)).first()
    return alert is not None or bool(slips_due(connection, asking, now, 1))


def _has_settled(to: datetime) -> ColumnElement[bool]:
    return and_(ALERTS.c.status == "pending", ALERTS.c.settles_at <= to)


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    return and_(ALERTS.c.answer_by <= now, ALERTS.c.status == "new", ALERTS.c.audience == "actor")


# -- slips ------------------------------------------------------------------------------------------------------------


def slips_due(connection: Connection, asking: Asking, now: datetime, limit: int) -> list[MayBeSlip]:
    """Return accesses that may be slips and whose time has come, the oldest first."""
    query = (
        select(HITS.c.alert_id, HITS.c.event_id, HITS.c.client_id, HITS.c.occurred_at, ALERTS.c.staff_id)
        .join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
        .where(*_slip_due(asking, now))
        .order_by(HITS.c.recorded_ms)
        .limit(limit)
    )
    return [
        MayBeSlip(row.alert_id, row.event_id, row.staff_id, row.client_id or "", row.occurred_at)
        for row in connection.execute(query)
    ]


def _slip_due(asking: Asking, now: datetime) -> tuple[Any, ...]:
    seconds = asking.limits.policy.slip_seconds if asking.limits is not None else 0
    wait = max(timedelta(seconds=seconds), asking.settle(SCOPE))
    recorded_before = (now - wait - _EPOCH) // timedelta(milliseconds=1)
    return HITS.c.slip == "may", HITS.c.recorded_ms <= recorded_before, HITS.c.taken_at <= now - JUDGED_WITHIN


def decide_slips(
    connection: Connection, rules: Rules, asking: Asking, decided: Sequence[tuple[MayBeSlip, bool]], now: datetime
) -> Settled:
    """Write down which accesses were slips; one that an actor may not have any more is none.

    A notice that is no slip after all becomes Internal Integrity's, and so is raised for it.
    """
    take_turn(connection, "hindsight")
    rows = held(connection, sorted({one.alert_id for one, _ in decided}))
    gathered = {alert_id: ALERT_DIGEST.validate_json(row.gathered) for alert_id, row in rows.items()}
    changed = set()
    for one, looks_so in sorted(decided, key=lambda each: (each[0].at, each[0].event_id)):
        this = and_(HITS.c.alert_id == one.alert_id, HITS.c.event_id == one.event_id, HITS.c.slip == "may")
        is_slip = looks_so and _slips_before(connection, one) < _slips_max(asking)
        found: Slip = "yes" if is_slip else "no"
        if connection.execute(update(HITS).where(this).values(slip=found)).rowcount:
            before = gathered[one.alert_id]
            slips = Counter(before.slips)
            slips.subtract({"may": 1})
            slips.update({found: 1})
            gathered[one.alert_id] = replace(before, slips=dict(+slips))
            changed.add(one.alert_id)
    scores = scores_of(connection, [gathered[alert_id] for alert_id in changed])
    revisions, raised = [], []
    for alert_id in sorted(changed):
        row, digest = rows[alert_id], gathered[alert_id]
        audience = asking.audience(digest, row.status, row.audience)
        asked = Asked.of(row)
        if row.status == "new" and audience == "integrity":
            asked = asked.of_integrity(now)
        state = AlertState(row.revision + 1, row.raised_at, now, row.status, row.outcome, audience)
        alert = scores(digest)(render(subject_of(row), digest, state, rules))
        revisions.append(Revision(alert, orjson.dumps(digest).decode(), "revised", asked=asked))
        if asked.asked_at is not None and row.asked_at is None:
            raised.append(Raised(alert_id, leading_rule(digest, rules), alert.severity))
    write(connection, revisions, now)
    return Settled(tuple(raised), revised=len(revisions))


def _slips_max(asking: Asking) -> int:
    return asking.limits.policy.slips_max if asking.limits is not None else 0


def _slips_before(connection: Connection, one: MayBeSlip) -> int:
    """Return how many slips the actor had before this one, within the dates to it."""
    day = nz_date(one.at)
    query = (
        select(func.count())
        .select_from(HITS)
        .join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
        .where(
            ALERTS.c.staff_id == one.staff_id,
            ALERTS.c.day.between(first_date(day), day),
            HITS.c.slip == "yes",
            HITS.c.occurred_at <= one.at,
        )
    )
    return connection.execute(query).scalar_one()


# -- settling ---------------------------------------------------------------------------------------------------------


def settle(
    connection: Connection,
    rules: Rules,
    asking: Asking,
    *,
    now: datetime,
    read_to: datetime,
    limit: int,
    under_investigation: UnderInvestigation | None = None,
) -> Settled:
    """Make pending alerts new that have settled."""
    take_turn(connection, "hindsight")
    undecided = select(HITS.c.alert_id).where(*_slip_due(asking, now))
    due = (
        select(ALERTS.c.alert_id)
        .where(_has_settled(read_to), ALERTS.c.alert_id.not_in(undecided))
        .order_by(ALERTS.c.settles_at)
        .limit(limit)
    )
    rows = held(connection, connection.execute(due).scalars().all())
    staff_ids = sorted({row.staff_id for row in rows.values()})
    away = _on_leave_until(connection, staff_ids, nz_date(now))
    investigated = under_investigation(connection, staff_ids) if under_investigation is not None and staff_ids else ()
    digests = {alert_id: ALERT_DIGEST.validate_json(row.gathered) for alert_id, row in rows.items()}
    turned: list[_Turned] = []
    told: list[Row[Any]] = []
    # In the order of their time: of questions that settle together, the later ones count the earlier.
    for alert_id, row in sorted(rows.items(), key=lambda one: (one[1].settles_at, one[0])):
        digest = digests[alert_id]
        if asking.audience(digest, row.status, row.audience) == "integrity" or row.staff_id in investigated:
            turned.append(_Turned(row, digest, "integrity"))
        elif row.staff_id in away:
            # Nothing is put to somebody on leave: it settles until they are back.
            back = datetime.combine(away[row.staff_id] + timedelta(days=1), time(), ZONE)
            connection.execute(update(ALERTS).where(ALERTS.c.alert_id == alert_id).values(settles_at=back))
        else:
            one = _to_actor(connection, row, digest, asking, told=told, now=now)
            turned.append(one)
            if one.audience == "actor":
                told.append(row)
    return _turn(connection, turned, rules, asking, what="settled", now=now)


@dataclass(frozen=True, slots=True)
class _Turned:
    """An alert that becomes new for somebody, with the hit that has joined its reasons, as a row."""

    row: Row[Any]
    gathered: AlertDigest
    audience: Audience
    joined: dict[str, Any] | None = None


def _to_actor(
    connection: Connection,
    row: Row[Any],
    gathered: AlertDigest,
    asking: Asking,
    *,
    told: Sequence[Row[Any]],
    now: datetime,
) -> _Turned:
    """Put an alert to the staff member, or to Internal Integrity where such questions have become many.

    Args:
        connection: within the transaction.
        row: the alert.
        gathered: its reasons.
        asking: the limits in force.
        told: alerts that this transaction puts to staff members before this one.
        now: the time.
    """
    if not asking.is_live(_UNANSWERED):
        return _Turned(row, gathered, "actor")
    pair, actor = _told_before(connection, row, told)
    if row.client_id is not None and pair + 1 >= wording.PAIR_MAX:
        return _joined(connection, row, gathered, asking, because="pair", count=pair + 1, now=now)
    if actor + 1 >= wording.ACTOR_MAX:
        return _joined(connection, row, gathered, asking, because="actor", count=actor + 1, now=now)
    return _Turned(row, gathered, "actor")


def _told_before(connection: Connection, row: Row[Any], told: Sequence[Row[Any]]) -> tuple[int, int]:
    """Return how many notices were told about this pair, and to this actor, on the dates to this one."""
    first = row.day - timedelta(days=wording.DATES - 1)
    query = select(ALERTS.c.client_id, func.count().label("number")).where(
        ALERTS.c.staff_id == row.staff_id,
        ALERTS.c.alert_id != row.alert_id,
        ALERTS.c.told_at.is_not(None),
        ALERTS.c.day.between(first, row.day),
        or_(ALERTS.c.outcome.is_(None), ALERTS.c.outcome != "explained"),
    )
    found = Counter({one.client_id: one.number for one in connection.execute(query.group_by(ALERTS.c.client_id))})
    found.update(one.client_id for one in told if one.staff_id == row.staff_id and first <= one.day <= row.day)
    return found[row.client_id] if row.client_id is not None else 0, found.total()


def _joined(
    connection: Connection,
    row: Row[Any],
    gathered: AlertDigest,
    asking: Asking,
    *,
    because: Because,
    count: int,
    now: datetime,
) -> _Turned:
    """Let ``unanswered-notice`` join the reasons of an alert, which so is Internal Integrity's."""
    hours = asking.limits.policy.answer_hours if asking.limits is not None else 0
    at, event_id = gathered.first_events[0]
    first = (
        connection.execute(select(HITS).where(HITS.c.alert_id == row.alert_id, HITS.c.event_id == event_id).limit(1))
        .mappings()
        .first()
    )
    if first is None:
        raise LookupError("an alert has no hit of its first access")
    hit = AlertHit(
        event_id=event_id,
        rule=_UNANSWERED,
        severity=wording.severity(again=_unanswered_before(connection, row)),
        sentence=wording.sentence(because, row.told_at, hours, count),
        evidence=wording.evidence(row.alert_id, utc(row.told_at or now)),
        occurred_at=at,
        recorded_ms=int(first["recorded_ms"]),
        conflicted=gathered.conflicted,
        versions=gathered.latest.versions,
    )
    own = {
        "rule": hit.rule, "severity": hit.severity, "sentence": hit.sentence, "conflicted": hit.conflicted,
        "evidence": orjson.dumps(hit.evidence).decode(), "versions": orjson.dumps(hit.versions).decode(),
        "taken_at": now, "explained_by": None, "covered": first["covered"], "slip": None, "revision": row.revision + 1,
    }  # fmt: skip
    joined = {**first, **own}
    # At once: the next one looks whether there was one before.
    connection.execute(insert(HITS), [joined])
    late = LateEvidence(covered={(event_id, hit.rule)}) if first["covered"] else None
    digest = aggregate(gathered, [hit], {event_id}, late)
    return _Turned(row, digest, "integrity", joined)


def _unanswered_before(connection: Connection, row: Row[Any]) -> bool:
    """Return whether another notice of the actor, on the dates to this one, had this reason."""
    query = (
        select(ALERTS.c.day)
        .join(HITS, HITS.c.alert_id == ALERTS.c.alert_id)
        .where(
            ALERTS.c.staff_id == row.staff_id,
            ALERTS.c.alert_id != row.alert_id,
            HITS.c.rule == _UNANSWERED,
            ALERTS.c.day.between(row.day - timedelta(days=wording.UNANSWERED_DATES - 1), row.day),
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def unanswered(connection: Connection, rules: Rules, asking: Asking, now: datetime, limit: int) -> Settled:
    """Make notices Internal Integrity's that were not answered in time."""
    if not asking.is_live(_UNANSWERED):
        return Settled()
    take_turn(connection, "hindsight")
    due = select(ALERTS.c.alert_id).where(_is_overdue(now)).order_by(ALERTS.c.answer_by).limit(limit)
    rows = held(connection, connection.execute(due).scalars().all())
    turned = [
        _joined(
            connection, row, ALERT_DIGEST.validate_json(row.gathered), asking, because="unanswered", count=1, now=now
        )
        for row in rows.values()
    ]
    return _turn(connection, turned, rules, asking, what="revised", now=now)


def _turn(
    connection: Connection, turned: Sequence[_Turned], rules: Rules, asking: Asking, *, what: What, now: datetime
) -> Settled:
    """Write alerts that become new for somebody."""
    scores = scores_of(connection, [one.gathered for one in turned])
    hours = asking.limits.policy.answer_hours if asking.limits is not None else 0
    revisions, raised, told = [], [], []
    for one in turned:
        asked = replace(Asked.of(one.row), settles_at=None, answer_by=None)
        if one.audience == "integrity":
            asked = asked.of_integrity(now)
        elif asked.told_at is None:
            asked = replace(asked, told_at=now, answer_by=working_deadline(now, hours))
        state = AlertState(
            revision=one.row.revision + 1,
            raised_at=one.row.raised_at,
            updated_at=now,
            status="new",
            outcome=None,
            audience=one.audience,
        )
        alert = scores(one.gathered)(render(subject_of(one.row), one.gathered, state, rules))
        hits = (digest_of_hits([one.joined]), 1) if one.joined is not None else None
        revisions.append(Revision(alert, orjson.dumps(one.gathered).decode(), what, hits=hits, asked=asked))
        leading = leading_rule(one.gathered, rules)
        if asked.asked_at is not None and one.row.asked_at is None:
            raised.append(Raised(one.row.alert_id, leading, alert.severity))
        if asked.told_at is not None and one.row.told_at is None:
            told.append(leading)
    write(connection, revisions, now)
    return Settled(tuple(raised), tuple(told), len(revisions))


def _on_leave_until(connection: Connection, staff_ids: Sequence[str], on: date) -> dict[str, date]:
    """Return the last date of leave of those who are on leave."""
    found: dict[str, date] = {}
    for ids in chunks(staff_ids):
        query = select(STAFF.c.staff_id, STAFF.c.leave).where(STAFF.c.staff_id.in_(ids), STAFF.c.leave.is_not(None))
        for row in connection.execute(query):
            for first, last in orjson.loads(row.leave):
                if date.fromisoformat(first) <= on <= date.fromisoformat(last):
                    found[row.staff_id] = max(date.fromisoformat(last), found.get(row.staff_id, date.min))
    return found
