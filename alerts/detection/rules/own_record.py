"""A staff member opened a client record that is their own.

Looks for     an access to one of the client records that the staff record names as the actor's own.
Cannot see    own records that the staff record does not name yet.
Innocent when the staff record names the wrong client record, or somebody else used the actor's account.
Then          confirm with HR that the client record is the actor's, and ask whether it was opened by mistake.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Indeterminate, Limits, Rule, RuleResult, no_match, opened
from enrichment.facts import Unknown


class OwnRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: OwnRecordLimits) -> RuleResult:
    """Return whether the client is one of the actor's own client records. Nothing excuses it."""
    access, actor = case.access, case.facts.actor
    if access.client_id is None:
        return no_match("no client record was opened")
    if isinstance(actor, Unknown):
        return Indeterminate(actor.missing)
    if access.client_id not in actor.value.client_ids:
        return no_match("the client record is none of the actor's own")
    return Hit(
        "high",
        f"{opened(access)}; the staff record names it as the actor's own client record.",
        (Evidence("staff record", access.staff_id, "ref.staff.v1", actor.as_of),),
    )


RULE = Rule(
    id="own-record",
    title="Own client record",
    about="pair",
    clauses=("never.kaimahi",),
    limits=OwnRecordLimits,
    evaluate=evaluate,
    applies_when=Precondition.OWN | Precondition.UNKNOWN,
)
