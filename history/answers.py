"""What the history gives: rows, and how far they may be trusted; who reads, and why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from alerts.assessment import Answer as RuleAnswer
from alerts.assessment import Assessment, Outcome
from enrichment.errors import UserError

#: Rows that one answer holds at most, of each kind of reading; past them: narrow the period.
FOOTPRINT_ROWS_MAX: Final = 100_000
INVESTIGATION_ROWS_MAX: Final = 1_000_000


class TooManyRows(UserError):  # noqa: N818 an answer, not a failure
    """A query would give more rows than it may."""


class ReadingRefused(UserError):  # noqa: N818 an answer, not a failure
    """What was to be read could not be written into the reading log: nothing is shown."""


class HistoryDamaged(UserError):  # noqa: N818 it names a state
    """A file of the history is missing or altered; the sentence names its month."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Who reads, as what, and why: what the reading log says of it."""

    who: str
    role: str
    #: Of page or export: ``footprint``, ``timeline``, ``pack``, ``report``, ``sample``, ``query``.
    kind: str
    reason: str
    case_or_request: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Records of ``integrity.assessment.v1`` that were lost to the history, which a person has accepted."""

    partition: int
    first_offset: int
    last_offset: int
    accepted_at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class Row:
    """One access: its assessment, and where it came from."""

    assessment: Assessment
    judged_at: datetime
    source_partition: int
    source_offset: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a named query gives: rows by occurred_at, then event_id, and how far they may be trusted."""

    rows: tuple[Row, ...]
    complete_to: datetime | None
    gaps: tuple[Gap, ...] = ()
    begins: date | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Distinct accesses of one quarter, by New Zealand date of occurred_at."""

    accesses: int
    #: With a live hit.
    asked_about: int
    #: With outcome ``explained``.
    explained: int
    #: By rule, with a live hit of it.
    by_rule: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts by quarter, and how far they may be trusted."""

    #: The quarter's last day -> its counts.
    quarters: Mapping[date, Counted]
    complete_to: datetime | None
    gaps: tuple[Gap, ...] = ()
    begins: date | None = None


def merged(records: Sequence[Row]) -> Row:
    """Return the one row of an event id that was published more than once (``docs/contract.md``, section 7).

    Content, versions and place are those of the lowest partition and offset; answers and alert ids the union, by rule,
    a hit before an abstention; explanation those of the newest record that has one; the outcome the first that applies
    to all that.
    """
    ordered = sorted(records, key=lambda one: (one.source_partition, one.source_offset))
    first = ordered[0]
    if len(ordered) == 1:
        return first
    answers: dict[str, RuleAnswer] = {}
    for record in ordered:
        for answer in record.assessment.answers:
            before = answers.get(answer.rule)
            if before is None or (before.answer != "hit" and answer.answer == "hit"):
                answers[answer.rule] = answer
    alert_ids = tuple(dict.fromkeys(one for record in ordered for one in record.assessment.alert_ids))
    explained = [record for record in ordered if record.assessment.explanation is not None]
    newest = max(explained, key=lambda one: (one.judged_at, one.source_partition, one.source_offset), default=first)
    content = first.assessment
    merged_answers = tuple(answers.values())
    return replace(
        first,
        assessment=replace(
            content,
            answers=merged_answers,
            alert_ids=alert_ids,
            explanation=newest.assessment.explanation,
            explained_later=newest.assessment.explained_later,
            outcome=outcome_of(merged_answers, content.client_id, explained=newest.assessment.explanation is not None),
        ),
    )


def outcome_of(answers: Sequence[RuleAnswer], client_id: str | None, *, explained: bool) -> Outcome:
    """Return the first outcome that applies, in the contract's order."""
    live = {one.answer for one in answers if one.stage == "live"}
    if "hit" in live:
        return "hit"
    if "abstain" in live:
        return "abstained"
    if explained:
        return "explained"
    return "no_subject" if client_id is None else "unexplained"
