"""The Alert of ``docs/contract.md`` section 3, and its id: one question to Internal Integrity, never a finding.

The id is a pure function of whom the alert is about and the New Zealand day: the same input gives the same id on any
machine, however often it is replayed. An alert is written to ``integrity.alert.v1`` as JSON, all times in UTC with
their offset. How hits become its content stands in ``alerts/grouping.py``; what lasts of it, in ``alerts/store``.
"""

import hashlib
import json
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import orjson
from pydantic import TypeAdapter

from alerts.assessment import Audience, Evidence, Severity, Versions

#: Characters of the id after its prefix: 100 bits, so that two alerts never meet.
_ID_CHARACTERS = 20


def alert_id(staff_id: str, client_id: str | None, day: date) -> str:
    """Return the id of the alert about this actor (and client, for rules about a pair) on this day.

    Args:
        staff_id: the actor.
        client_id: the client, or None for an alert about the actor alone.
        day: the New Zealand date of ``occurred_at``.
    """
    identity = json.dumps([staff_id, client_id, day.isoformat()], ensure_ascii=False).encode()
    digest = b32encode(hashlib.sha256(identity).digest()).decode().lower()
    return f"al-{digest[:_ID_CHARACTERS]}"


Status = Literal["pending", "new", "acknowledged", "closed"]
#: How people close an alert.
ClosedAs = Literal["confirmed", "explained", "self_reported", "data_error", "no_further_action"]
#: How an alert is closed: ``canary`` by the service alone.
Outcome = Literal["confirmed", "explained", "self_reported", "data_error", "no_further_action", "canary"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one rule asks: its sentence and the facts behind it."""

    rule: str
    sentence: str
    evidence: tuple[Evidence, ...]
    explained_later: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How often people have confirmed alerts with these questions: 0 to 1, and in a sentence what that rests on."""

    value: float
    decided: int
    confirmed: int
    basis: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One revision of an alert. ``day`` is a New Zealand date; ``client_id`` is None for an alert about an actor."""

    alert_id: str
    revision: int
    raised_at: datetime
    updated_at: datetime
    day: date
    staff_id: str
    client_id: str | None
    severity: Severity
    title: str
    rules: tuple[str, ...]
    reasons: tuple[Reason, ...]
    first_access_at: datetime
    last_access_at: datetime
    access_count: int
    event_ids: tuple[str, ...]
    policy: tuple[str, ...]
    self_reported: bool
    conflicted: bool
    status: Status
    outcome: Outcome | None
    versions: Versions
    #: Whom it is for; an alert for the actor is a notice.
    audience: Audience = "integrity"
    #: None in revisions of releases that had none.
    score: Score | None = None


#: Reads an Alert from JSON as it stands on ``integrity.alert.v1``; fields of a newer release are ignored.
ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)


def alert_json(alert: Alert) -> bytes:
    """Write an alert as it stands on ``integrity.alert.v1``: the same alert always gives the same bytes."""
    return orjson.dumps(alert)


def utc(at: datetime) -> datetime:
    """The same instant with offset +00:00; within a day of the calendar's ends, where that may not exist, its digits.

    An access may carry any valid time, the year 1 with an offset included; judging it must not fail.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def taken_back(alert: Alert) -> bool:
    """Return whether the service closed it: every reason is explained, which it does not leave open for a person."""
    return alert.outcome == "explained" and all(reason.explained_later for reason in alert.reasons)
