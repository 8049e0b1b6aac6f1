"""A staff member opened the client record of a friend, an acquaintance or a former partner.

Looks for     one relationship friend, acquaintance, former_partner or club between the actor and the client.
Cannot see    people who know each other where nobody declared it and no register holds it.
Innocent when the relationship is recorded wrongly or has ended, or the two share a club and have never met.
Then          check the relationship with its source before anything else, then ask who handed the work to the actor.
"""

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import opened
from enrichment.kinship import client_node, staff_node, strongest_paths
from enrichment.newzealand import nz_date

CLOSE = frozenset({"friend", "former_partner"})
DISTANT = frozenset({"acquaintance", "club"})

_NONE = "no friendship, acquaintance, former partnership or club joins the actor and the client"


class AcquaintanceRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: AcquaintanceRecordLimits) -> Answered:
    """Say whether the actor and the client know each other. Nothing excuses it."""
    access = case.access
    if access.client_id is None:
        return quiet("no client record was opened")
    if case.facts.apart:
        return quiet(_NONE)
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
    return quiet(_NONE)


RULE = Rule(
    id="acquaintance-record",
    title="Client record of an acquaintance",
    about="pair",
    clauses=("never.close",),
    limits=AcquaintanceRecordLimits,
    evaluate=evaluate,
    asked_where=Sign.PATH,
)
