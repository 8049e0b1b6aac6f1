"""A staff member opened the client record of another staff member.

Looks for     an access to a client record that belongs to a staff member who has not left, other than the actor.
Cannot see    staff members whose own client record the staff register does not name.
Innocent when the actor works for the Staff Assistance Unit or on an investigation, and the work item came late.
Then          ask the Staff Assistance Unit whether the matter was theirs, and who handed it to the actor.
"""

from alerts.assessment import Evidence, Severity
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Occasion, Rule, RuleResult, no_match, opened
from alerts.detection.work_reasons import NAMED, Actor, WorkReason

_ROLES = frozenset({"staff_assistance", "fraud_investigation", "internal_integrity"})
_SEVERITY: Severity = "high"
_WORK_KINDS = frozenset({"staff_assistance", "investigation"})


class StaffRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: StaffRecordLimits) -> RuleResult:
    """Return whether the client record is another staff member's, and no such work of such a role excuses it."""
    access = case.access
    others = [
        owner
        for owner in case.facts.owners
        if owner.value.staff_id != access.staff_id and owner.value.status != "ended"
    ]
    if not others:
        return no_match("the client record is no other present staff member's")
    actor = Actor.of(case.facts)
    if any(_is_their_work(reason, Occasion(actor, _SEVERITY)) for reason in case.work_reasons):
        return no_match("work of the unit that may open staff members' records explains it")
    return Hit(
        _SEVERITY,
        f"{opened(access)}; the staff register names it as the client record of another staff member.",
        tuple(Evidence("staff record", owner.value.staff_id, "ref.staff.v1", owner.as_of) for owner in others),
    )


def _is_their_work(reason: WorkReason, occasion: Occasion) -> bool:
    actor = occasion.actor
    return (
        actor is not None
        and not _ROLES.isdisjoint(actor.roles)
        and reason.number in NAMED
        and reason.work.value.kind in _WORK_KINDS
    )


RULE = Rule(
    id="staff-record",
    title="Client record of another staff member",
    about="pair",
    clauses=("never.kaimahi",),
    limits=StaffRecordLimits,
    evaluate=evaluate,
    applies_when=Precondition.OWNED,
    excused_by=_is_their_work,
)
