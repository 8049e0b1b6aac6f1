"""A staff member opened the client record of a friend, an acquaintance or a former partner.

Looks for     a friend, acquaintance, former partner or club mate of the actor, or their partner's former partner.
Cannot see    people who know each other where nobody declared it and no register holds it.
Innocent when the relationship is recorded wrongly or has ended, or the two share a club and have never met.
Then          check the relationship with its source before anything else, then ask who handed the work to the actor.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, no_match, opened
from enrichment.nz_time import nz_date
from enrichment.relationship_graph import client_node, staff_node, strongest_path_of, strongest_paths
from enrichment.schemas import RelationshipKind

CLOSE = frozenset({"friend", "former_partner"})
DISTANT = frozenset({"acquaintance", "club"})
#: The steps from the actor to a partner's former partner.
PARTNERS_FORMER: tuple[RelationshipKind, ...] = ("partner", "former_partner")

_NONE = "no friendship, acquaintance, former partnership or club joins the actor, or their partner, and the client"


class AcquaintanceRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: AcquaintanceRecordLimits) -> RuleResult:
    """Return whether the actor and the client know each other. Nothing excuses it."""
    access = case.access
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.facts.apart:
        return no_match(_NONE)
    for kinds in (CLOSE, DISTANT):
        paths = strongest_paths(
            case.facts.graph, staff_node(access.staff_id), client_node(access.client_id),
            kinds=kinds, hops_max=1, confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
        )  # fmt: skip
        if paths:
            (hop,) = paths[1].hops
            known = hop.relationship
            return Hit(
                "high" if kinds is CLOSE else "medium",
                f"{opened(access)}; the recorded relationship {known.kind.replace('_', ' ')} "
                f"(confidence {known.confidence:.2f}) joins the actor and this client.",
                (Evidence("relationship", known.relationship_id, known.source, hop.as_of),),
            )
    return _partners_former(case)


def _partners_former(case: Case) -> RuleResult:
    access = case.access
    path = strongest_path_of(
        case.facts.graph, staff_node(access.staff_id), client_node(access.client_id or ""),
        kinds=PARTNERS_FORMER, confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
    )  # fmt: skip
    if path is None:
        return no_match(_NONE)
    return Hit(
        "medium",
        f"{opened(access)}; the recorded relationships partner and then former partner "
        f"(confidence {path.confidence:.2f}) lead from the actor to this client.",
        tuple(
            Evidence("relationship", hop.relationship.relationship_id, hop.relationship.source, hop.as_of)
            for hop in path.hops
        ),
    )


RULE = Rule(
    id="acquaintance-record",
    title="Client record of an acquaintance",
    about="pair",
    clauses=("never.close",),
    limits=AcquaintanceRecordLimits,
    evaluate=evaluate,
    applies_when=Precondition.PATH,
)
