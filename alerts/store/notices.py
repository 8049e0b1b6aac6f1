"""Notices: reading them, and taking the staff member's answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from alerts.alert import ALERT, Alert, utc
from alerts.notices import NoticeAnswer
from alerts.store.database import NotPossible
from alerts.store.queries import by_reference
from alerts.store.revisions import Asked, Revision, held, write
from alerts.store.tables import ALERTS, HITS

#: What each answer makes of a notice, and what the history says.
_SAID: Final[dict[NoticeAnswer, str]] = {
    "work": "The staff member named the work that was the reason",
    "mistake": "The staff member opened it by mistake",
    "talk": "The staff member would like to talk to somebody",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: the alert as it stands, when it was told, until when an answer is awaited, and the answer."""

    alert: Alert
    told_at: datetime
    answer_by: datetime | None
    answer: str | None


def listed(connection: Connection, staff_id: str | None, limit: int, *, waiting: bool) -> list[Notice]:
    """Return notices, the newest first."""
    query = _NOTICES.order_by(ALERTS.c.told_at.desc(), ALERTS.c.alert_id).limit(limit)
    if staff_id is not None:
        query = query.where(ALERTS.c.staff_id == staff_id)
    if waiting:
        query = query.where(ALERTS.c.status == "new", ALERTS.c.audience == "actor")
    return [_notice(row) for row in connection.execute(query)]


def found(connection: Connection, reference: str) -> Notice:
    """Return the notice with this id, or the only one whose id begins so."""
    return _notice(by_reference(connection, _NOTICES, reference, "notice"))


_NOTICES: Final[Select[Any]] = select(ALERTS.c.payload, ALERTS.c.told_at, ALERTS.c.answer_by, ALERTS.c.answer).where(
    ALERTS.c.told_at.is_not(None)
)


def _notice(row: Row[Any]) -> Notice:
    return Notice(ALERT.validate_json(row.payload), row.told_at, row.answer_by, row.answer)


def clients_of(connection: Connection, alert_id: str) -> set[str]:
    """Return the clients whose records the accesses of an alert opened."""
    query = select(HITS.c.client_id).where(HITS.c.alert_id == alert_id, HITS.c.client_id.is_not(None)).distinct()
    return set(connection.execute(query).scalars())


def answer(
    connection: Connection, alert_id: str, answer: NoticeAnswer, *, because: str | None, by: str, now: datetime
) -> Alert:
    """Take an answer: work closes it as explained, a mistake as self-reported, talk makes it Internal Integrity's."""
    row = held(connection, [alert_id]).get(alert_id)
    if row is None or row.told_at is None:
        raise NotPossible(f"There is no notice {alert_id}.")
    alert = ALERT.validate_json(row.payload)
    if alert.status != "new" or alert.audience != "actor":
        state = "closed" if alert.status == "closed" else "Internal Integrity's by now"
        raise NotPossible(f"Notice {alert_id} is {state}: it waits for no answer.")
    alert = replace(alert, revision=alert.revision + 1, updated_at=utc(now))
    asked = replace(Asked.of(row), answer_by=None, answer=answer)
    if answer == "talk":
        alert = replace(alert, audience="integrity")
        asked = asked.of_integrity(now)
    else:
        alert = replace(alert, status="closed", outcome="explained" if answer == "work" else "self_reported")
    said = f"{_SAID[answer]}{f': {because}' if because else ''}."
    write(connection, [Revision(alert, row.gathered, "answered", by=by, because=said, asked=asked)], now)
    return alert
