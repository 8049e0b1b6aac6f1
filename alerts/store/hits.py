"""Hits on their way into the store: each once, with what was known by then that was not when its access was judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from alerts.alert import utc
from alerts.hindsight import PastHit, covers
from alerts.merging import AlertHit, HitRecord, Late, Rules, Subject, split
from alerts.policy import Policy
from alerts.rules.form import About
from alerts.store import learned
from alerts.store.chain import digest_of_hits
from alerts.store.hindsight import Explains
from alerts.store.tables import HITS, chunks

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
        """Give what decides whether something that becomes known later concerns it."""
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
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the hits that one alert takes in: what is known of them already, their digest, how many they are."""

    late: Late
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


def known(connection: Connection, event_ids: Sequence[str]) -> set[Key]:
    """Give the hits of these accesses that the store has."""
    found: set[Key] = set()
    for ids in chunks(event_ids):
        query = select(HITS.c.alert_id, HITS.c.event_id, HITS.c.rule).where(HITS.c.event_id.in_(ids))
        found |= {(row.alert_id, row.event_id, row.rule) for row in connection.execute(query)}
    return found


def of_first_contents(connection: Connection, arrived: Mapping[Key, Arrived], rules: Rules) -> dict[Key, Arrived]:
    """Leave out what an event id says when it comes again with another staff member, client or day.

    The same id counts once in every alert (``CONTRACT.md``, Access): of two contents the first is the access, so it
    stands in one alert about a pair, and in one about an actor.
    """
    alerts: dict[tuple[str, About], set[str]] = {}
    for alert_id, event_id, rule in known(connection, sorted({event_id for _, event_id, _ in arrived})):
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
    work = learned.versions_for(connection, sorted(clients)) if policy is not None else {}
    explains = Explains(work, rules, policy) if policy is not None and work else None
    reports = learned.reports(connection, staff_ids=sorted(staff))
    late = {one.subject.alert_id: Late() for one in fresh}
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
    }
