"""Taking what becomes known after accesses: it marks hits that the store has, and revises their alerts.

Hits are looked at under the same turn when they come, so that it does not matter which of the two came first. A mark
that was given stays when its work item is deleted or changed afterwards: the alert says what became known in time.
It goes only where the change was published before the access was judged. A self report that is deleted covers nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, bindparam, select, update

from alerts.composing import Standing, compose
from alerts.hindsight import PastHit, WorkVersion, covers, explaining, versions
from alerts.merging import GATHERED, Gathered, Rules, reconsider
from alerts.policy import Policy
from alerts.store import learned
from alerts.store.learned import PAST_HIT, ReportChange, Versions, WorkChange, past_hit
from alerts.store.revisions import Revision, What, held, subject_of, take_turn, write
from alerts.store.tables import ALERTS, HITS, chunks
from enrichment.wire import SelfReport

EXPLAINED: Final = "Work that became known after the access explains every reason."
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Marks:
    """What changes for the hits of one alert."""

    explained: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    hits: list[dict[str, Any]] = field(default_factory=list)


def take_work(
    connection: Connection, rules: Rules, policy: Policy, changes: Sequence[WorkChange], now: datetime
) -> int:
    """Take published work items, at least one; give how many alerts that revised."""
    take_turn(connection, "hindsight")
    known = learned.versions_of(connection, sorted({change.work_id for change in changes}))
    for change in changes:
        if change.work is None:
            known[change.work_id] = {}
        else:
            known.setdefault(change.work_id, {})[change.known_at] = change.work
    learned.keep_work(connection, changes, now)
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
    return _revise(connection, rules, marks, now)


def take_reports(connection: Connection, rules: Rules, changes: Sequence[ReportChange], now: datetime) -> int:
    """Take self reports; give how many alerts that revised."""
    take_turn(connection, "hindsight")
    newest = {change.report_id: change.report for change in changes}
    before = learned.reports(connection, report_ids=sorted(newest))
    learned.keep_reports(connection, newest)
    concerned = [*before, *(report for report in newest.values() if report is not None)]
    known = learned.reports(connection, staff_ids=sorted({report.staff_id for report in concerned}))
    marks: dict[str, _Marks] = {}
    for row in _hits_reported(connection, concerned):
        covered = any(covers(report, row.staff_id, row.client_id, row.occurred_at) for report in known)
        if covered != row.covered:
            mark = marks.setdefault(row.alert_id, _Marks())
            mark.covered += 1 if covered else -1
            mark.hits.append(_marked(row, explained_by=row.explained_by, covered=covered))
    return _revise(connection, rules, marks, now)


class Explains:
    """Says which of some work items explains a hit."""

    def __init__(self, known: Versions, rules: Rules, policy: Policy) -> None:
        self._rules = rules
        self._policy = policy
        self._of_client: dict[str, list[WorkVersion]] = {}
        for work_id in sorted(known):
            for version in versions(learned.published(known[work_id])):
                self._of_client.setdefault(version.work.value.client_id, []).append(version)

    def __call__(self, hit: PastHit) -> str | None:
        """Name the work item, or None."""
        known = self._of_client.get(hit.client_id, ()) if hit.client_id is not None else ()
        return explaining(hit, known, self._rules, self._policy)


def close_explained(
    connection: Connection, revised: Sequence[Revision], gathered: Mapping[str, Gathered], rules: Rules, now: datetime
) -> None:
    """Close those of some alerts, just revised, of which every reason is explained already."""
    explained = {one.alert.alert_id for one in revised if gathered[one.alert.alert_id].explained}
    rows = held(connection, sorted(explained))
    write(connection, [_revision(row, gathered[alert_id], rules, now) for alert_id, row in rows.items()], now)


def _hits_of_clients(connection: Connection, policy: Policy, changes: Sequence[WorkChange]) -> Iterable[Any]:
    """Give the hits of open alerts that the work may explain, and those that it does explain so far."""
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
    """Give the hits of these staff members and clients in the time that the reports speak of."""
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


def _revise(connection: Connection, rules: Rules, marks: Mapping[str, _Marks], now: datetime) -> int:
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
        before = GATHERED.validate_json(row.gathered)
        gathered = reconsider(before, marks[alert_id].explained, marks[alert_id].covered)
        if _said(before) == _said(gathered):
            unseen.append({"of": alert_id, "gathered": orjson.dumps(gathered).decode()})
        else:
            revisions.append(_revision(row, gathered, rules, now))
    if unseen:
        same = update(ALERTS).where(ALERTS.c.alert_id == bindparam("of"))
        connection.execute(same.values(gathered=bindparam("gathered")), unseen)
    write(connection, revisions, now)
    return len(revisions)


def _said(gathered: Gathered) -> tuple[bool, frozenset[str]]:
    """Give what of the counts an alert shows."""
    explained = frozenset(rule for rule, count in gathered.unexplained.items() if not count)
    return gathered.self_reported, explained


def _revision(row: Row[Any], gathered: Gathered, rules: Rules, now: datetime) -> Revision:
    closes = gathered.explained and row.status != "closed"
    standing = Standing(
        revision=row.revision + 1,
        raised_at=row.raised_at,
        updated_at=now,
        status="closed" if closes else row.status,
        outcome="explained" if closes else row.outcome,
    )
    alert = compose(subject_of(row), gathered, standing, rules)
    what: What = "closed" if closes else "revised"
    return Revision(alert, orjson.dumps(gathered).decode(), what, because=EXPLAINED if closes else None)
