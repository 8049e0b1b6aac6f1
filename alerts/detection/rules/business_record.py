"""A staff member opened the client record of somebody with whom a business joins them.

Looks for     one relationship business between the actor and the client.
Cannot see    businesses that nobody declared and no register holds.
Innocent when the business relationship has ended, or is recorded for somebody else of the same business.
Then          check the relationship with its source, then ask who handed the work to the actor.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, no_match, opened
from enrichment.nz_time import nz_date
from enrichment.relationship_graph import client_node, staff_node, strongest_paths

_BUSINESS = frozenset({"business"})

_NONE = "no business joins the actor and the client"


class BusinessRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: BusinessRecordLimits) -> RuleResult:
    """Return whether a business joins the actor and the client. Nothing excuses it."""
    access = case.access
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.facts.apart:
        return no_match(_NONE)
    paths = strongest_paths(
        case.facts.graph, staff_node(access.staff_id), client_node(access.client_id),
        kinds=_BUSINESS, hops_max=1, confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
    )  # fmt: skip
    if not paths:
        return no_match(_NONE)
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
    applies_when=Precondition.PATH,
)
