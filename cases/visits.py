"""Visits: what a person sees as one, of the many accesses that a system makes of it.

A visit holds one staff member's accesses with one reason, in order of time, each at most 30 minutes after the one
before; another reason begins another visit. What runs as a batch is one visit a staff member and day
(``docs/contract.md`` section 8).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal, get_args

from alerts.assessment import ActorDetails, Assessment
from cases.history_port import Row
from enrichment.nz_time import nz_date

#: Between two accesses of one visit at most.
GAP_MAX: Final = timedelta(minutes=30)

ReasonCode = Literal[
    "case_management", "application", "review", "appointment", "call", "quality_check", "investigation",
    "staff_assistance", "batch", "unexplained",
]  # fmt: skip
#: Kinds of work that explain an access, and what stands where none does: a closed list.
REASON_CODES: Final[tuple[ReasonCode, ...]] = get_args(ReasonCode)
BATCH: Final = "batch"
UNEXPLAINED: Final = "unexplained"

#: In the order in which they are read out.
ACTIONS: Final = ("view", "search", "create", "update", "print", "export")
SECTIONS: Final = (
    "identity", "address", "contact", "relationships", "income", "payments", "tax_number", "medical", "notes",
    "documents", "whole_file",
)  # fmt: skip


def reason_code(assessment: Assessment) -> str:
    """Return why an access was made, as one word of the closed list."""
    if assessment.explanation is not None:
        return assessment.explanation.kind
    if assessment.access is not None and assessment.access.channel == BATCH:
        return BATCH
    return UNEXPLAINED


@dataclass(slots=True)
class Visit:
    """Accesses of one staff member that belong together, in order of time."""

    staff_id: str
    code: str
    rows: list[Row] = field(default_factory=list)

    @property
    def first_at(self) -> datetime:
        """Return when it began."""
        return self.rows[0].assessment.occurred_at

    @property
    def last_at(self) -> datetime:
        """Return when its last access was made."""
        return self.rows[-1].assessment.occurred_at

    @property
    def actor(self) -> ActorDetails | None:
        """Return who the actor was, as judged last in it; None where nobody knows."""
        return next((row.assessment.actor for row in reversed(self.rows) if row.assessment.actor is not None), None)

    @property
    def event_ids(self) -> tuple[str, ...]:
        """Return the ids of its accesses."""
        return tuple(row.assessment.event_id for row in self.rows)

    @property
    def actions(self) -> tuple[str, ...]:
        """Return what was done, each once."""
        return _in_order({row.assessment.action for row in self.rows}, ACTIONS)

    @property
    def sections(self) -> tuple[str, ...]:
        """Return what was shown, each once."""
        shown = {one for row in self.rows if row.assessment.access for one in row.assessment.access.sections}
        return _in_order(shown, SECTIONS)


def _in_order(found: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(found, key=lambda one: (order.index(one) if one in order else len(order), one)))


def distinct(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows with each event_id once, by occurred_at and then event_id."""
    once: dict[str, Row] = {}
    for row in rows:
        once.setdefault(row.assessment.event_id, row)
    return tuple(sorted(once.values(), key=lambda row: (row.assessment.occurred_at, row.assessment.event_id)))


def visits_of(rows: Iterable[Row]) -> tuple[Visit, ...]:
    """Return the visits that these accesses make up, by their beginning."""
    found: list[Visit] = []
    #: Of each staff member the visit that the next access may belong to.
    current: dict[str, Visit] = {}
    batches: dict[tuple[str, date], Visit] = {}
    for row in distinct(rows):
        assessment, code = row.assessment, reason_code(row.assessment)
        visit = current.get(assessment.staff_id)
        if code == BATCH:
            visit = batches.get((assessment.staff_id, nz_date(assessment.occurred_at)))
        elif visit is not None and (visit.code != code or assessment.occurred_at - visit.last_at > GAP_MAX):
            visit = None
        if visit is None:
            visit = Visit(assessment.staff_id, code)
            found.append(visit)
            if code == BATCH:
                batches[assessment.staff_id, nz_date(assessment.occurred_at)] = visit
        visit.rows.append(row)
        current[assessment.staff_id] = visit
    return tuple(found)
