"""Work reasons: why an access is ordinary, as ``RULES.md`` "Work reasons (explanations)" has it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from pydantic import TypeAdapter

from alerts.assessment import Explanation
from alerts.policy import Policy
from enrichment.facts import Facts, Known
from enrichment.newzealand import nz_text
from enrichment.wire import Access, Staff, StaffKind, Work

#: 1: the work names the actor; 2: it names their org_unit and a role of theirs fits; 3: the access carries its id.
Number = Literal[1, 2, 3]

#: The reasons that excuse every excusable rule; reason 3 alone is a claim, which some rules do not take.
NAMED: frozenset[Number] = frozenset({1, 2})

#: Explanations that are kept, about 0.5 KB each.
EXPLAINED_MAX = 32_768

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


class Opened(Protocol):
    """What of an access decides whether work explains it."""

    @property
    def staff_id(self) -> str: ...  # noqa: D102 as in Access
    @property
    def client_id(self) -> str | None: ...  # noqa: D102
    @property
    def occurred_at(self) -> datetime: ...  # noqa: D102
    @property
    def work_id(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Actor:
    """What of the actor's staff record decides whether work explains an access."""

    kind: StaffKind
    org_unit: str
    roles: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts) -> "Actor | None":
        """Read it from what is known; None where the staff_id is in no staff record."""
        staff = facts.actor
        return cls(staff.value.kind, staff.value.org_unit, staff.value.roles) if isinstance(staff, Known) else None


@dataclass(frozen=True, slots=True)
class Owner:
    """A staff member whose own client record was opened."""

    staff_id: str
    org_unit: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What of an access, beside its assessment, the alert store needs; as known when it was judged.

    Whether later work explains it, and whom an alert about it must not be told to.
    """

    work_id: str | None = None
    #: None where the staff_id was in no staff record.
    actor: Actor | None = None
    owners: tuple[Owner, ...] = ()

    @classmethod
    def of(cls, access: Opened, facts: Facts) -> "Circumstances":
        """Read them from an access and what is known of it."""
        owners = tuple(Owner(owner.value.staff_id, owner.value.org_unit) for owner in facts.owners)
        return cls(access.work_id, Actor.of(facts), owners)


CIRCUMSTANCES: TypeAdapter[Circumstances] = TypeAdapter(Circumstances)


class WorkReason(NamedTuple):
    """A work item that explains an access, and in which of the three ways."""

    number: Number
    work: Known[Work]


def work_reasons(access: Access, facts: Facts, policy: Policy) -> tuple[WorkReason, ...]:
    """Find all work reasons for an access, strongest first: lowest number, then latest opened."""
    if not facts.work:
        return ()
    actor = facts.actor.value if isinstance(facts.actor, Known) else None
    found = [reason for work in facts.work if (reason := work_reason(access, actor, work, policy)) is not None]
    if len(found) < 2:  # noqa: PLR2004 there is nothing to sort
        return tuple(found)
    # Two sorts, since "latest opened" runs against the other keys; the id settles what the rule leaves open.
    found.sort(key=lambda reason: (reason.work.value.opened_at, reason.work.value.work_id), reverse=True)
    found.sort(key=lambda reason: reason.number)
    return tuple(found)


def work_reason(access: Opened, actor: Actor | Staff | None, work: Known[Work], policy: Policy) -> WorkReason | None:
    """Say in which way one work item explains an access of this actor, if it does."""
    if not is_open(access, work.value, policy):
        return None
    number = _number(access, actor, work.value, policy.role_kinds)
    return None if number is None else WorkReason(number, work)


def explain(reason: WorkReason) -> Explanation:
    """Put a work reason into one plain sentence."""
    work = reason.work.value
    return _explained(reason.number, work.kind, work.work_id, work.opened_at, work.closed_at, work.org_unit)


@lru_cache(maxsize=EXPLAINED_MAX)
def _explained(  # noqa: PLR0917 what the sentence is made of, and nothing else
    number: Number, kind: str, work_id: str, opened_at: datetime, closed_at: datetime | None, org_unit: str | None
) -> Explanation:
    """Write the sentence once for each work item: most accesses to a client have the same reason."""
    until = f"closed {nz_text(closed_at)}" if closed_at is not None else "still open"
    why = {
        1: "names this staff member",
        2: f"is the work of their unit {org_unit}, and their role does such work",
        3: "was the work item open in the system, and it is for this client",
    }[number]
    return Explanation(kind, work_id, f"{KIND_WORDS[kind]} {work_id} (opened {nz_text(opened_at)}, {until}) {why}.")


def is_open(access: Opened, work: Work, policy: Policy) -> bool:
    """Say whether a work item is the access's client's and was open then, the grace on both sides included."""
    # Differences of instants, since an instant plus the grace may lie beyond the calendar's end.
    grace = policy.work_grace
    if work.client_id != access.client_id or work.opened_at - access.occurred_at > grace:
        return False
    return work.closed_at is None or access.occurred_at - work.closed_at <= grace


def _number(
    access: Opened, actor: Actor | Staff | None, work: Work, role_kinds: Mapping[str, Sequence[str]]
) -> Number | None:
    if work.staff_id is not None and work.staff_id == access.staff_id:
        return 1
    if actor is not None and work.org_unit == actor.org_unit and _fits(actor.roles, work.kind, role_kinds):
        return 2
    return 3 if work.work_id == access.work_id else None


def _fits(roles: Iterable[str], kind: str, role_kinds: Mapping[str, Sequence[str]]) -> bool:
    return any(kind in role_kinds.get(role, ()) for role in roles)
