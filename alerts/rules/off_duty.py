"""An access was made under the staff id of somebody who should not have been at work.

Looks for     accesses of suspended or ended staff, outside their dates of employment, or on a day of leave.
Cannot see    who sat at the keyboard; leave that HR has not recorded yet.
Innocent when the actor came in on a day of leave, or HR recorded a date wrongly or late.
Then          check the dates with HR; for suspended or ended staff have the account closed first.
"""

from datetime import date

from alerts.assessment import Evidence, Severity
from alerts.case import Case
from alerts.explanation import Actor, WorkReason
from alerts.rules.form import Abstain, Answered, Hit, Limits, Rule, quiet
from alerts.wording import happened
from enrichment.facts import Unknown
from enrichment.newzealand import nz_date
from enrichment.wire import Staff

_AWAY = frozenset({"suspended", "ended"})
_LEAVE_SEVERITY: Severity = "medium"


class OffDutyLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: OffDutyLimits) -> Answered:
    """Say whether the actor was off duty on that date. Work excuses a day of leave, and nothing else."""
    access, actor = case.access, case.facts.actor
    if isinstance(actor, Unknown):
        return Abstain(actor.missing)
    on = nz_date(access.occurred_at)
    severity: Severity = "high"
    why = _not_employed(actor.value, on)
    if why is None:
        why = _on_leave(actor.value, on)
        if why is None:
            return quiet("the actor was on duty on that date")
        if case.work_reasons:
            return quiet("the actor was on leave, and a work reason explains it")
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


def _on_leave(staff: Staff, on: date) -> str | None:
    for leave in staff.leave:
        if leave.first <= on <= leave.last:
            return (
                f"the staff record has the actor on leave from {leave.first.isoformat()} to {leave.last.isoformat()}, "
                "and no work reason was found"
            )
    return None


def _excuses(_reason: WorkReason, _actor: Actor | None, severity: Severity) -> bool:
    # A day of leave, which any work excuses, is what makes the severity no higher.
    return severity == _LEAVE_SEVERITY


RULE = Rule(
    id="off-duty",
    title="Access while off duty",
    about="actor",
    clauses=("purpose",),
    limits=OffDutyLimits,
    evaluate=evaluate,
    excused_by=_excuses,
)
