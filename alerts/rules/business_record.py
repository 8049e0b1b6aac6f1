"""A staff member opened the client record of somebody with whom a business joins them.

Looks for     one relationship business between the actor and the client.
Cannot see    businesses that nobody declared and no register holds.
Innocent when the business relationship has ended, or is recorded for somebody else of the same business.
Then          check the relationship with its source, then ask who handed the work to the actor.
"""

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import opened
from enrichment.kinship import client_node, staff_node, strongest_paths
from enrichment.newzealand import nz_date

_BUSINESS = frozenset({"business"})

_NONE = "no business joins the actor and the client"


class BusinessRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: BusinessRecordLimits) -> Answered:
    """Say whether a business joins the actor and the client. Nothing excuses it."""
    access = case.access
    if access.client_id is None:
        return quiet("no client record was opened")
    if case.facts.apart:
        return quiet(_NONE)
    paths = strongest_paths(
        case.facts.graph, staff_node(access.staff_id), client_node(access.client_id),
        kinds=_BUSINESS, hops_max=1, confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
    )  # fmt: skip
    if not paths:
        return quiet(_NONE)
    (hop,) = paths[1].hops
    known = hop.relationship
    return Hit(
        "medium",
        f"{opened(access)}; the recorded relationship business (confidence {known.confidence:.2f}) "
        "joins the actor and this client.",
        (Evidence("relationship", known.relationship_id, known.source, hop.as_of),),
    )


RULE = Rule(
    id="business-record",
    title="Client record of a business associate",
    about="pair",
    clauses=("like.business",),
    limits=BusinessRecordLimits,
    evaluate=evaluate,
    asked_where=Sign.PATH,
)
