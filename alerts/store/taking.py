"""Taking hits: a whole batch in one transaction, a few statements however many hits it holds.

Order of locks: rows of new alerts first, then the others, each by alert id, so that two
workers on PostgreSQL wait for each other but never in a ring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from alerts.assessment import SEVERITIES, Severity
from alerts.composing import Standing, compose, leading_rule
from alerts.merging import GATHERED, AlertHit, HitRecord, Rules, Subject, gather, split
from alerts.store.revisions import Revision, What, chunks, write
from alerts.store.tables import ALERTS, HITS

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Raised:
    """A first revision: the rule that speaks for it and its severity, to be counted once."""

    alert_id: str
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch did: alerts raised, alerts revised (the reopened included), hits that were new or known already."""

    raised: tuple[Raised, ...]
    revised: int
    new_hits: int
    known_hits: int


def take(connection: Connection, rules: Rules, records: Iterable[HitRecord], now: datetime) -> Taken:
    """Merge a batch of hits into their alerts; see ``Store.take_hits``."""
    arrived: dict[_Key, tuple[Subject, AlertHit]] = {}
    count = 0
    for record in records:
        for subject, hit in split(record, rules):
            count += 1
            arrived.setdefault((subject.alert_id, hit.event_id, hit.rule), (subject, hit))
    subjects = {subject.alert_id: subject for subject, _ in arrived.values()}
    rows = _held(connection, [subjects[alert_id] for alert_id in sorted(subjects)], now)
    known = _known(connection, sorted({event_id for _, event_id, _ in arrived}))
    fresh: dict[str, list[AlertHit]] = {}
    for key, (_, hit) in arrived.items():
        if key not in known:
            fresh.setdefault(key[0], []).append(hit)
    known_events = {(alert_id, event_id) for alert_id, event_id, _ in known}
    revisions, raised = [], []
    for alert_id in sorted(fresh):
        events = {hit.event_id for hit in fresh[alert_id] if (alert_id, hit.event_id) in known_events}
        revision, first = _revise(subjects[alert_id], rows[alert_id], fresh[alert_id], events, rules=rules, now=now)
        revisions.append(revision)
        raised += [first] if first else []
    new_hits = [_hit_row(alert_id, hit, now) for alert_id in sorted(fresh) for hit in fresh[alert_id]]
    if new_hits:
        connection.execute(insert(HITS), new_hits)
    write(connection, revisions, now)
    return Taken(tuple(raised), len(revisions) - len(raised), len(new_hits), count - len(new_hits))


def _held(connection: Connection, subjects: Sequence[Subject], now: datetime) -> dict[str, Row[Any]]:
    """Make the alerts that are new, then hold and read all."""
    rows: dict[str, Row[Any]] = {}
    if not subjects:
        return rows
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(ALERTS).on_conflict_do_nothing(), [_blank(subject, now) for subject in subjects])
    for ids in chunks([subject.alert_id for subject in subjects]):
        held = select(ALERTS).where(ALERTS.c.alert_id.in_(ids)).order_by(ALERTS.c.alert_id).with_for_update()
        rows |= {row.alert_id: row for row in connection.execute(held)}
    return rows


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


def _known(connection: Connection, event_ids: Sequence[str]) -> set[_Key]:
    known: set[_Key] = set()
    for ids in chunks(event_ids):
        query = select(HITS.c.alert_id, HITS.c.event_id, HITS.c.rule).where(HITS.c.event_id.in_(ids))
        known |= {(row.alert_id, row.event_id, row.rule) for row in connection.execute(query)}
    return known


def _revise(
    subject: Subject, row: Row[Any], fresh: list[AlertHit], known_events: set[str], *, rules: Rules, now: datetime
) -> tuple[Revision, Raised | None]:
    """Fold new hits into an alert. A closed one is opened again; an acknowledged one stays acknowledged."""
    first = row.revision == 0
    reopened = row.status == "closed"
    gathered = gather(None if first else GATHERED.validate_json(row.gathered), fresh, known_events)
    standing = Standing(
        revision=row.revision + 1,
        raised_at=now if first else row.raised_at,
        updated_at=now,
        status="new" if reopened else row.status,
        outcome=None,
        self_reported=row.self_reported,
    )
    alert = compose(subject, gathered, standing, rules)
    what: What = "raised" if first else "reopened" if reopened else "revised"
    recorded_ms = min(hit.recorded_ms for hit in fresh)
    revision = Revision(alert, orjson.dumps(gathered).decode(), what, recorded_ms=recorded_ms)
    return revision, Raised(subject.alert_id, leading_rule(gathered, rules), alert.severity) if first else None


def _hit_row(alert_id: str, hit: AlertHit, now: datetime) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
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
    }
