"""An access was made under a staff id that the staff register does not hold.

Looks for     a staff id that is in no staff record.
Cannot see    a known staff id that somebody else used.
Innocent when a new account was used before the staff register named it.
Then          ask the account's administrators whose it is, and why the register does not hold it.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, no_match, no_work
from enrichment.facts import Known
from enrichment.nz_time import nz_text


class UnknownStaffLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: UnknownStaffLimits) -> RuleResult:
    """Return whether the actor is in the staff register."""
    access = case.access
    if isinstance(case.facts.actor, Known):
        return no_match("the staff register holds the actor")
    return Hit(
        "medium",
        f"An access ({access.action}) was made on {nz_text(access.occurred_at)} under staff id {access.staff_id}, "
        "which the staff register does not hold.",
        (Evidence("no staff record", access.staff_id, "ref.staff.v1", None),),
    )


RULE = Rule(
    id="unknown-staff",
    title="Staff id not in the staff register",
    about="actor",
    clauses=("control",),
    limits=UnknownStaffLimits,
    evaluate=evaluate,
    excused_by=no_work,
    applies_when=Precondition.UNKNOWN,
)
