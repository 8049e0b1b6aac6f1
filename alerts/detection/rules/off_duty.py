"""An access was made under the staff id of somebody who should not have been at work.

Looks for     accesses of suspended or ended staff, outside their employment, or on a day of leave with hardly any work.
Cannot see    who sat at the keyboard; leave that HR has not recorded yet.
Innocent when the actor came in on a day of leave, or HR recorded a date wrongly or late.
Then          check the dates with HR; for suspended or ended staff have the account closed first.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence, Severity
from alerts.detection.counting import count_same
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Indeterminate, Limits, Occasion, Rule, RuleResult, happened, no_match
from alerts.detection.work_reasons import WorkReason
from enrichment.facts import Known, Unknown
from enrichment.nz_time import nz_date
from enrichment.schemas import Staff

_AWAY = frozenset({"suspended", "ended"})
_LEAVE_SEVERITY: Severity = "medium"


class OffDutyLimits(Limits):
    """How much work says that the actor was at work on a day of leave."""

    #: Explained accesses of the date, to the access, beside which one without a reason is still asked about.
    explained_max: Annotated[int, Field(ge=0)]


def evaluate(case: Case, limits: OffDutyLimits) -> RuleResult:
    """Return whether the actor was off duty on that date. Work excuses a day of leave, and nothing else."""
    access, actor = case.access, case.facts.actor
    if isinstance(actor, Unknown):
        return Indeterminate(actor.missing)
    on = nz_date(access.occurred_at)
    severity: Severity = "high"
    why = _not_employed(actor.value, on)
    if why is None:
        why = _on_leave(actor.value, on)
        if why is None:
            return no_match("the actor was on duty on that date")
        if access.client_id is None:
            return no_match("the actor was on leave, and no client record was opened")
        if case.work_reasons:
            return no_match("the actor was on leave, and a work reason explains it")
        if case.found(EXPLAINED) > limits.explained_max:
            return no_match("the actor was on leave, and worked on that date: more accesses have a work reason")
        severity = _LEAVE_SEVERITY
    return Hit(
        severity,
        f"{happened(access)}; {why}.",
        (Evidence("staff record", access.staff_id, "ref.staff.v1", actor.as_of),),
    )


def _not_employed(staff: Staff, on: date) -> str | None:
    if staff.status in _AWAY:
        return f"the staff record says that the actor is {staff.status}"
    if staff.start_date is not None and on < staff.start_date:
        return f"the staff record says that the actor starts on {staff.start_date.isoformat()}"
    if staff.end_date is not None and on > staff.end_date:
        return f"the staff record says that the actor ended on {staff.end_date.isoformat()}"
    return None


def _is_on_leave(case: Case) -> bool:
    actor, on = case.facts.actor, nz_date(case.access.occurred_at)
    return isinstance(actor, Known) and any(leave.first <= on <= leave.last for leave in actor.value.leave)


def _is_explained(case: Case) -> bool:
    return bool(case.work_reasons) and _is_on_leave(case)


def _is_asked(case: Case) -> bool:
    return case.unexplained and _is_on_leave(case)


#: The longest New Zealand date has 25 hours.
EXPLAINED = count_same(
    "h", "date", within=timedelta(hours=25), stands_when=Precondition.LEAVE, where=_is_explained,
    asked_when=Precondition.LEAVE, asked=_is_asked,
)  # fmt: skip


def _on_leave(staff: Staff, on: date) -> str | None:
    for leave in staff.leave:
        if leave.first <= on <= leave.last:
            return (
                f"the staff record has the actor on leave from {leave.first.isoformat()} to {leave.last.isoformat()}, "
                "and no work reason was found"
            )
    return None


def _excuses(_reason: WorkReason, occasion: Occasion) -> bool:
    # A day of leave, which any work excuses, is what makes the severity no higher.
    return occasion.severity == _LEAVE_SEVERITY


RULE = Rule(
    id="off-duty",
    title="Access while off duty",
    about="actor",
    clauses=("purpose",),
    limits=OffDutyLimits,
    evaluate=evaluate,
    excused_by=_excuses,
    counts=(EXPLAINED,),
)
