"""A colleague's circle: clients who are one relationship away from another member of the actor's unit."""

from dataclasses import dataclass
from typing import get_args

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.policy import Policy
from alerts.rules.form import Abstain, Quiet, quiet
from enrichment.facts import Facts, Known, Unknown
from enrichment.kinship import PEOPLE_MAX, Edge, Graph, client_node, cut_short, staff_node, walkable
from enrichment.newzealand import nz_date
from enrichment.wire import Access, RelationshipKind, Staff

#: Colleagues know each other, and a business is a rule of its own: neither makes somebody's circle.
KINDS = frozenset(get_args(RelationshipKind)) - {"colleague", "business"}


@dataclass(frozen=True, slots=True)
class Colleague:
    """A staff member of the actor's unit, and the relationship that leads from them to the client."""

    staff: Known[Staff]
    edge: Edge


def circle(case: Case) -> tuple[Colleague, ...] | Quiet | Abstain:
    """Give the colleagues whose circle the client is in, or why there is nothing to ask."""
    access, actor = case.access, case.facts.actor
    if access.client_id is None:
        return quiet("no client record was opened")
    if case.work_reasons:
        return quiet("a work reason explains it")
    if isinstance(actor, Unknown):
        return Abstain(actor.missing)
    if access.client_id in actor.value.client_ids:
        return quiet("the client record is the actor's own")
    found = colleagues(access, case.facts, case.policy)
    return found or unseen(case) or quiet("the client is in no circle of a colleague")


def unseen(case: Case) -> Abstain | None:
    """Abstain where more people are around the client than are looked at: a colleague may be one of the others."""
    client = client_node(case.access.client_id or "")
    if cut_short(case.facts.graph, client, client, KINDS):
        return Abstain(f"the relationships around the client (more than {PEOPLE_MAX})")
    return None


def evidence(colleague: Colleague) -> tuple[Evidence, ...]:
    """Give the relationship and the colleague's staff record as evidence."""
    known, staff = colleague.edge.relationship, colleague.staff
    return (
        Evidence("relationship", known.relationship_id, known.source, colleague.edge.as_of),
        Evidence("staff record", staff.value.staff_id, "ref.staff.v1", staff.as_of),
    )


def colleagues(access: Access, facts: Facts, policy: Policy) -> tuple[Colleague, ...]:
    """Find the actor's colleagues, not ended, whose circle the client is in, by staff id.

    None where the staff record of the actor is unknown: whoever asks must have looked at that before.
    """
    actor = facts.actor
    if access.client_id is None or not facts.neighbours or not isinstance(actor, Known):
        return ()
    return tuple(
        Colleague(staff, edge)
        for staff_id, staff in sorted(facts.neighbours.items())
        if staff_id != access.staff_id
        and staff.value.status != "ended"
        and staff.value.org_unit == actor.value.org_unit
        and (edge := _between(facts.graph, access, staff_id, policy)) is not None
    )


def _between(graph: Graph, access: Access, staff_id: str, policy: Policy) -> Edge | None:
    """Give the strongest relationship between the client and a staff member that counts on the access's day."""
    client, colleague = graph.who(client_node(access.client_id or "")), graph.who(staff_node(staff_id))
    on = nz_date(access.occurred_at)
    counting = [
        edge
        for edge in graph.edges.get(client, {}).values()
        if colleague != client
        and graph.other_end(edge, client) == colleague
        and edge.relationship.confidence >= policy.confidence_min
        and walkable(edge.relationship, KINDS, on)
    ]
    return max(
        counting, key=lambda edge: (edge.relationship.confidence, edge.relationship.relationship_id), default=None
    )
