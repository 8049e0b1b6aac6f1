"""Writing revisions: the alert's newest content, its history entry and its outbox row, always together."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from alerts.alert import Alert, alert_json
from alerts.grouping import Subject
from alerts.notices import NoticeAnswer
from alerts.store.audit import append, digest_of
from alerts.store.tables import ALERTS, OUTBOX, TURNS, chunks

What = Literal["raised", "settled", "revised", "reopened", "acknowledged", "closed", "answered"]
#: What is written down and changes nothing that the alert says.
Beside = Literal["assigned", "noted", "routed", "retried", "purged"]
Turn = Literal["relay", "route", "deliver", "hindsight"]


@dataclass(frozen=True, slots=True)
class Asked:
    """When an alert is, and was, put to somebody."""

    #: While it is pending: when it becomes new.
    settles_at: datetime | None = None
    #: When it was first new for Internal Integrity; for the staff member, whose time to answer ends at ``answer_by``.
    asked_at: datetime | None = None
    told_at: datetime | None = None
    answer_by: datetime | None = None
    answer: NoticeAnswer | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> "Asked":
        """Read it from the alert's row."""
        return cls(row.settles_at, row.asked_at, row.told_at, row.answer_by, row.answer)

    def of_integrity(self, now: datetime) -> "Asked":
        """Return it where the alert is new for Internal Integrity now, or was before: nobody else answers it."""
        return replace(self, settles_at=None, asked_at=self.asked_at or now, answer_by=None)


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of an alert. ``recorded_ms``: the earliest access record behind it, None when a person made it."""

    alert: Alert
    gathered: str
    what: What
    by: str | None = None
    because: str | None = None
    recorded_ms: int | None = None
    #: The digest of the hits that it takes in, and how many they are.
    hits: tuple[str, int] | None = None
    #: None: as before.
    asked: Asked | None = None


def write(connection: Connection, revisions: Sequence[Revision], now: datetime) -> None:
    """Write revisions, at most one per alert; the caller holds the rows of their alerts."""
    if not revisions:
        return
    columns = [_columns(revision) for revision in revisions]
    for some in ([one for one in columns if "asked_at" in one], [one for one in columns if "asked_at" not in one]):
        if some:
            changed: dict[str, Any] = {name: bindparam(name) for name in some[0] if name != "of"}
            connection.execute(update(ALERTS).where(ALERTS.c.alert_id == bindparam("of")).values(changed), some)
    connection.execute(
        insert(OUTBOX),
        [
            {
                "alert_id": revision.alert.alert_id,
                "revision": revision.alert.revision,
                "payload": row["payload"],
                "recorded_ms": revision.recorded_ms,
                "created_at": now,
            }
            for revision, row in zip(revisions, columns, strict=True)
        ],
    )
    entries = [
        entry_of(revision.alert, revision.what, now, by=revision.by, because=revision.because)
        | {"revision": revision.alert.revision, "detail": _detail(row["payload"], revision)}
        for revision, row in zip(revisions, columns, strict=True)
    ]
    append(connection, entries)


def take_turn(connection: Connection, turn: Turn, *, shared: bool = False) -> None:
    """Wait until no other transaction has this turn; ends with the transaction. Shared, several have it."""
    connection.execute(select(TURNS.c.name).where(TURNS.c.name == turn).with_for_update(read=shared))


def held(connection: Connection, alert_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Hold and read alerts, in the order of their ids, so that two who do so never wait in a ring."""
    rows: dict[str, Row[Any]] = {}
    for ids in chunks(sorted(alert_ids)):
        query = select(ALERTS).where(ALERTS.c.alert_id.in_(ids)).order_by(ALERTS.c.alert_id).with_for_update()
        rows |= {row.alert_id: row for row in connection.execute(query)}
    return rows


def subject_of(row: Row[Any]) -> Subject:
    """Return whom and which day the alert in this row is about."""
    return Subject(row.alert_id, row.staff_id, row.client_id, row.day)


def _columns(revision: Revision) -> dict[str, Any]:
    alert = revision.alert
    return {
        "of": alert.alert_id,
        "severity": alert.severity,
        "title": alert.title,
        "status": alert.status,
        "outcome": alert.outcome,
        "self_reported": alert.self_reported,
        "conflicted": alert.conflicted,
        "revision": alert.revision,
        "updated_at": alert.updated_at,
        "access_count": alert.access_count,
        "payload": alert_json(alert).decode(),
        "gathered": revision.gathered,
        "audience": alert.audience,
        "questions": questions_of(alert.rules),
        "score": None if alert.score is None else alert.score.value,
        **({} if revision.asked is None else asdict(revision.asked)),
    }


def questions_of(rules: Iterable[str]) -> str:
    """Name a set of rules: alerts with the same name ask the same questions."""
    return ",".join(sorted(rules))


def entry_of(
    alert: Alert, what: What | Beside, now: datetime, *, by: str | None = None, because: str | None = None
) -> dict[str, Any]:
    """Return an entry of the history about an alert as it stands."""
    return {
        "alert_id": alert.alert_id,
        "at": now,
        "what": what,
        "by": by,
        "because": because,
        "status": alert.status,
        "outcome": alert.outcome,
        "severity": alert.severity,
        "conflicted": alert.conflicted,
        "audience": alert.audience,
    }


def _detail(payload: str, revision: Revision) -> str:
    detail: dict[str, Any] = {"content": digest_of(payload)}
    if revision.hits is not None:
        detail |= {"hits": revision.hits[0], "hit_count": revision.hits[1]}
    return orjson.dumps(detail).decode()
