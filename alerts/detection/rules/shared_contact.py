"""A staff member opened a client record that holds a contact detail or bank account of their own.

Looks for     an address, phone, email or bank account that actor and client share, and no recorded path between them.
Cannot see    people who live together and share nothing that is recorded; details that were changed since.
Innocent when the detail is shared by chance: a former tenant's address, a phone number given out anew.
Then          ask the actor whether they know the client, and have the detail checked on both records.
"""

from collections.abc import Sequence
from typing import Annotated, get_args

from pydantic import Field

from alerts.assessment import Evidence, Severity
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Indeterminate,
    Limits,
    Occasion,
    Rule,
    RuleResult,
    counted,
    no_match,
    opened,
)
from alerts.detection.work_reasons import NAMED, WorkReason
from enrichment.facts import SharedLink, Unknown
from enrichment.nz_time import nz_date
from enrichment.relationship_graph import HOPS_MAX, PEOPLE_MAX, client_node, cut_short, staff_node, strongest_paths
from enrichment.schemas import RelationshipKind

_ANY_KIND = frozenset(get_args(RelationshipKind))
_BANK_ACCOUNT_SEVERITY: Severity = "high"
_SOURCES = {"staff": "ref.staff.v1", "client": "ref.client.v1"}


class SharedContactLimits(Limits):
    """How few must hold a detail for it to say something, and how far a path may reach that explains it."""

    #: The longest recorded path that answers the question already, in hops.
    hops_max: Annotated[int, Field(ge=1, le=HOPS_MAX)]
    #: The most client records that may hold the detail, the actor's own and this one included.
    holders_max: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: SharedContactLimits) -> RuleResult:
    """Return whether actor and client share a detail that few hold. Work excuses it, except for a bank account."""
    access, facts = case.access, case.facts
    excused = any(reason.number in NAMED for reason in case.work_reasons)
    if access.client_id is None:
        return no_match("no client record was opened")
    for end in (facts.actor, facts.client):
        if isinstance(end, Unknown):
            return no_match("a work reason explains it") if excused else Indeterminate(end.missing)
    decision = [link for link in facts.shared if link.holders <= limits.holders_max] if facts.shared else ()
    shared = [link for link in decision if link.kind == "bank_account" or not excused] if decision else ()
    if not shared:
        return no_match("a work reason explains it" if decision else "the actor and the client share no such detail")
    actor, client = staff_node(access.staff_id), client_node(access.client_id)
    if strongest_paths(
        facts.graph, actor, client, kinds=_ANY_KIND, hops_max=limits.hops_max,
        confidence_min=case.policy.confidence_min, on=nz_date(access.occurred_at),
    ):  # fmt: skip
        return no_match("a recorded path between the actor and the client is there for other rules to ask about")
    if cut_short(facts.graph, actor, client, _ANY_KIND):
        return Indeterminate(f"the relationships around the actor or the client (more than {PEOPLE_MAX})")
    return _hit(case, shared)


def _hit(case: Case, shared: Sequence[SharedLink]) -> Hit:
    kinds = list(dict.fromkeys(link.kind for link in shared))
    said = " and ".join(kind.replace("_", " ") for kind in kinds)
    fewest = min(link.holders for link in shared)
    return Hit(
        _BANK_ACCOUNT_SEVERITY if "bank_account" in kinds else "medium",
        f"{opened(case.access)}; the actor and this client have the same {said} on record "
        f"(held by {counted(fewest, 'client record')}), and no recorded relationship says why.",
        tuple(_evidence(link) for link in shared),
    )


def _excuses(reason: WorkReason, occasion: Occasion) -> bool:
    # A shared bank account, which nothing excuses, is what makes the severity high.
    return reason.number in NAMED and occasion.severity != _BANK_ACCOUNT_SEVERITY


def _evidence(link: SharedLink) -> Evidence:
    record, _, identity = link.held_by.partition(":")
    return Evidence(f"same {link.kind.replace('_', ' ')} on {record} record", identity, _SOURCES[record], link.as_of)


RULE = Rule(
    id="shared-contact",
    title="Client with the actor's contact details",
    about="pair",
    clauses=("never.close",),
    limits=SharedContactLimits,
    evaluate=evaluate,
    applies_when=Precondition.SHARED | Precondition.UNKNOWN,
    excused_by=_excuses,
)
