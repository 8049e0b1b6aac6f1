"""What is said of one access: the Assessment of ``docs/contract.md`` section 3."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

Severity = Literal["low", "medium", "high", "critical"]
Stage = Literal["live", "shadow", "off"]
#: Whom an alert is for: Internal Integrity, or the staff member.
Audience = Literal["integrity", "actor"]
Outcome = Literal["hit", "abstained", "explained", "no_subject", "unexplained"]

#: From least to most; an alert's severity is the highest of its reasons'.
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


#: What is written of one answer at most: a record that somebody made enormous must not make its assessment so.
EVIDENCE_MAX = 50
SOURCE_CHARACTERS_MAX = 500
SENTENCE_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that an answer rests on, where it came from, and when it was recorded."""

    fact: str
    id: str
    source: str
    as_of: datetime | None


def shortened(text: str, characters_max: int) -> str:
    """Return a text, cut where it is longer, with an ellipsis that says so."""
    return text if len(text) <= characters_max else f"{text[: characters_max - 1]}\N{HORIZONTAL ELLIPSIS}"


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


@dataclass(slots=True)  # not frozen, as Assessment
class AccessDetails:
    """What of the access itself is kept with its assessment, and where it stands in ``cms.access.v1``."""

    sections: tuple[str, ...]
    channel: str
    site: str | None
    workstation: str | None
    work_id: str | None
    agreement_id: str | None
    #: Empty where nothing was searched for; ``result_count`` is None there.
    search_fields: tuple[str, ...]
    result_count: int | None
    record_count: int
    #: The record's timestamp and place; None where an access was judged that no record holds.
    recorded_at: datetime | None
    partition: int | None
    offset: int | None


@dataclass(slots=True)  # not frozen, as Assessment
class ActorDetails:
    """Who the actor was when the access was judged."""

    kind: str
    org_unit: str
    site: str | None
    roles: tuple[str, ...]


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
    #: None in assessments of releases that did not keep it.
    access: AccessDetails | None = None
    #: None where the staff_id was in no staff record.
    actor: ActorDetails | None = None
    #: Work that became known after the access was judged explains it.
    explained_later: bool = False


#: Reads an Assessment from JSON as it stands on ``integrity.assessment.v1`` and ``integrity.hit.v1``.
ASSESSMENT: TypeAdapter[Assessment] = TypeAdapter(Assessment)
