"""A staff member printed or exported client records in bulk.

Looks for     a print or export of very many records, or a day's prints and exports that add up to as many.
Cannot see    screens that were photographed or copied by hand.
Innocent when a report or a mailing was asked for and no investigation or quality check is recorded for it.
Then          secure the file or the print, ask who asked for it, and under which agreement it was to leave.
"""

from typing import Annotated

from pydantic import Field

from alerts.access_kinds import records_taken
from alerts.assessment import Evidence, Severity
from alerts.case import Case
from alerts.explanation import NAMED, Actor, WorkReason
from alerts.rules.form import Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import ACCESSES, counted, happened
from enrichment.windows import RECORDS_COUNTED_MAX

_WORK_KINDS = frozenset({"investigation", "quality_check"})
_NUMBER = Field(ge=1, le=RECORDS_COUNTED_MAX)


class BulkExtractLimits(Limits):
    """How many records are many."""

    #: Records in one print or export.
    records_max: Annotated[int, _NUMBER]
    #: Records in the actor's prints and exports of 24 hours.
    records_day_max: Annotated[int, _NUMBER]
    #: Records, in one or in 24 hours, from which on the severity is critical.
    records_critical: Annotated[int, _NUMBER]


def evaluate(case: Case, limits: BulkExtractLimits) -> Answered:
    """Say whether this print or export, or the day's with it, reaches a limit."""
    access = case.access
    one = records_taken(access)
    if not one:
        return quiet("nothing was printed or exported")
    day = max(one, case.windows.records_day)
    if one < limits.records_max and day < limits.records_day_max:
        return quiet("fewer records than the limits were printed or exported")
    actor, severity = Actor.of(case.facts), _severity_of(day, limits)
    if any(_is_their_work(reason, actor, severity) for reason in case.work_reasons):
        return quiet("an investigation or a quality check that names the actor or their unit explains it")
    return Hit(
        severity,
        f"{happened(access)}; it covers {counted(one, 'client record')} (the limit is {limits.records_max}), and with "
        f"it the actor's prints and exports of 24 hours cover {day} (the limit is {limits.records_day_max}).",
        (Evidence("prints and exports of the 24 hours to", access.event_id, ACCESSES, access.occurred_at),),
    )


def _severity_of(day: int, limits: BulkExtractLimits) -> Severity:
    return "critical" if day >= limits.records_critical else "high"


def _is_their_work(reason: WorkReason, actor: Actor | None, _severity: Severity) -> bool:
    if actor is not None and actor.kind == "third_party":
        return False
    return reason.number in NAMED and reason.work.value.kind in _WORK_KINDS


RULE = Rule(
    id="bulk-extract",
    title="Records printed or exported in bulk",
    about="actor",
    clauses=("leak", "share"),
    limits=BulkExtractLimits,
    evaluate=evaluate,
    asked_where=Sign.EXTRACT,
    excused_by=_is_their_work,
)
