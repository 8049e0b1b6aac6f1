"""Who of the staff is close to whom of the clients, in truth; and what of it the reference data know."""

from collections import defaultdict
from random import Random
from typing import Literal, NamedTuple

from simulator import rates
from simulator.population import Population, client_id
from simulator.records import Document
from simulator.staffing import Member

#: ``known``: the reference data say so. ``undeclared``: they do not. The others are innocent: it ended yesterday,
#: a rumour of confidence 0.3, or a cousin three steps away.
TieState = Literal["known", "undeclared", "ended", "unsure", "distant"]

#: Ties of this sort for each staff member, of each innocent standing.
_INNOCENT = 0.02
_NEARBY = 0.4
_LIVES_HERE = {"self": 1.0, "partner": 0.8, "child": 0.5}
#: How often another contact detail is shared as well, where somebody lives with the staff member.
_SHARED_TOO = {"phone": 0.5, "email": 0.2, "bank_account": 0.3}
_SOURCES = (("declared", 1.0), ("declared", 1.0), ("coi_register", 1.0), ("cms", 0.9), ("reported", 0.7))
#: The kind on the wire of a tie that is one step; those of two steps stand in ``_steps``.
_WIRE = {
    "partner": "partner", "parent": "parent", "child": "child", "sibling": "sibling", "grandparent": "grandparent",
    "whanau": "whanau", "former partner": "former_partner", "friend": "friend", "club": "club",
    "business": "business", "neighbour": "acquaintance",
}  # fmt: skip
#: Kinds of ties that are kin.
_KIN = frozenset({"partner", "parent", "child", "sibling", "grandparent", "whanau"})
#: How often a partner's ex stands in the register of interests as an acquaintance.
_DECLARED_AT_ONCE = 0.5
_TWO_STEPS = {"partner's ex": ("partner", "former_partner"), "friend's friend": ("friend", "friend")}


class Tie(NamedTuple):
    """One staff member and one client who know each other in truth."""

    staff: int
    kind: str
    client: int
    state: TieState
    #: Whether the reference data, where they know it, are sure enough of it.
    sure: bool = True


class Ties:
    """Every tie, and the relationship records that come of them."""

    def __init__(self, seed: int, staff: list[Member], population: Population, ended_on: str) -> None:
        self._ended_on = ended_on
        self._rng = Random(f"ties {seed}")
        self._population = population
        self.of_kind: dict[tuple[str, TieState], list[Tie]] = defaultdict(list)
        self.of_staff: dict[int, list[Tie]] = defaultdict(list)
        #: Whom each staff member hands over to somebody else when they come up.
        self.avoided: dict[int, set[int]] = defaultdict(set)
        #: Staff members' own records: only the Staff Assistance Unit works with them.
        self.own_records: set[int] = set()
        self.relationships: list[Document] = []
        self.owned: dict[int, list[int]] = defaultdict(list)
        #: Contact details of staff that are not theirs alone.
        self._home: dict[int, Document] = {}
        self._taken: set[int] = set()
        for member in staff:
            if member.kind != "service" and member.unit.kind != "assist":
                self._around(member)
        self._leave_traces()
        for staff_index, ties in self.of_staff.items():
            for tie in ties:
                self.avoided[staff_index].update(population.of_household(tie.client))

    def _leave_traces(self) -> None:
        """Let undeclared ties show in what others have recorded, or in a phone number, as they do in life."""
        rng = self._rng
        for index, found in self.of_staff.items():
            declared = [tie for tie in found if tie.state == "known" and tie.kind in _KIN and tie.sure]
            for tie in found:
                if tie.state != "undeclared":
                    continue
                if tie.kind in _KIN and declared and rng.random() < rates.KIN_TRACE:
                    a, b = (f"client:{client_id(one.client)}" for one in (rng.choice(declared), tie))
                    self._relate(a, b, "whanau", "cms", confidence=0.9)
                elif rng.random() < rates.PHONE_TRACE:
                    links = self._population.links(tie.client, -1)
                    self._home[index] = {"phone": links["phone"]} | self._home.get(index, {})

    def links(self, member: Member) -> Document:
        """Return a staff member's contact details as tokens."""
        own = {kind: f"{kind[0]}s-{member.staff_id}" for kind in ("address", "phone", "email", "bank_account")}
        return own | self._home.get(member.index, {})

    def _around(self, member: Member) -> None:
        rng = self._rng
        for kind, (share, known) in rates.TIES.items():
            if rng.random() < share:
                self._tie(member, kind, "known" if rng.random() < known else "undeclared")
        for state in ("ended", "unsure", "distant"):
            if rng.random() < _INNOCENT:
                self._tie(member, rng.choice(("partner", "sibling", "friend", "club", "business")), state)

    def _tie(self, member: Member, kind: str, state: TieState) -> None:
        client = self._somebody(member)
        if client is None:
            return
        tie = Tie(member.index, kind, client, state)
        if kind == "self":
            self.own_records.add(client)
        if state in {"known", "undeclared"} and self._rng.random() < _LIVES_HERE.get(kind, 0):
            links = self._population.links(client, -1)
            shared = {"address": links["address"]}
            shared |= {
                one: links[one] for one, share in _SHARED_TOO.items() if self._rng.random() < share or kind == "self"
            }
            self._home[member.index] = shared | self._home.get(member.index, {})
        tie = tie._replace(sure=self._record(member, tie))
        self.of_kind[kind, state].append(tie)
        self.of_staff[member.index].append(tie)

    def _somebody(self, member: Member) -> int | None:
        """Return a client who is near no other staff member, often one of the own site."""
        for _ in range(20):
            client = self._rng.randrange(self._population.count)
            near = self._rng.random() >= _NEARBY or self._population.site(client) == member.unit.site
            if near and client not in self._taken and self._population.status(client) == "active":
                self._taken.update(self._population.of_household(client))
                self._population.restricted.discard(client)
                return client
        return None

    def _record(self, member: Member, tie: Tie) -> bool:
        """Write down what is known of a tie; say whether its confidence is high enough to count."""
        actor, client = f"staff:{member.staff_id}", f"client:{client_id(tie.client)}"
        if tie.state == "undeclared":
            return True
        if tie.state == "known" and tie.kind == "self":
            self.owned[member.index].append(tie.client)
        elif tie.state == "ended":
            self._relate(actor, client, tie.kind, valid_to=self._ended_on)
        elif tie.state == "unsure":
            self._relate(actor, client, tie.kind, "social_media", confidence=0.3)
        elif tie.state == "distant":
            first, second = self._somebody(member), self._somebody(member)
            if first is not None and second is not None:
                between, further = f"client:{client_id(first)}", f"client:{client_id(second)}"
                self._relate(actor, between, "parent")
                self._relate(between, further, "sibling", "cms")
                self._relate(further, client, "child", "cms")
        elif tie.kind == "partner's ex" and self._rng.random() < _DECLARED_AT_ONCE:
            self._relate(actor, client, "acquaintance", "coi_register")
        elif tie.kind in _TWO_STEPS:
            self._two_steps(member, actor, client, *_TWO_STEPS[tie.kind])
        else:
            source, confidence = self._rng.choice(_SOURCES)
            wrong = self._wrong()
            self._relate(actor, client, tie.kind, source, confidence=0.3 if wrong else confidence)
            return not wrong
        return True

    def _two_steps(self, member: Member, actor: str, client: str, first: str, second: str) -> None:
        middle = self._somebody(member)
        if middle is not None:
            between = f"client:{client_id(middle)}"
            self.avoided[member.index].add(middle)
            self._relate(actor, between, first)
            self._relate(between, client, second, "cms", confidence=0.9)

    def _wrong(self) -> bool:
        return self._rng.random() < rates.WRONG_CONFIDENCE

    def _relate(self, a: str, b: str, kind: str, source: str = "declared", **known: object) -> None:
        number = len(self.relationships) + 1
        kind = _WIRE.get(kind, kind)
        self.relationships.append(
            {"relationship_id": f"RS{number:06d}", "a": a, "b": b, "kind": kind, "source": source, **known}
        )
