"""Taking what becomes known after accesses: it marks hits that the store has, and revises their alerts.

Kept for that: the work of the last weeks, version by version, and self reports. Hits are looked at against them under
the same turn when they come, so that it does not matter which of the two came first. A mark that was given stays when
its work item is deleted or changed afterwards: the alert says what became known in time. It goes only where the change
was published before the access was judged. A self report that is deleted covers nothing.

``settled`` says which record a deletion means, where its key can be read in two ways
(``enrichment/reference/layout.py``).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Column, Connection, Row, bindparam, delete, select, update

from alerts.alert import ALERT
from alerts.asking import Asking
from alerts.detection.work_reasons import Actor, Policy
from alerts.grouping import ALERT_DIGEST, AlertDigest, AlertState, Rules, reconsider, render
from alerts.late_evidence import PastHit, WorkVersion, covers, explaining, versions
from alerts.store.database import insert_into
from alerts.store.revisions import Asked, Revision, What, held, subject_of, take_turn, write
from alerts.store.tables import ALERTS, HITS, SELF_REPORTS, WORK, chunks
from enrichment.facts import Known
from enrichment.schemas import SelfReport, Work


def settled(
    connection: Connection, column: "Column[Any]", changes: Sequence[tuple[str, bool, str | None]]
) -> list[str]:
    """Return the id that each change is about.

    Args:
        connection: where the records are kept.
        column: what holds their ids.
        changes: in their order: an id, whether a record with it is put (or deleted), and the id that is deleted where
            there is no record with the first.
    """
    asked = sorted({first for first, _, instead in changes if instead is not None})
    there: set[str] = set()
    for ids in chunks(asked):
        there |= set(connection.execute(select(column).where(column.in_(ids))).scalars())
    found = []
    for first, put, instead in changes:
        about = instead if instead is not None and first not in there else first
        if put:
            there.add(about)
        else:
            there.discard(about)
        found.append(about)
    return found


#: How long a version of a work item waits for hits that are still to come: as long as accesses lie in Kafka. A hit that
#: comes later than that was judged with everything that was published before.
WORK_KEPT: Final = timedelta(days=35)

_REPORT_FIELDS: Final = tuple(SelfReport.model_fields)


@dataclass(frozen=True, slots=True)
class WorkChange:
    """One record of ``ref.work.v1``: a version, or None for a deletion, and when it was published.

    Where nothing with this id is kept to be deleted, what has the id ``instead`` is, if that is given.
    """

    work_id: str
    work: Work | None
    known_at: datetime
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class ReportChange:
    """One record of ``ref.self_report.v1``: a report, or None for a deletion; ``instead`` as in ``WorkChange``."""

    report_id: str
    report: SelfReport | None
    instead: str | None = None


Versions = dict[str, dict[datetime, Work]]


def settled_work(connection: Connection, changes: Sequence[WorkChange]) -> list[WorkChange]:
    """Return the changes, each about one work item."""
    about = [(one.work_id, one.work is not None, one.instead) for one in changes]
    ids = settled(connection, WORK.c.work_id, about)
    return [replace(one, work_id=work_id, instead=None) for one, work_id in zip(changes, ids, strict=True)]


def versions_of(connection: Connection, work_ids: Sequence[str]) -> Versions:
    """Return all kept versions of these work items."""
    found: Versions = {}
    for ids in chunks(work_ids):
        for row in connection.execute(select(WORK).where(WORK.c.work_id.in_(ids))):
            found.setdefault(row.work_id, {})[row.known_at] = Work.model_validate_json(row.content)
    return found


def versions_for(connection: Connection, client_ids: Sequence[str]) -> Versions:
    """Return all kept versions of the work items of which some version is for one of these clients."""
    work_ids: set[str] = set()
    for ids in chunks(client_ids):
        work_ids |= set(connection.execute(select(WORK.c.work_id).where(WORK.c.client_id.in_(ids))).scalars())
    return versions_of(connection, sorted(work_ids))


def keep_work(connection: Connection, changes: Iterable[WorkChange], now: datetime) -> None:
    """Keep what was published lately; a deletion takes every version with it."""
    kept: dict[tuple[str, datetime], dict[str, Any]] = {}
    deleted: set[str] = set()
    for change in changes:
        if change.work is None:
            deleted.add(change.work_id)
            kept = {key: row for key, row in kept.items() if key[0] != change.work_id}
        elif now - change.known_at <= WORK_KEPT:
            kept[change.work_id, change.known_at] = _work_row(change.work, change.known_at)
    for ids in chunks(sorted(deleted)):
        connection.execute(delete(WORK).where(WORK.c.work_id.in_(ids)))
    if kept:
        added = insert_into(connection, WORK)
        newest = {name: added.excluded[name] for name in ("client_id", "content")}
        connection.execute(
            added.on_conflict_do_update(index_elements=["work_id", "known_at"], set_=newest), list(kept.values())
        )


def forget_old_work(connection: Connection, now: datetime) -> None:
    """Forget what no hit still to come can need."""
    connection.execute(delete(WORK).where(WORK.c.known_at < now - WORK_KEPT))


def reports(
    connection: Connection, *, report_ids: Sequence[str] = (), staff_ids: Sequence[str] = ()
) -> list[SelfReport]:
    """Return the self reports with these ids, or of these staff members."""
    column, wanted = (SELF_REPORTS.c.report_id, report_ids) if report_ids else (SELF_REPORTS.c.staff_id, staff_ids)
    return [
        SelfReport.model_construct(**{name: getattr(row, name) for name in _REPORT_FIELDS})
        for ids in chunks(wanted)
        for row in connection.execute(select(SELF_REPORTS).where(column.in_(ids)).order_by(SELF_REPORTS.c.report_id))
    ]


def keep_reports(connection: Connection, newest: dict[str, SelfReport | None]) -> None:
    """Keep the newest of each report; forget those that were deleted."""
    for ids in chunks(sorted(newest)):
        connection.execute(delete(SELF_REPORTS).where(SELF_REPORTS.c.report_id.in_(ids)))
    rows = [{name: getattr(report, name) for name in _REPORT_FIELDS} for report in newest.values() if report]
    if rows:
        connection.execute(SELF_REPORTS.insert(), rows)


#: What is read of a hit for ``past_hit``, with its key.
PAST_HIT: Final = (
    HITS.c.alert_id, HITS.c.event_id, HITS.c.rule, HITS.c.severity, HITS.c.client_id, HITS.c.occurred_at,
    HITS.c.judged_at, HITS.c.taken_at, HITS.c.work_id, HITS.c.actor, HITS.c.explained_by, HITS.c.covered,
    HITS.c.channel, HITS.c.action, ALERTS.c.staff_id,
)  # fmt: skip


def past_hit(row: Row[Any]) -> PastHit:
    """Read a hit that the store has."""
    return PastHit(
        rule=row.rule,
        severity=row.severity,
        staff_id=row.staff_id,
        client_id=row.client_id,
        occurred_at=row.occurred_at,
        judged_at=row.judged_at or row.taken_at,
        work_id=row.work_id,
        actor=None if row.actor is None else _actor(row.actor),
        channel=row.channel or "desktop",
        action=row.action or "view",
    )


def published(known: dict[datetime, Work]) -> list[Known[Work]]:
    """Return the versions of one work item with when each was published."""
    return [Known(work, known_at) for known_at, work in known.items()]


def _actor(text: str) -> Actor:
    fields = orjson.loads(text)
    return Actor(fields["kind"], fields["org_unit"], tuple(fields["roles"]))


def _work_row(work: Work, known_at: datetime) -> dict[str, Any]:
    content = {name: getattr(work, name) for name in Work.model_fields}
    return {
        "work_id": work.work_id,
        "known_at": known_at,
        "client_id": work.client_id,
        "content": orjson.dumps(content).decode(),
    }


EXPLAINED: Final = "Work that became known after the access explains every reason."
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Marks:
    """What changes for the hits of one alert."""

    explained: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    hits: list[dict[str, Any]] = field(default_factory=list)


def take_work(
    connection: Connection, rules: Rules, asking: Asking, changes: Sequence[WorkChange], now: datetime
) -> int:
    """Take published work items, at least one; give how many alerts that revised."""
    if asking.limits is None:
        return 0
    policy = asking.limits.policy
    take_turn(connection, "hindsight")
    changes = settled_work(connection, changes)
    known = versions_of(connection, sorted({change.work_id for change in changes}))
    for change in changes:
        if change.work is None:
            known[change.work_id] = {}
        else:
            known.setdefault(change.work_id, {})[change.known_at] = change.work
    keep_work(connection, changes, now)
    explains = Explains(known, rules, policy)
    changed_first = {change.work_id: change.known_at for change in reversed(changes)}
    marks: dict[str, _Marks] = {}
    for row in _hits_of_clients(connection, policy, changes):
        hit = past_hit(row)
        if row.explained_by in changed_first and changed_first[row.explained_by] > hit.judged_at:
            continue
        if row.explained_by is not None and row.explained_by not in changed_first:
            continue
        found = explains(hit)
        if found != row.explained_by:
            mark = marks.setdefault(row.alert_id, _Marks())
            mark.explained[row.rule] += (found is not None) - (row.explained_by is not None)
            mark.hits.append(_marked(row, explained_by=found, covered=row.covered))
    return _revise(connection, rules, asking, marks, now)


def take_reports(
    connection: Connection, rules: Rules, asking: Asking, changes: Sequence[ReportChange], now: datetime
) -> int:
    """Take self reports; give how many alerts that revised."""
    take_turn(connection, "hindsight")
    about = [(one.report_id, one.report is not None, one.instead) for one in changes]
    ids = settled(connection, SELF_REPORTS.c.report_id, about)
    newest = {report_id: change.report for report_id, change in zip(ids, changes, strict=True)}
    before = reports(connection, report_ids=sorted(newest))
    keep_reports(connection, newest)
    concerned = [*before, *(report for report in newest.values() if report is not None)]
    known = reports(connection, staff_ids=sorted({report.staff_id for report in concerned}))
    marks: dict[str, _Marks] = {}
    for row in _hits_reported(connection, concerned):
        covered = any(covers(report, row.staff_id, row.client_id, row.occurred_at) for report in known)
        if covered != row.covered:
            mark = marks.setdefault(row.alert_id, _Marks())
            mark.covered += 1 if covered else -1
            mark.hits.append(_marked(row, explained_by=row.explained_by, covered=covered))
    return _revise(connection, rules, asking, marks, now)


class Explains:
    """Says which of some work items explains a hit."""

    def __init__(self, known: Versions, rules: Rules, policy: Policy) -> None:
        self._rules = rules
        self._policy = policy
        self._of_client: dict[str, list[WorkVersion]] = {}
        for work_id in sorted(known):
            for version in versions(published(known[work_id])):
                self._of_client.setdefault(version.work.value.client_id, []).append(version)

    def __call__(self, hit: PastHit) -> str | None:
        """Name the work item, or None."""
        known = self._of_client.get(hit.client_id, ()) if hit.client_id is not None else ()
        return explaining(hit, known, self._rules, self._policy)


def close_explained(  # noqa: PLR0917 private to the store
    connection: Connection,
    revised: Sequence[Revision],
    gathered: Mapping[str, AlertDigest],
    rules: Rules,
    asking: Asking,
    now: datetime,
) -> None:
    """Close those of some alerts, just revised, of which every reason is explained already."""
    explained = {one.alert.alert_id for one in revised if gathered[one.alert.alert_id].explained}
    rows = {alert_id: row for alert_id, row in held(connection, sorted(explained)).items() if row.status != "closed"}
    write(connection, [_revision(row, gathered[alert_id], rules, asking, now) for alert_id, row in rows.items()], now)


def _hits_of_clients(connection: Connection, policy: Policy, changes: Sequence[WorkChange]) -> Iterable[Any]:
    """Return the hits of open alerts that the work may explain, and those that it does explain so far."""
    query = select(*PAST_HIT).join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id).where(ALERTS.c.status != "closed")
    clients = sorted({change.work.client_id for change in changes if change.work is not None})
    # Not `known_at - grace`, which may lie before the calendar: that would be every access anyway.
    since = max(min(change.known_at for change in changes), _EARLIEST + policy.work_grace) - policy.work_grace
    seen = set()
    for ids in chunks(clients):
        for row in connection.execute(query.where(HITS.c.client_id.in_(ids), HITS.c.occurred_at >= since)):
            seen.add((row.alert_id, row.event_id, row.rule))
            yield row
    for ids in chunks(sorted({change.work_id for change in changes})):
        for row in connection.execute(query.where(HITS.c.explained_by.in_(ids))):
            if (row.alert_id, row.event_id, row.rule) not in seen:
                yield row


def _hits_reported(connection: Connection, concerned: Sequence[SelfReport]) -> Iterable[Any]:
    """Return the hits of these staff members and clients in the time that the reports speak of."""
    if not concerned:
        return
    query = select(*PAST_HIT).join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
    spoken_of = query.where(
        HITS.c.occurred_at >= min(report.accessed_from for report in concerned),
        HITS.c.occurred_at <= max(report.accessed_to for report in concerned),
    )
    pairs = {(report.staff_id, report.client_id) for report in concerned}
    for ids in chunks(sorted({report.client_id for report in concerned})):
        for row in connection.execute(spoken_of.where(HITS.c.client_id.in_(ids))):
            if (row.staff_id, row.client_id) in pairs:
                yield row


def _marked(row: Row[Any], *, explained_by: str | None, covered: bool) -> dict[str, Any]:
    key = {"of_alert": row.alert_id, "of_event": row.event_id, "of_rule": row.rule}
    return {**key, "explained_by": explained_by, "covered": covered}


def _revise(connection: Connection, rules: Rules, asking: Asking, marks: Mapping[str, _Marks], now: datetime) -> int:
    """Write the marks down, and a revision of each alert of which they change what it says."""
    if not marks:
        return 0
    key = (HITS.c.alert_id == bindparam("of_alert"), HITS.c.event_id == bindparam("of_event"))
    hit = update(HITS).where(*key, HITS.c.rule == bindparam("of_rule"))
    values: dict[str, Any] = {"explained_by": bindparam("explained_by"), "covered": bindparam("covered")}
    rows = held(connection, list(marks))
    connection.execute(hit.values(values), [one for alert_id in sorted(marks) for one in marks[alert_id].hits])
    revisions, unseen = [], []
    for alert_id, row in rows.items():
        before = ALERT_DIGEST.validate_json(row.gathered)
        gathered = reconsider(before, marks[alert_id].explained, marks[alert_id].covered)
        if _marks_of(before) == _marks_of(gathered):
            unseen.append({"of": alert_id, "gathered": orjson.dumps(gathered).decode()})
        else:
            revisions.append(_revision(row, gathered, rules, asking, now))
    if unseen:
        same = update(ALERTS).where(ALERTS.c.alert_id == bindparam("of"))
        connection.execute(same.values(gathered=bindparam("gathered")), unseen)
    write(connection, revisions, now)
    return len(revisions)


def _marks_of(gathered: AlertDigest) -> tuple[bool, frozenset[str]]:
    """Return what of the counts an alert shows."""
    explained = frozenset(rule for rule, count in gathered.unexplained.items() if not count)
    return gathered.self_reported, explained


def _revision(row: Row[Any], gathered: AlertDigest, rules: Rules, asking: Asking, now: datetime) -> Revision:
    closes = gathered.explained and row.status != "closed"
    state = AlertState(
        revision=row.revision + 1,
        raised_at=row.raised_at,
        updated_at=now,
        status="closed" if closes else row.status,
        outcome="explained" if closes else row.outcome,
        audience=row.audience,
        score=ALERT.validate_json(row.payload).score,
    )
    alert = render(subject_of(row), gathered, state, rules)
    what: What = "closed" if closes else "revised"
    # While it is pending, a reason that is explained does not settle any more.
    settles_at = asking.settles_at(gathered) if state.status == "pending" else None
    asked = replace(Asked.of(row), settles_at=settles_at, answer_by=None if closes else row.answer_by)
    because = EXPLAINED if closes else None
    return Revision(alert, orjson.dumps(gathered).decode(), what, because=because, asked=asked)
