"""The chain: each entry of the history is bound to the one before it of its alert, and to the one before it of all.

Nothing here is secret: whoever can write the database can also compute the chain anew. What shows that is the head
(the number of entries and the last digest), noted from time to time where the database's keepers cannot write.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, insert, select, update

from alerts.alert import utc
from alerts.store.tables import CHAIN, HISTORY, chunks

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
    """Give how many entries there are, and the digest of the last."""
    query = select(CHAIN.c.entries, CHAIN.c.digest).where(CHAIN.c.name == _HEAD)
    found = connection.execute(query.with_for_update() if hold else query).first()
    return (found.entries, found.digest) if found is not None else (0, START)


def _last_of(alert_ids: set[str], connection: Connection) -> dict[str, str]:
    """Give the digest of the last entry of each alert that has one."""
    last: dict[str, str] = {}
    for ids in chunks(sorted(alert_ids)):
        newest = select(func.max(HISTORY.c.id)).where(HISTORY.c.alert_id.in_(ids)).group_by(HISTORY.c.alert_id)
        query = select(HISTORY.c.alert_id, HISTORY.c.digest).where(HISTORY.c.id.in_(newest))
        last |= {row.alert_id: row.digest for row in connection.execute(query) if row.digest is not None}
    return last


def _plain(row: Mapping[str, Any], names: Sequence[str]) -> str:
    values = [row[name] for name in names]
    return orjson.dumps([utc(value).isoformat() if isinstance(value, datetime) else value for value in values]).decode()
