"""Taking hits: a whole batch in one transaction, a few statements however many hits it holds.

Order of locks: rows of new alerts first, then the others, each by alert id, so that two
workers on PostgreSQL wait for each other but never in a ring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Row
from sqlalchemy.dialects import postgresql, sqlite

from alerts.assessment import SEVERITIES, Severity
from alerts.composing import Standing, compose, leading_rule
from alerts.merging import GATHERED, Gathered, HitRecord, Rules, Subject, gather
from alerts.policy import Policy
from alerts.store import hits
from alerts.store.hindsight import close_explained
from alerts.store.revisions import Revision, What, held, take_turn, write
from alerts.store.tables import ALERTS


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


def take(
    connection: Connection, rules: Rules, policy: Policy | None, records: Iterable[HitRecord], now: datetime
) -> Taken:
    """Merge a batch of hits into their alerts; see ``Store.take_hits``."""
    take_turn(connection, "hindsight", shared=True)
    arrived, count = hits.arrive(records, rules)
    # Before alerts are made: none is made for what is left out. What is known is asked again once they are held.
    arrived = hits.of_first_contents(connection, arrived, rules)
    subjects = {one.subject.alert_id: one.subject for one in arrived.values()}
    rows = _held(connection, [subjects[alert_id] for alert_id in sorted(subjects)], now)
    known = hits.known(connection, sorted({event_id for _, event_id, _ in arrived}))
    fresh = [one for key, one in sorted(arrived.items(), key=itemgetter(0)) if key not in known]
    numbers = {alert_id: row.revision + 1 for alert_id, row in rows.items()}
    kept = hits.keep(connection, fresh, numbers, rules=rules, policy=policy, now=now)
    known_events = {(alert_id, event_id) for alert_id, event_id, _ in known}
    revisions, raised, gathered = [], [], {}
    for alert_id, group in groupby(fresh, key=lambda one: one.subject.alert_id):
        new = [one.hit for one in group]
        events = {hit.event_id for hit in new if (alert_id, hit.event_id) in known_events}
        row = rows[alert_id]
        so_far = None if row.revision == 0 else GATHERED.validate_json(row.gathered)
        gathered[alert_id] = gather(so_far, new, events, kept[alert_id].late)
        recorded_ms = min(hit.recorded_ms for hit in new)
        revision, first = _revise(subjects[alert_id], row, gathered[alert_id], recorded_ms, rules=rules, now=now)
        revisions.append(replace(revision, hits=(kept[alert_id].digest, kept[alert_id].count)))
        raised += [first] if first else []
    write(connection, revisions, now)
    close_explained(connection, revisions, gathered, rules, now)
    return Taken(tuple(raised), len(revisions) - len(raised), len(fresh), count - len(fresh))


def _held(connection: Connection, subjects: Sequence[Subject], now: datetime) -> dict[str, Row[Any]]:
    """Make the alerts that are new, then hold and read all."""
    if not subjects:
        return {}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(ALERTS).on_conflict_do_nothing(), [_blank(subject, now) for subject in subjects])
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


def _revise(
    subject: Subject, row: Row[Any], gathered: Gathered, recorded_ms: int, *, rules: Rules, now: datetime
) -> tuple[Revision, Raised | None]:
    """Say what was gathered. A closed alert is opened again; an acknowledged one stays acknowledged."""
    first = row.revision == 0
    reopened = row.status == "closed"
    standing = Standing(
        revision=row.revision + 1,
        raised_at=now if first else row.raised_at,
        updated_at=now,
        status="new" if reopened else row.status,
        outcome=None,
    )
    alert = compose(subject, gathered, standing, rules)
    what: What = "raised" if first else "reopened" if reopened else "revised"
    revision = Revision(alert, orjson.dumps(gathered).decode(), what, recorded_ms=recorded_ms)
    return revision, Raised(subject.alert_id, leading_rule(gathered, rules), alert.severity) if first else None
