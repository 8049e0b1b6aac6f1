"""What is said of one access: the Assessment of ``CONTRACT.md`` section 3."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

Severity = Literal["low", "medium", "high", "critical"]
Stage = Literal["live", "shadow", "off"]
Outcome = Literal["hit", "abstained", "explained", "no_subject", "unexplained"]

#: From least to most; an alert's severity is the highest of its reasons'.
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that an answer rests on, where it came from, and when it was recorded."""

    fact: str
    id: str
    source: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule said. Quiet rules leave no answer."""

    rule: str
    answer: Literal["hit", "abstain"]
    stage: Stage
    severity: Severity | None
    sentence: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The strongest work reason for an access, as one plain sentence."""

    kind: str
    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What an access was judged with: the rules' release, the limits file's hash, the reference data's state."""

    rules: str
    limits: str
    reference: str


@dataclass(slots=True)  # not frozen: one is made for each access, which would take four times as long
class Assessment:
    """One access, its outcome, and why."""

    event_id: str
    occurred_at: datetime
    staff_id: str
    client_id: str | None
    action: str
    outcome: Outcome
    explanation: Explanation | None
    answers: tuple[Answer, ...]
    alert_ids: tuple[str, ...]
    versions: Versions


#: Reads an Assessment from JSON as it stands on ``integrity.assessment.v1`` and ``integrity.hit.v1``.
ASSESSMENT: TypeAdapter[Assessment] = TypeAdapter(Assessment)
