"""Work reasons: why an access is ordinary, as ``docs/policy.md`` "Work reasons (explanations)" has it.

Here too: ``Policy``, the top level of the limits file, which applies to all rules; and, as sentences, what was looked
at where no work reason was found, and why a claimed work item does not hold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from alerts.assessment import Explanation
from enrichment.facts import Facts, Known
from enrichment.nz_time import nz_text
from enrichment.schemas import Access, Id, Section, Staff, StaffKind, Work, WorkKind

#: Lengths of time that are kept made: one for each limits file in force.
LENGTHS_MAX = 16


class Policy(BaseModel):
    """What holds for all rules: how far work reaches, which roles fit which work, how sure a path is, and slips."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    #: Hours before a work item's opening and after its closing in which it still explains an access.
    work_grace_hours: Annotated[float, Field(ge=0, le=24 * 31)]
    #: Role -> the kinds of work that it does for its org_unit.
    role_kinds: dict[Id, list[WorkKind]]
    #: The least product of confidences at which a path of relationships counts.
    confidence_min: Annotated[float, Field(ge=0, le=1)]
    #: Seconds after a search in which the actor's next access must open a client, for the search to have led to it.
    led_seconds: Annotated[float, Field(ge=0, le=3600)]
    #: Seconds after a slip in which the actor must have gone on to work of theirs.
    slip_seconds: Annotated[float, Field(ge=0, le=3600)]
    #: What the first screen of a client record shows.
    first_screen: list[Section]
    #: Slips of an actor within 7 dates; the next is none.
    slips_max: Annotated[int, Field(ge=0, le=1000)]
    #: Working hours in which a staff member answers a notice.
    answer_hours: Annotated[float, Field(gt=0, le=240)]

    @property
    def work_grace(self) -> timedelta:
        """``work_grace_hours`` as a length of time."""
        return _hours(self.work_grace_hours)


@lru_cache(maxsize=LENGTHS_MAX)
def _hours(number: float) -> timedelta:
    """Make a length of time once: every work item of every access is held against it."""
    return timedelta(hours=number)


#: 1: the work names the actor; 2: it names their org_unit and a role of theirs fits; 3: the access carries its id.
Number = Literal[1, 2, 3]

#: The reasons that excuse every excusable rule; reason 3 alone is a claim, which some rules do not take.
NAMED: frozenset[Number] = frozenset({1, 2})

#: Explanations that are kept, about 0.5 KB each.
EXPLAINED_MAX = 32_768

#: Roles and owners that the alert store is told of; of more than that, those whose names mean something to us first.
ROLES_MAX = 100
#: The role whose alerts, and alerts about whose own client records, not every recipient may see.
INTEGRITY_ROLE = "internal_integrity"
KNOWN_ROLES = frozenset(
    {
        "case_manager", "contact_centre", "staff_assistance", "quality_assurance",
        "fraud_investigation", INTEGRITY_ROLE, "privacy", "media",
    }
)  # fmt: skip
OWNERS_MAX = 100

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
        if not isinstance(facts.actor, Known):
            return None
        staff = facts.actor.value
        return cls(staff.kind, staff.org_unit, few_roles(staff.roles))


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
    channel: str = "desktop"
    action: str = "view"
    #: Whether what the actor did next may show that it was a slip.
    may_be_slip: bool = False

    @classmethod
    def of(cls, access: Access, facts: Facts, *, may_be_slip: bool = False) -> "Circumstances":
        """Read them from an access and what is known of it."""
        some = facts.owners
        if len(some) > OWNERS_MAX:
            # Those of whom an alert must be kept first of all.
            some = tuple(sorted(some, key=lambda one: INTEGRITY_ROLE not in one.value.roles)[:OWNERS_MAX])
        owners = tuple(Owner(owner.value.staff_id, owner.value.org_unit) for owner in some)
        return cls(access.work_id, Actor.of(facts), owners, access.channel, access.action, may_be_slip)


def few_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return a staff member's roles, at most ``ROLES_MAX``, those that mean something to us first."""
    if len(roles) <= ROLES_MAX:
        return roles
    return tuple(sorted(roles, key=lambda role: role not in KNOWN_ROLES)[:ROLES_MAX])


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
    return strongest_first(found)


def strongest_first(found: list[WorkReason]) -> tuple[WorkReason, ...]:
    """Return work reasons, strongest first: lowest number, then latest opened."""
    if len(found) < 2:  # noqa: PLR2004 there is nothing to sort
        return tuple(found)
    # Two sorts, since "latest opened" runs against the other keys; the id settles what the rule leaves open.
    found.sort(key=lambda reason: (reason.work.value.opened_at, reason.work.value.work_id), reverse=True)
    found.sort(key=lambda reason: reason.number)
    return tuple(found)


def known_in_time(access: Opened, work: Known[Work], policy: Policy) -> bool:
    """Return whether work was published at most the grace after an access, or before it."""
    return work.as_of - access.occurred_at <= policy.work_grace


def work_reason(access: Opened, actor: Actor | Staff | None, work: Known[Work], policy: Policy) -> WorkReason | None:
    """Return how one work item explains an access of this actor, None where it does not."""
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
    """Return whether a work item is the access's client's and was open then, the grace on both sides included."""
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


#: Work items that are described one by one.
DESCRIBED_MAX = 10


def looked_at(access: Access, facts: Facts, policy: Policy, claimed_is_for: str | None) -> Iterator[str]:
    """Return what was looked at.

    Args:
        access: the access, to which these facts are no work reason.
        facts: what is known of it.
        policy: the grace and the roles.
        claimed_is_for: the client that the work item of the access's work_id is for; None where there is none.
    """
    if access.client_id is None:
        yield "No client record was opened, so no work item could be a reason."
        yield from unheld(access, facts, policy, claimed_is_for)
        return
    if not facts.work:
        yield "No work item for this client is known."
    for work in sorted(facts.work, key=lambda one: one.value.opened_at, reverse=True)[:DESCRIBED_MAX]:
        yield _described(access, facts, work.value, policy)
    if len(facts.work) > DESCRIBED_MAX:
        yield f"And {len(facts.work) - DESCRIBED_MAX} older work items for this client."
    yield from unheld(access, facts, policy, claimed_is_for)


def _described(access: Access, facts: Facts, work: Work, policy: Policy) -> str:
    what = f"{KIND_WORDS[work.kind]} {work.work_id} for this client"
    if not is_open(access, work, policy):
        return f"{what} was not open then: {_times(work, policy)}."
    names = []
    if work.staff_id is not None:
        names.append(f"staff member {work.staff_id}" if work.staff_id != access.staff_id else "this staff member")
    if work.org_unit is not None:
        names.append(f"unit {work.org_unit}{_unfit(facts, work)}")
    return f"{what} was open then and names {' and '.join(names)}."


def _unfit(facts: Facts, work: Work) -> str:
    actor: Staff | None = facts.actor.value if isinstance(facts.actor, Known) else None
    if actor is None or actor.org_unit != work.org_unit:
        return ""
    return f", the actor's own, but none of their roles ({', '.join(actor.roles) or 'none'}) does such work"


def _times(work: Work, policy: Policy) -> str:
    closed = f", closed {nz_text(work.closed_at)}" if work.closed_at is not None else ""
    return f"opened {nz_text(work.opened_at)}{closed}; {policy.work_grace_hours:g} hours before and after count too"


def unheld(access: Access, facts: Facts, policy: Policy, claimed_is_for: str | None) -> Iterator[str]:
    """Return why the work item that the access claims explains nothing, where it does not; as looked_at."""
    if access.work_id is None:
        return
    claim = f"The access carries work_id {access.work_id}, which does not hold"
    mine = next((one.value for one in facts.work if one.value.work_id == access.work_id), None)
    if mine is not None:
        if not is_open(access, mine, policy):
            yield f"{claim}: it was not open then ({_times(mine, policy)})."
    elif claimed_is_for is None:
        yield f"{claim}: no such work item is known."
    else:
        yield f"{claim}: it is for {'another' if access.client_id else 'a'} client ({claimed_is_for})."
