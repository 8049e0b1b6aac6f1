"""What a rule is, what it is given, and what rules share.

A rule gives one of three answers, has typed limits, is one pure function and fills one page. It sees a ``Case`` and
nothing else: one access with everything that judging it needs.

``Precondition`` is what of a case makes a rule worth asking, found once for all rules. A rule names the signs of
which it needs one (``Rule.applies_when``); without any of them it is quiet, whatever else is known. An ordinary
access shows hardly a sign, so of the 22 rules two or three are asked. That leaving out and asking give the same
answers is held by ``tests/rules/test_properties.py``.

Shared by several rules: what kind of access one is, read from the access alone (the windows must agree on it); the
words of their sentences, without an adjective or a name; and a colleague's circle, the clients who are one
relationship away from another member of the actor's unit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from alerts.assessment import Audience, Evidence, Severity, Stage
from alerts.detection.counting import Count, steps
from alerts.detection.precondition import Precondition
from alerts.detection.work_reasons import NAMED, Actor, Policy, WorkReason
from enrichment.facts import Facts, Known, Unknown
from enrichment.nz_time import nz_date, nz_text
from enrichment.relationship_graph import PEOPLE_MAX, Edge, Graph, client_node, cut_short, staff_node, walkable
from enrichment.schemas import Access, RelationshipKind, Staff
from enrichment.windows.spec import NO_ANSWERS, OPENED, OTHERWISE, SEARCHED, Earlier, Windows

A = TypeVar("A")


class Case(NamedTuple):
    """An access, the facts about the people in it, and the work reasons found for it, strongest first."""

    access: Access
    facts: Facts
    work_reasons: tuple[WorkReason, ...]
    policy: Policy
    #: What the windows answered, by the keys of the rules' counts.
    windows: Windows = NO_ANSWERS
    #: Whether a media watchlist entry with enough weight covers the client.
    watchlisted: bool = False
    #: What can be seen without asking any rule, as the number of a ``Precondition``.
    shown: int = 0

    def with_windows(self, windows: Windows) -> "Case":
        """Return this case with what the windows answered."""
        shown = self.shown | _COUNTED if windows else self.shown
        return Case(self.access, self.facts, self.work_reasons, self.policy, windows, self.watchlisted, shown)

    def found(self, count: Count[A]) -> A:
        """Return what the windows answered to one of a rule's counts."""
        answer: A = self.windows.get(count.key, count.nothing)
        return answer

    @property
    def unexplained(self) -> bool:
        """There is a client, and no work reason was found."""
        return self.access.client_id is not None and not self.work_reasons


# As plain numbers, which are looked at for every access: Python takes a microsecond for each | of two Flags.
_UNKNOWN, _OWN, _OWNED, _PATH, _SHARED = (
    one.value
    for one in (Precondition.UNKNOWN, Precondition.OWN, Precondition.OWNED, Precondition.PATH, Precondition.SHARED)
)
_WATCHLIST, _RESTRICTED, _UNEXPLAINED = (
    one.value for one in (Precondition.WATCHLIST, Precondition.RESTRICTED, Precondition.UNEXPLAINED)
)
_EXPLAINED, _COUNTED, _ACCESS, _LEAVE = (
    one.value for one in (Precondition.EXPLAINED, Precondition.COUNTED, Precondition.ACCESS, Precondition.LEAVE)
)
_OF_ACTION = {
    "search": Precondition.SEARCH.value,
    "print": Precondition.EXTRACT.value,
    "export": Precondition.EXTRACT.value,
}
_OF_KIND = {
    "contractor": Precondition.CONTRACTED.value,
    "third_party": Precondition.CONTRACTED.value,
    "service": Precondition.SERVICE.value,
}


def preconditions(case: Case) -> int:
    """Return the signs of a case, as the number of a ``Precondition``."""
    access, facts, client_id = case.access, case.facts, case.access.client_id
    found = _ACCESS | _OF_ACTION.get(access.action, 0)
    if isinstance(facts.actor, Known):
        staff = facts.actor.value
        found |= _OF_KIND.get(staff.kind, 0)
        if staff.leave:
            found |= _LEAVE
        if client_id in staff.client_ids:
            found |= _OWN
    else:
        found |= _UNKNOWN
    return found if client_id is None else found | _of_client(case)


def _of_client(case: Case) -> int:
    facts = case.facts
    found = 0 if facts.apart else _PATH
    if not isinstance(facts.client, Known):
        found |= _UNKNOWN
    elif facts.client.value.restricted:
        found |= _RESTRICTED
    if facts.owners:
        found |= _OWNED
    if facts.shared:
        found |= _SHARED
    if facts.watchlist:
        found |= _WATCHLIST
    return found | (_EXPLAINED if case.work_reasons else _UNEXPLAINED)


#: The search fields that find a person one knows something about; a client number comes with the work.
BY_FIELD = frozenset({"name", "date_of_birth", "tax_number", "address"})


def is_search_by_field(access: Access) -> bool:
    """Return whether this is a search by name, date of birth, tax number or address that opened no client record."""
    return (
        access.action == "search"
        and access.client_id is None
        and access.search is not None
        and not BY_FIELD.isdisjoint(access.search.fields)
    )


def step_of(access: Access) -> str:
    """Return what an access is on the way to a client record, as the windows keep it."""
    if access.client_id is not None:
        return OPENED
    return SEARCHED if is_search_by_field(access) else OTHERWISE


#: The steps of all accesses, in their order of time; what is asked of them is declared by the rules.
STEPS = steps(stands_when=Precondition.ACCESS)


def records_taken(access: Access) -> int:
    """Return the number of client records that a print or an export covers; 0 for any other access."""
    return access.record_count if access.action in {"print", "export"} else 0


#: The source of what windows hold.
ACCESSES = "cms.access.v1"

_DONE = {
    "search": "was found by a search",
    "view": "was viewed",
    "create": "was created",
    "update": "was updated",
    "print": "was printed",
    "export": "was exported",
}
_TAKEN = {"print": "A print", "export": "An export"}
_SECTIONS = {"tax_number": "tax number", "whole_file": "whole file"}


def opened(access: Access) -> str:
    """Return what was done to the client record, what was shown of it, and when (New Zealand time)."""
    shown = ", ".join(_SECTIONS.get(section, section) for section in access.sections)
    what = f"Client record {access.client_id} {_DONE[access.action]}"
    return f"{what}{f' ({shown})' if shown else ''} on {nz_text(access.occurred_at)}"


def happened(access: Access) -> str:
    """Return what was done and when (New Zealand time), for an access with or without a client record."""
    if access.client_id is not None:
        return opened(access)
    if access.search is not None:
        fields = " and ".join(field.replace("_", " ") for field in access.search.fields) or "nothing"
        what = f"A search by {fields}"
    elif access.action in _TAKEN:
        what = f"{_TAKEN[access.action]} of {counted(access.record_count, 'client record')}"
    else:
        what = f"An access ({access.action})"
    return f"{what} was made on {nz_text(access.occurred_at)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: ``1 hop``, ``2 hops``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def accesses_as_evidence(fact: str, earlier: Iterable[Earlier]) -> tuple[Evidence, ...]:
    """Return what a window holds as evidence: whom each access was to or by, and when it happened."""
    return tuple(Evidence(fact, one.value, ACCESSES, one.at) for one in earlier)


#: Ways of being quiet that are kept; the rules have fewer.
NO_MATCH_MAX = 256


@dataclass(frozen=True, slots=True)
class Hit:
    """The access raises this question."""

    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Looked, found nothing to ask; ``because`` says what made it so."""

    because: str


@lru_cache(maxsize=NO_MATCH_MAX)
def no_match(because: str) -> NoMatch:
    """Return this answer, which nearly every question has: each is made once."""
    return NoMatch(because)


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """Could not look: ``missing`` names the fact that was unknown."""

    missing: str


RuleResult = Hit | NoMatch | Indeterminate
About = Literal["pair", "actor"]
#: The longest that a question may settle: a day.
SETTLE_MINUTES_MAX = 24 * 60


class Limits(BaseModel):
    """What people tune of a rule in the limits file; refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    stage: Stage
    #: Minutes from the record of the first access that hits until its alert is asked about.
    settle_minutes: Annotated[float, Field(ge=0, le=SETTLE_MINUTES_MAX)]
    #: Who is asked: Internal Integrity, or the staff member.
    audience: Audience

    def audience_of(self, severity: Severity, *, only_slips: bool) -> Audience:  # noqa: ARG002 some rules ask it
        """Return who is asked about a hit.

        Args:
            severity: the hit's.
            only_slips: of the alert's accesses outside a scope none is known to be no slip.
        """
        return self.audience


class Occasion(NamedTuple):
    """What of a hit, beside the work, decides whether the work excuses it."""

    #: None where the staff_id was in no staff record.
    actor: Actor | None
    severity: Severity
    channel: str = "desktop"
    action: str = "view"


#: Whether a work reason silences a hit of this rule on this occasion.
Excuse = Callable[[WorkReason, Occasion], bool]


def never(_reason: WorkReason, _occasion: Occasion) -> bool:
    """No work excuses it."""
    return False


def no_work(_reason: WorkReason, _occasion: Occasion) -> bool:
    """It is not about a client, so there is no work that could excuse it."""
    return False


def any_work(_reason: WorkReason, _occasion: Occasion) -> bool:
    """Each of the three work reasons excuses it."""
    return True


def named_work(reason: WorkReason, _occasion: Occasion) -> bool:
    """Work that names the actor or their unit excuses it; a claimed work item alone does not."""
    return reason.number in NAMED


L = TypeVar("L", bound=Limits)


@dataclass(frozen=True, slots=True)
class Rule(Generic[L]):
    """One rule: its id, what its alert is about, the policy clauses behind it, its limits, its question."""

    id: str
    title: str
    about: About
    clauses: tuple[str, ...]
    limits: type[L]
    evaluate: Callable[[Case, L], RuleResult]
    #: The signs of which a case must show one; without any of them ``evaluate`` is quiet.
    applies_when: Precondition = Precondition.ACCESS
    #: What is counted for it.
    counts: tuple[Count[Any], ...] = ()
    #: What ``evaluate`` asks of the work known when an access is judged, asked of work that becomes known later.
    excused_by: Excuse = never
    #: Rules that come before this one in the catalogue: where one of them hits, live, this one is quiet.
    gives_way_to: tuple[str, ...] = ()


AnyRule = Rule[Any]


#: Colleagues know each other, and a business is a rule of its own: neither makes somebody's circle.
KINDS = frozenset(get_args(RelationshipKind)) - {"colleague", "business"}


@dataclass(frozen=True, slots=True)
class Colleague:
    """A staff member of the actor's unit, and the relationship that leads from them to the client."""

    staff: Known[Staff]
    edge: Edge


def colleague_contacts(case: Case) -> tuple[Colleague, ...] | NoMatch | Indeterminate:
    """Return the colleagues whose circle the client is in, or why there is nothing to ask."""
    access, actor = case.access, case.facts.actor
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    if isinstance(actor, Unknown):
        return Indeterminate(actor.missing)
    if access.client_id in actor.value.client_ids:
        return no_match("the client record is the actor's own")
    found = colleagues(access, case.facts, case.policy)
    return found or unseen(case) or no_match("the client is in no circle of a colleague")


def unseen(case: Case) -> Indeterminate | None:
    """Abstain where more people are around the client than are looked at: a colleague may be one of the others."""
    client = client_node(case.access.client_id or "")
    if cut_short(case.facts.graph, client, client, KINDS):
        return Indeterminate(f"the relationships around the client (more than {PEOPLE_MAX})")
    return None


def evidence(colleague: Colleague) -> tuple[Evidence, ...]:
    """Return the relationship and the colleague's staff record as evidence."""
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
    """Return the strongest relationship between the client and a staff member that counts on the access's day."""
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
