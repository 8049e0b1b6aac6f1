"""The Alert of ``CONTRACT.md`` section 3: one question to Internal Integrity, never a finding.

Written to ``integrity.alert.v1`` as JSON, all times in UTC with their offset. How hits
become its content stands in ``alerts/merging.py``; what lasts of it, in ``alerts/store``.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import orjson
from pydantic import TypeAdapter

from alerts.assessment import Evidence, Severity, Versions

Status = Literal["new", "acknowledged", "closed"]
ClosedAs = Literal["confirmed", "explained", "self_reported", "data_error", "no_further_action"]

STATUSES: tuple[Status, ...] = ("new", "acknowledged", "closed")
OUTCOMES: tuple[ClosedAs, ...] = ("confirmed", "explained", "self_reported", "data_error", "no_further_action")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one rule asks: its sentence and the facts behind it."""

    rule: str
    sentence: str
    evidence: tuple[Evidence, ...]
    explained_later: bool


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
    outcome: ClosedAs | None
    versions: Versions


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
