"""A service account was used through a channel that people use.

Looks for     a staff id of kind service that acts through desktop or mobile.
Cannot see    people who use a service account through an interface for programs.
Innocent when the account is of the wrong kind in the staff register, or its sender fills the channel wrongly.
Then          ask the account's owner which program made the access, and who can sign in with it.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, happened, no_match
from enrichment.facts import Unknown

_PEOPLES = frozenset({"desktop", "mobile"})


class ServiceAccountLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: ServiceAccountLimits) -> RuleResult:
    """Return whether a service account acted as a person does. Nothing excuses it."""
    access, actor = case.access, case.facts.actor
    if isinstance(actor, Unknown) or actor.value.kind != "service":
        return no_match("the actor is no service account")
    if access.channel not in _PEOPLES:
        return no_match("the service account acted through a channel for programs")
    return Hit(
        "high",
        f"{happened(access)} through {access.channel}; the staff register holds {access.staff_id} as a service "
        "account, which programs use.",
        (Evidence("staff record", access.staff_id, "ref.staff.v1", actor.as_of),),
    )


RULE = Rule(
    id="service-account",
    title="Service account used by hand",
    about="actor",
    clauses=("control",),
    limits=ServiceAccountLimits,
    evaluate=evaluate,
    applies_when=Precondition.SERVICE,
)
