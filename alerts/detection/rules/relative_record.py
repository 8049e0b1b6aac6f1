"""A staff member opened the client record of a relative.

Looks for     a path of few hops over family and household relationships from the actor to the client.
Cannot see    family that nobody declared and no register holds.
Innocent when the relationship is recorded wrongly, has ended, or links two people who only share an address.
Then          check the relationship with its source before anything else, then ask who handed the work to the actor.
"""

from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Indeterminate,
    Limits,
    Rule,
    RuleResult,
    counted,
    no_match,
    opened,
)
from enrichment.nz_time import nz_date
from enrichment.relationship_graph import (
    HOPS_MAX,
    PEOPLE_MAX,
    Path,
    client_node,
    cut_short,
    staff_node,
    strongest_paths,
)

KIN = frozenset({"partner", "parent", "child", "sibling", "grandparent", "whanau", "household"})

#: How a relationship is written for people: whānau with its macron.
_WORDS = {"whanau": "whānau"}

_NONE = "no family path leads from the actor to the client"


class RelativeRecordLimits(Limits):
    """How far family reaches."""

    #: The longest path that still counts, in hops.
    hops_max: Annotated[int, Field(ge=1, le=HOPS_MAX)]


def evaluate(case: Case, limits: RelativeRecordLimits) -> RuleResult:
    """Return whether family leads from the actor to the client. Nothing excuses it."""
    access, graph = case.access, case.facts.graph
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.facts.apart:
        return no_match(_NONE)
    actor, client = staff_node(access.staff_id), client_node(access.client_id)
    paths = strongest_paths(
        graph, actor, client,
        kinds=KIN, hops_max=limits.hops_max, confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
    )  # fmt: skip
    if not paths:
        if cut_short(graph, actor, client, KIN):
            return Indeterminate(f"the relationships around the actor or the client (more than {PEOPLE_MAX})")
        return no_match(_NONE)
    hops = min(paths)
    return Hit(
        "high" if hops == 1 else "medium",
        f"{opened(access)}; {_path_text(paths[hops])} "
        f"({counted(hops, 'hop')}, confidence {paths[hops].confidence:.2f}) leads from the actor to this client.",
        tuple(
            Evidence("relationship", hop.relationship.relationship_id, hop.relationship.source, hop.as_of)
            for hop in paths[hops].hops
        ),
    )


def _path_text(path: Path) -> str:
    kinds = [_WORDS.get(hop.relationship.kind, hop.relationship.kind) for hop in path.hops]
    return f"the recorded relationship {kinds[0]}" if len(kinds) == 1 else f"the recorded path {' > '.join(kinds)}"


RULE = Rule(
    id="relative-record",
    title="Client record of a relative",
    about="pair",
    clauses=("never.close", "like.whanau"),
    limits=RelativeRecordLimits,
    evaluate=evaluate,
    applies_when=Precondition.PATH,
)
