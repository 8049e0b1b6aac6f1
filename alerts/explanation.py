"""Work reasons: why an access is ordinary, as ``RULES.md`` "Work reasons (explanations)" has it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alerts.assessment import Explanation
from alerts.policy import Policy
from enrichment.facts import Facts, Known
from enrichment.newzealand import nz_text
from enrichment.wire import Access, Staff, Work

#: 1: the work names the actor; 2: it names their org_unit and a role of theirs fits; 3: the access carries its id.
Number = Literal[1, 2, 3]

#: The reasons that excuse every excusable rule; reason 3 alone is a claim, which some rules do not take.
NAMED: frozenset[Number] = frozenset({1, 2})

#: How a kind of work begins a sentence.
KIND_WORDS = {
    "case_management": "Case management",
    "application": "Application",
    "review": "Review",
    "appointment": "Appointment",
    "call": "Call",
    "quality_check": "Quality check",
    "investigation": "Investigation",
    "staff_assistance": "Staff assistance",
}


@dataclass(frozen=True, slots=True)
class WorkReason:
    """A work item that explains an access, and in which of the three ways."""

    number: Number
    work: Known[Work]


def work_reasons(access: Access, facts: Facts, policy: Policy) -> tuple[WorkReason, ...]:
    """Find all work reasons for an access, strongest first: lowest number, then latest opened."""
    actor = facts.actor.value if isinstance(facts.actor, Known) else None
    found = [
        WorkReason(number, work)
        for work in facts.work
        if is_open(access, work.value, policy)
        and (number := _number(access, actor, work.value, policy.role_kinds)) is not None
    ]
    # Two sorts, since "latest opened" runs against the other keys; the id settles what the rule leaves open.
    found.sort(key=lambda reason: (reason.work.value.opened_at, reason.work.value.work_id), reverse=True)
    found.sort(key=lambda reason: reason.number)
    return tuple(found)


def explain(reason: WorkReason) -> Explanation:
    """Put a work reason into one plain sentence."""
    work = reason.work.value
    words = KIND_WORDS[work.kind]
    opened = nz_text(work.opened_at)
    until = f"closed {nz_text(work.closed_at)}" if work.closed_at is not None else "still open"
    why = {
        1: "names this staff member",
        2: f"is the work of their unit {work.org_unit}, and their role does such work",
        3: "was the work item open in the system, and it is for this client",
    }[reason.number]
    return Explanation(work.kind, work.work_id, f"{words} {work.work_id} (opened {opened}, {until}) {why}.")


def is_open(access: Access, work: Work, policy: Policy) -> bool:
    """Say whether a work item is the access's client's and was open then, the grace on both sides included."""
    # Differences of instants, since an instant plus the grace may lie beyond the calendar's end.
    if work.client_id != access.client_id or access.occurred_at - work.opened_at < -policy.work_grace:
        return False
    return work.closed_at is None or access.occurred_at - work.closed_at <= policy.work_grace


def _number(access: Access, actor: Staff | None, work: Work, role_kinds: Mapping[str, Sequence[str]]) -> Number | None:
    if work.staff_id is not None and work.staff_id == access.staff_id:
        return 1
    if actor is not None and work.org_unit == actor.org_unit and _fits(actor.roles, work.kind, role_kinds):
        return 2
    return 3 if work.work_id == access.work_id else None


def _fits(roles: Iterable[str], kind: str, role_kinds: Mapping[str, Sequence[str]]) -> bool:
    return any(kind in role_kinds.get(role, ()) for role in roles)
