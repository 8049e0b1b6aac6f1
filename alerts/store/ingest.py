"""Taking hits: a whole batch in one transaction, a few statements however many hits it holds.

Each hit is stored once, with what was known by then that was not when its access was judged.

Order of locks: rows of new alerts first, then the others, each by alert id, so that two workers on PostgreSQL wait for
each other but never in a ring.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select

from alerts.alert import Outcome, Status, utc
from alerts.asking import Asking
from alerts.assessment import SEVERITIES, Severity
from alerts.detection.rule import About
from alerts.detection.work_reasons import Policy
from alerts.grouping import (
    ALERT_DIGEST,
    AlertDigest,
    AlertHit,
    AlertState,
    HitRecord,
    LateEvidence,
    Rules,
    Subject,
    aggregate,
    leading_rule,
    render,
    split,
)
from alerts.late_evidence import PastHit, covers
from alerts.store import late_evidence
from alerts.store.audit import digest_of_hits
from alerts.store.database import insert_into
from alerts.store.late_evidence import Explains, close_explained
from alerts.store.revisions import Asked, Revision, What, held, take_turn, write
from alerts.store.scores import Scored, scores_of
from alerts.store.tables import ALERTS, HITS, chunks

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """One hit, the alert that it belongs to, and the record that brought it."""

    record: HitRecord
    subject: Subject
    hit: AlertHit

    @property
    def key(self) -> Key:
        """What makes it one: (alert, event, rule)."""
        return self.subject.alert_id, self.hit.event_id, self.hit.rule

    def past(self, now: datetime) -> PastHit:
        """Return what decides whether something that becomes known later concerns it."""
        found, said = self.record.assessment, self.record.circumstances
        return PastHit(
            rule=self.hit.rule,
            severity=self.hit.severity,
            staff_id=found.staff_id,
            client_id=found.client_id,
            occurred_at=self.hit.occurred_at,
            judged_at=utc(self.record.judged_at or now),
            work_id=said.work_id,
            actor=said.actor,
            channel=said.channel,
            action=said.action,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the hits that one alert takes in: what is known of them already, their digest, how many they are."""

    late: LateEvidence
    digest: str
    count: int


def arrive(records: Iterable[HitRecord], rules: Rules) -> tuple[dict[Key, Arrived], int]:
    """Split records into hits, the first of those that came more than once; give them and how many there were."""
    arrived: dict[Key, Arrived] = {}
    count = 0
    for record in records:
        for subject, hit in split(record, rules):
            count += 1
            one = Arrived(record, subject, hit)
            arrived.setdefault(one.key, one)
    return arrived, count


def known_hits(connection: Connection, event_ids: Sequence[str]) -> set[Key]:
    """Return the hits of these accesses that the store has."""
    found: set[Key] = set()
    for ids in chunks(event_ids):
        query = select(HITS.c.alert_id, HITS.c.event_id, HITS.c.rule).where(HITS.c.event_id.in_(ids))
        found |= {(row.alert_id, row.event_id, row.rule) for row in connection.execute(query)}
    return found


def of_first_contents(connection: Connection, arrived: Mapping[Key, Arrived], rules: Rules) -> dict[Key, Arrived]:
    """Leave out what an event id says when it comes again with another staff member, client or day.

    The same id counts once in every alert (``docs/contract.md``, Access): of two contents the first is the access, so
    it stands in one alert about a pair, and in one about an actor.
    """
    alerts: dict[tuple[str, About], set[str]] = {}
    for alert_id, event_id, rule in known_hits(connection, sorted({event_id for _, event_id, _ in arrived})):
        if rule in rules:
            alerts.setdefault((event_id, rules[rule].about), set()).add(alert_id)
    first = {}
    for key, one in arrived.items():
        alert_id, event_id, _ = key
        about: About = "actor" if one.subject.client_id is None else "pair"
        if alert_id in alerts.setdefault((event_id, about), {alert_id}):
            first[key] = one
    return first


def keep(
    connection: Connection,
    fresh: Sequence[Arrived],
    revisions: Mapping[str, int],
    *,
    rules: Rules,
    policy: Policy | None,
    now: datetime,
) -> Mapping[str, Kept]:
    """Store hits that are new, each with the revision of its alert that takes it in; say by alert what was kept."""
    clients = {client for one in fresh if (client := one.record.assessment.client_id) is not None}
    staff = {one.record.assessment.staff_id for one in fresh}
    work = late_evidence.versions_for(connection, sorted(clients)) if policy is not None else {}
    explains = Explains(work, rules, policy) if policy is not None and work else None
    reports = late_evidence.reports(connection, staff_ids=sorted(staff))
    late = {one.subject.alert_id: LateEvidence() for one in fresh}
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in fresh:
        hit, key = one.past(now), (one.hit.event_id, one.hit.rule)
        explained_by = explains(hit) if explains is not None else None
        covered = any(covers(report, hit.staff_id, hit.client_id, hit.occurred_at) for report in reports)
        if explained_by is not None:
            late[one.subject.alert_id].explained.add(key)
        if covered:
            late[one.subject.alert_id].covered.add(key)
        marks = {"explained_by": explained_by, "covered": covered, "revision": revisions[one.subject.alert_id]}
        rows.setdefault(one.subject.alert_id, []).append(_row(one, hit, now) | marks)
    if rows:
        connection.execute(insert(HITS), [row for of_alert in rows.values() for row in of_alert])
    return {alert_id: Kept(late[alert_id], digest_of_hits(kept), len(kept)) for alert_id, kept in rows.items()}


def _row(one: Arrived, past: PastHit, now: datetime) -> dict[str, Any]:
    hit = one.hit
    return {
        "alert_id": one.subject.alert_id,
        "event_id": hit.event_id,
        "rule": hit.rule,
        "severity": hit.severity,
        "sentence": hit.sentence,
        "evidence": orjson.dumps(hit.evidence).decode(),
        "versions": orjson.dumps(hit.versions).decode(),
        "conflicted": hit.conflicted,
        "occurred_at": hit.occurred_at,
        "recorded_ms": hit.recorded_ms,
        "taken_at": now,
        "client_id": past.client_id,
        "judged_at": past.judged_at,
        "work_id": past.work_id,
        "actor": None if past.actor is None else orjson.dumps(past.actor).decode(),
        "owners": orjson.dumps(owners).decode() if (owners := one.record.circumstances.owners) else None,
        "channel": past.channel,
        "action": past.action,
        "slip": hit.slip,
    }


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that is new for Internal Integrity: the rule that speaks for it and its severity, to be counted once."""

    alert_id: str
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch did: alerts new for Internal Integrity, revisions, hits that were new or known already."""

    raised: tuple[Raised, ...]
    revised: int
    new_hits: int
    known_hits: int


def take(connection: Connection, rules: Rules, asking: Asking, records: Iterable[HitRecord], now: datetime) -> Taken:
    """Merge a batch of hits into their alerts; see ``Store.take_hits``."""
    policy = asking.limits.policy if asking.limits is not None else None
    take_turn(connection, "hindsight", shared=True)
    arrived, count = arrive(records, rules)
    # Before alerts are made: none is made for what is left out. What is known is asked again once they are held.
    arrived = of_first_contents(connection, arrived, rules)
    subjects = {one.subject.alert_id: one.subject for one in arrived.values()}
    rows = _held(connection, [subjects[alert_id] for alert_id in sorted(subjects)], now)
    known = known_hits(connection, sorted({event_id for _, event_id, _ in arrived}))
    fresh = [one for key, one in sorted(arrived.items(), key=itemgetter(0)) if key not in known]
    numbers = {alert_id: row.revision + 1 for alert_id, row in rows.items()}
    kept = keep(connection, fresh, numbers, rules=rules, policy=policy, now=now)
    known_events = {(alert_id, event_id) for alert_id, event_id, _ in known}
    gathered, changes = {}, []
    for alert_id, group in groupby(fresh, key=lambda one: one.subject.alert_id):
        new = [one.hit for one in group]
        events = {hit.event_id for hit in new if (alert_id, hit.event_id) in known_events}
        row = rows[alert_id]
        so_far = None if row.revision == 0 else ALERT_DIGEST.validate_json(row.gathered)
        if so_far is not None and row.status == "closed":
            so_far = replace(so_far, recorded={})
        gathered[alert_id] = aggregate(so_far, new, events, kept[alert_id].late)
        open_still = [hit for hit in new if (hit.event_id, hit.rule) not in kept[alert_id].late.explained]
        changes.append(_Change(subjects[alert_id], row, gathered[alert_id], new, open_still))
    scored = scores_of(connection, [one.gathered for one in changes])
    revisions, raised = [], []
    for change in changes:
        revision = _revise(change, asking, scored(change.gathered), rules=rules, now=now)
        alert_id = change.subject.alert_id
        revisions.append(replace(revision, hits=(kept[alert_id].digest, kept[alert_id].count)))
        if revision.asked is not None and revision.asked.asked_at is not None and change.row.asked_at is None:
            raised.append(Raised(alert_id, leading_rule(change.gathered, rules), revision.alert.severity))
    write(connection, revisions, now)
    close_explained(connection, revisions, gathered, rules, asking, now)
    return Taken(tuple(raised), len(revisions), len(fresh), count - len(fresh))


def _held(connection: Connection, subjects: Sequence[Subject], now: datetime) -> dict[str, Row[Any]]:
    """Make the alerts that are new, then hold and read all."""
    if not subjects:
        return {}
    new = [_blank(subject, now) for subject in subjects]
    connection.execute(insert_into(connection, ALERTS).on_conflict_do_nothing(), new)
    return held(connection, [subject.alert_id for subject in subjects])


def _blank(subject: Subject, now: datetime) -> dict[str, Any]:
    """An alert before its first revision; no other transaction ever sees it."""
    return {
        "alert_id": subject.alert_id,
        "staff_id": subject.staff_id,
        "client_id": subject.client_id,
        "day": subject.day,
        "severity": SEVERITIES[0],
        "title": "",
        "status": "new",
        "self_reported": False,
        "conflicted": False,
        "revision": 0,
        "raised_at": now,
        "updated_at": now,
        "access_count": 0,
        "payload": "",
        "gathered": "",
    }


@dataclass(frozen=True, slots=True)
class _Change:
    """An alert that takes in hits: as it stood, what it has gathered now, its new hits, and those nothing explains."""

    subject: Subject
    row: Row[Any]
    gathered: AlertDigest
    new: Sequence[AlertHit]
    open_still: Sequence[AlertHit]


def _revise(change: _Change, asking: Asking, scored: Scored, *, rules: Rules, now: datetime) -> Revision:
    """Return what was gathered. A closed alert is opened again; an acknowledged one stays acknowledged."""
    row, gathered = change.row, change.gathered
    before = None if row.revision == 0 else row.status
    status: Status = asking.status(before, change.open_still)
    audience = asking.audience(gathered, before, row.audience)
    asked = Asked.of(row)
    outcome: Outcome | None = None
    settles_at = None
    if asking.is_canary(change.subject.staff_id):
        status, outcome = "closed", "canary"
    elif status == "pending" or (status == "new" and audience == "actor" and asked.told_at is None):
        # Whether the staff member may be told, and whether they are told too often, is decided when it has settled.
        status, settles_at = "pending", asking.settles_at(gathered) or now
    asked = replace(asked, settles_at=settles_at)
    if status == "new" and audience == "integrity":
        asked = asked.of_integrity(now)
    state = AlertState(
        revision=row.revision + 1,
        raised_at=now if before is None else row.raised_at,
        updated_at=now,
        status=status,
        outcome=outcome,
        audience=audience,
    )
    alert = scored(render(change.subject, gathered, state, rules))
    what: What = "raised" if before is None else "reopened" if before == "closed" else "revised"
    recorded_ms = min(hit.recorded_ms for hit in change.new)
    return Revision(alert, orjson.dumps(gathered).decode(), what, recorded_ms=recorded_ms, asked=asked)
