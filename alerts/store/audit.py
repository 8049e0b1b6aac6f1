"""The chain that binds the history, and proving with it that the record was not changed.

Each entry is bound to the one before it of its alert, and to the one before it of all. Nothing here is secret: whoever
can write the database can also compute the chain anew. What shows that is the head (the number of entries and the last
digest), noted from time to time where the database's keepers cannot write.

``verify`` compares every entry, and what of the other tables the entries speak of, page by page in one transaction, so
that nothing moves meanwhile. What is found is said in sentences without anybody's id but the alert's.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, Table, func, insert, select, update

from alerts.alert import ALERT, Alert, utc
from alerts.notify.message import message_key
from alerts.store.tables import ALERTS, CHAIN, HISTORY, HITS, NOTIFICATIONS, OUTBOX, chunks

#: What comes before an alert's first entry, and before the first of all.
START: Final = "0" * 64
_HEAD: Final = "history"
_ENTRY: Final = (
    "alert_id", "number", "revision", "at", "what", "by", "because", "status", "outcome", "severity", "conflicted",
    "detail",
)  # fmt: skip
_HIT: Final = (
    "alert_id", "event_id", "rule", "severity", "sentence", "evidence", "versions", "conflicted", "occurred_at",
    "recorded_ms", "client_id", "judged_at", "work_id", "actor",
)  # fmt: skip


def digest_of(*parts: str) -> str:
    """Hash some texts, each bounded by its length."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def digest_of_entry(before: str, entry: Mapping[str, Any]) -> str:
    """Bind an entry to the one before it of its alert."""
    return digest_of(before, _plain(entry, _ENTRY))


def digest_of_hits(rows: Sequence[Mapping[str, Any]]) -> str:
    """Hash what never changes of some hits, whatever their order."""
    return digest_of(*sorted(_plain(row, _HIT) for row in rows))


def append(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Add entries to the history, in their order. The caller holds their alerts; then one at a time holds the head."""
    if not entries:
        return
    number, overall = head(connection, hold=True)
    before = _last_of({str(entry["alert_id"]) for entry in entries}, connection)
    rows = []
    for entry in entries:
        number += 1
        row = {"revision": None, "by": None, "because": None, "detail": "{}", **entry, "number": number}
        row["digest"] = digest_of_entry(before.get(row["alert_id"], START), row)
        row["overall"] = overall = digest_of(overall, row["digest"])
        before[row["alert_id"]] = row["digest"]
        rows.append(row)
    connection.execute(insert(HISTORY), rows)
    connection.execute(update(CHAIN).where(CHAIN.c.name == _HEAD).values(entries=number, digest=overall))


def head(connection: Connection, *, hold: bool = False) -> tuple[int, str]:
    """Return how many entries there are, and the digest of the last."""
    query = select(CHAIN.c.entries, CHAIN.c.digest).where(CHAIN.c.name == _HEAD)
    found = connection.execute(query.with_for_update() if hold else query).first()
    return (found.entries, found.digest) if found is not None else (0, START)


def _last_of(alert_ids: set[str], connection: Connection) -> dict[str, str]:
    """Return the digest of the last entry of each alert that has one."""
    last: dict[str, str] = {}
    for ids in chunks(sorted(alert_ids)):
        newest = select(func.max(HISTORY.c.id)).where(HISTORY.c.alert_id.in_(ids)).group_by(HISTORY.c.alert_id)
        query = select(HISTORY.c.alert_id, HISTORY.c.digest).where(HISTORY.c.id.in_(newest))
        last |= {row.alert_id: row.digest for row in connection.execute(query) if row.digest is not None}
    return last


def _plain(row: Mapping[str, Any], names: Sequence[str]) -> str:
    values = [row[name] for name in names]
    return orjson.dumps([utc(value).isoformat() if isinstance(value, datetime) else value for value in values]).decode()


ENTRIES_PER_PAGE: Final = 500
#: After so many sentences the rest is not looked at.
PROBLEMS_MAX: Final = 100


@dataclass(slots=True)
class Verified:
    """How many entries the history has, the last one's digest, and what is wrong."""

    entries: int
    head: str
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """What the entries so far have said."""

    overall: str = START
    number: int = 0
    last: dict[str, str] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    assignee: dict[str, str] = field(default_factory=dict)
    hits: int = 0
    revisions: int = 0
    told: int = 0


def verify(connection: Connection, noted: tuple[int, str] | None = None) -> Verified:
    """Compare everything with the chain, and the chain with a head that was noted before."""
    number, digest = head(connection, hold=True)
    found, seen = Verified(number, digest), _Seen()
    for problem in _problems(connection, seen, noted):
        found.problems.append(problem)
        if len(found.problems) == PROBLEMS_MAX:
            return found
    if (seen.number, seen.overall) != (number, digest):
        found.problems.append(f"The history has {seen.number} entries and its head speaks of {number}.")
    return found


def _problems(connection: Connection, seen: _Seen, noted: tuple[int, str] | None) -> Iterator[str]:
    while page := _page(connection, seen.number):
        yield from _history(page, seen, noted)
        yield from _beside(connection, page, seen)
    if noted is not None and noted[0] > seen.number:
        yield f"The history ends at entry {seen.number}; entry {noted[0]} was noted before."
    older = connection.execute(select(func.count()).where(HISTORY.c.number.is_(None))).scalar_one()
    counts = [
        (HITS, select(func.count()).where(HITS.c.revision.is_not(None)), seen.hits),
        (OUTBOX, select(func.count()).select_from(OUTBOX), seen.revisions + older),
        (NOTIFICATIONS, select(func.count()).where(NOTIFICATIONS.c.alert_id.is_not(None)), seen.told),
    ]
    for table, count, counted in counts:
        there = connection.execute(count).scalar_one()
        # Who was told before there was a chain is not known.
        if there != counted and not (older and table is NOTIFICATIONS):
            yield f"{table.name} holds {there} rows; the history speaks of {counted}."
    yield from _alerts(connection, seen, of_before=bool(older))


def _page(connection: Connection, after: int) -> Sequence[RowMapping]:
    query = select(HISTORY).where(HISTORY.c.number > after).order_by(HISTORY.c.number).limit(ENTRIES_PER_PAGE)
    return connection.execute(query).mappings().all()


def _history(page: Sequence[RowMapping], seen: _Seen, noted: tuple[int, str] | None) -> Iterator[str]:
    for entry in page:
        seen.number += 1
        if entry["number"] != seen.number:
            yield f"Entry {seen.number} of the history is missing."
            seen.number = entry["number"]
        digest = digest_of_entry(seen.last.get(entry["alert_id"], START), dict(entry))
        overall = digest_of(seen.overall, digest)
        if entry["digest"] != digest:
            yield f"Entry {entry['number']} (alert {entry['alert_id']}) was changed, or one before it is missing."
        elif entry["overall"] != overall:
            yield f"Entry {entry['number']} does not follow from those before it."
        if noted is not None and noted[0] == entry["number"] and noted[1] != entry["overall"]:
            yield f"Entry {entry['number']} is not the one that was noted before: the chain was made anew."
        # Go on from what stands there, so that one change is said once.
        seen.last[entry["alert_id"]], seen.overall = entry["digest"], entry["overall"]


def _beside(connection: Connection, page: Sequence[RowMapping], seen: _Seen) -> Iterator[str]:
    """Compare the outbox, the hits and the notification log with what the entries of a page say of them."""
    ids = sorted({entry["alert_id"] for entry in page})
    outbox = _by_revision(connection, OUTBOX, ids)
    hits = _by_revision(connection, HITS, ids)
    logged = {
        (row["key"], row["channel"]) for rows in _by_revision(connection, NOTIFICATIONS, ids).values() for row in rows
    }
    purged = _purged(connection, ids)
    for entry in page:
        detail = orjson.loads(entry["detail"])
        of = f"revision {detail.get('routed', entry['revision'])} of alert {entry['alert_id']}"
        key = (entry["alert_id"], detail.get("routed", entry["revision"]))
        is_purged = (key[1] or 0) <= purged.get(entry["alert_id"], 0)
        if "content" in detail:
            seen.content[entry["alert_id"]] = detail["content"]
        if "content" in detail and not is_purged:
            seen.revisions += 1
            if [digest_of(row["payload"]) for row in outbox.get(key, ())] != [detail["content"]]:
                yield f"The outbox does not hold {of} as it was."
        if "assignee" in detail:
            seen.assignee[entry["alert_id"]] = detail["assignee"]
        if "hits" in detail:
            seen.hits += detail["hit_count"]
            if digest_of_hits(hits.get(key, ())) != detail["hits"]:
                yield f"The hits of {of} are not as they were."
        if "routed" in detail and not is_purged:
            told = _notified(entry["alert_id"], detail)
            seen.told += len(told)
            if not told <= logged:
                yield f"The notification log does not hold who was to be told of {of}."


def _notified(alert_id: str, detail: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the messages that an entry speaks of, each with its channel."""
    if "keys" in detail:
        return {(key, channel) for key, channel in detail["keys"]}
    return {(message_key(alert_id, detail["routed"], channel), channel) for channel in detail["channels"]}


def _purged(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Return by alert up to which revision the history says that rows were removed after their time."""
    query = select(HISTORY.c.alert_id, HISTORY.c.detail).where(HISTORY.c.alert_id.in_(ids), HISTORY.c.what == "purged")
    found: dict[str, int] = {}
    for row in connection.execute(query):
        found[row.alert_id] = max(found.get(row.alert_id, 0), orjson.loads(row.detail)["purged"])
    return found


def _by_revision(connection: Connection, table: Table, ids: list[str]) -> dict[tuple[str, int], list[Any]]:
    found: dict[tuple[str, int], list[Any]] = {}
    for row in connection.execute(select(table).where(table.c.alert_id.in_(ids))).mappings():
        found.setdefault((row["alert_id"], row["revision"]), []).append(row)
    return found


def _alerts(connection: Connection, seen: _Seen, *, of_before: bool) -> Iterator[str]:
    """Compare each alert with its last revision, its columns with its content, its counts with its hits."""
    last, gone = "", set(seen.content)
    query = select(ALERTS).order_by(ALERTS.c.alert_id).limit(ENTRIES_PER_PAGE)
    while rows := connection.execute(query.where(ALERTS.c.alert_id > last)).mappings().all():
        last = rows[-1]["alert_id"]
        open_hits = _counts(connection, [row["alert_id"] for row in rows])
        for row in rows:
            gone.discard(row["alert_id"])
            if of_before and row["alert_id"] not in seen.content:
                continue
            if digest_of(row["payload"]) != seen.content.get(row["alert_id"]):
                yield f"Alert {row['alert_id']} is not its last revision."
            elif not _fits(row, ALERT.validate_json(row["payload"])):
                yield f"The columns of alert {row['alert_id']} are not what it says."
            if row["assignee"] != seen.assignee.get(row["alert_id"]):
                yield f"Alert {row['alert_id']} is not assigned to whom its history says."
            gathered = orjson.loads(row["gathered"])
            if (gathered["unexplained"], gathered["uncovered"]) != open_hits[row["alert_id"]]:
                yield f"What alert {row['alert_id']} has gathered is not what its hits say."
    yield from (f"Alert {alert_id} is missing." for alert_id in sorted(gone))


def _counts(connection: Connection, ids: list[str]) -> dict[str, tuple[dict[str, int], int]]:
    """Return by alert how many hits of each rule are not explained, and how many hits are not covered."""
    found: dict[str, tuple[dict[str, int], int]] = {alert_id: ({}, 0) for alert_id in ids}
    columns = (HITS.c.alert_id, HITS.c.rule, HITS.c.explained_by, HITS.c.covered)
    for row in connection.execute(select(*columns).where(HITS.c.alert_id.in_(ids))):
        unexplained, uncovered = found[row.alert_id]
        unexplained[row.rule] = unexplained.get(row.rule, 0) + (row.explained_by is None)
        found[row.alert_id] = (unexplained, uncovered + (not row.covered))
    return found


def _fits(row: RowMapping, alert: Alert) -> bool:
    names = (
        "alert_id", "staff_id", "client_id", "day", "severity", "title", "status", "outcome", "self_reported",
        "audience", "conflicted", "revision", "raised_at", "updated_at", "access_count",
    )  # fmt: skip
    return all(row[name] == getattr(alert, name) for name in names)
