"""A staff member opened the client record of somebody close to a colleague of their unit.

Looks for     one relationship, of any kind but colleague and business, from the client to a colleague of the actor.
Cannot see    circles that nobody declared; colleagues of other units who know each other well.
Innocent when the record reached the actor so that the colleague would not have to open it, and no work item says so.
Then          ask the actor's manager who handed the work over, and whether the colleague asked for it.
"""

from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    any_work,
    colleague_contacts,
    evidence,
    opened,
)


class ColleagueCircleLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: ColleagueCircleLimits) -> RuleResult:
    """Return whether the client is in the circle of a colleague of the actor. Work excuses it."""
    looked_up = colleague_contacts(case)
    if not isinstance(looked_up, tuple):
        return looked_up
    first = looked_up[0]
    known = first.edge.relationship
    return Hit(
        "medium",
        f"{opened(case.access)}; the recorded relationship {known.kind.replace('_', ' ')} joins this client and "
        f"staff member {first.staff.value.staff_id} of the actor's unit {first.staff.value.org_unit}, "
        "and no work reason was found.",
        tuple(fact for colleague in looked_up for fact in evidence(colleague)),
    )


RULE = Rule(
    id="colleague-circle",
    title="Client close to a colleague",
    about="pair",
    clauses=("like.whanau", "purpose"),
    limits=ColleagueCircleLimits,
    evaluate=evaluate,
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    gives_way_to=("relative-record", "acquaintance-record", "business-record"),
)
