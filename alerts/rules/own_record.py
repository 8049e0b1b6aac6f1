"""A staff member opened a client record that is their own.

Looks for     an access to one of the client records that the staff record names as the actor's own.
Cannot see    own records that the staff record does not name yet.
Innocent when the staff record names the wrong client record, or somebody else used the actor's account.
Then          confirm with HR that the client record is the actor's, and ask whether it was opened by mistake.
"""

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Abstain, Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import opened
from enrichment.facts import Unknown


class OwnRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: OwnRecordLimits) -> Answered:
    """Say whether the client is one of the actor's own client records. Nothing excuses it."""
    access, actor = case.access, case.facts.actor
    if access.client_id is None:
        return quiet("no client record was opened")
    if isinstance(actor, Unknown):
        return Abstain(actor.missing)
    if access.client_id not in actor.value.client_ids:
        return quiet("the client record is none of the actor's own")
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
    asked_where=Sign.OWN | Sign.UNKNOWN,
)
