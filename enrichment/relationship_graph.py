"""Paths between people: a bounded search over relationships, as ``docs/policy.md`` "People and paths" has it.

Client records of one staff member and the staff member are one person. A path walks relationships
either way; its confidence is the product of theirs; a relationship counts only while valid on the day.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from enrichment.schemas import Relationship, RelationshipKind

#: The most people that a search looks at around one end, in one step. Kinds of relationship that lead to more are not
#: followed, the largest first; whoever asks for one of them is told "too many to say", not "none".
PEOPLE_MAX = 2_000
#: The longest path that any limit may ask for, in hops.
HOPS_MAX = 4
#: The longest path whose two ends share somebody that both know; of longer ones only a search can tell.
_HOPS_MET = 2


def staff_node(staff_id: str) -> str:
    """Name a staff member as relationships do."""
    return f"staff:{staff_id}"


def client_node(client_id: str) -> str:
    """Name a client as relationships do."""
    return f"client:{client_id}"


@dataclass(frozen=True, slots=True)
class Edge:
    """One relationship, when its source published it."""

    relationship: Relationship
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one person to another; ``confidence`` is the product of its hops'."""

    hops: tuple[Edge, ...]
    confidence: float


@dataclass(slots=True)
class Graph:
    """The people and relationships around one batch of accesses."""

    #: A node -> the one name of the person it belongs to; nodes not in here are their own.
    person: dict[str, str] = field(default_factory=dict)
    #: A person's name -> all nodes that are them, where these are several.
    members: dict[str, set[str]] = field(default_factory=dict)
    #: A person -> the relationships that touch them.
    edges: dict[str, dict[str, Edge]] = field(default_factory=dict)
    #: A node -> the kinds of relationship that led from it to too many people to be followed.
    cut: dict[str, set[str]] = field(default_factory=dict)
    #: A person -> those that one relationship of any kind leads to; filled when asked, once all is loaded.
    _near: dict[str, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def who(self, node: str) -> str:
        """Return the person that a node belongs to."""
        return self.person.get(node, node)

    def merge(self, nodes: Iterable[str]) -> None:
        """Take these nodes for one person, together with all that they were one with already."""
        self._near.clear()
        names = {self.who(node) for node in nodes}
        one = min(names)
        for name in names - {one}:
            for node in self.members.pop(name, {name}):
                self.person[node] = one
                self.members.setdefault(one, {one}).add(node)
            if name in self.edges:
                self.edges.setdefault(one, {}).update(self.edges.pop(name))

    def add(self, edge: Edge) -> None:
        """Add a relationship to both its ends."""
        self._near.clear()
        relationship = edge.relationship
        for node in (relationship.a, relationship.b):
            self.edges.setdefault(self.person.get(node, node), {})[relationship.relationship_id] = edge

    def other_end(self, edge: Edge, person: str) -> str:
        """Return whom a relationship leads to from this person."""
        a, b = self.who(edge.relationship.a), self.who(edge.relationship.b)
        return b if a == person else a

    def near(self, person: str) -> frozenset[str]:
        """Return the people one relationship away from this one."""
        found = self._near.get(person)
        if found is None:
            edges = self.edges.get(person, {}).values()
            found = self._near[person] = frozenset([self.other_end(edge, person) for edge in edges])
        return found

    def may_join(self, first: str, last: str, hops_max: int) -> bool:
        """Return whether a path of so many hops may lead from one person to the other; that none does is certain."""
        if first not in self.edges or last not in self.edges:
            return False
        near = self.near(first)
        return last in near or hops_max > _HOPS_MET or (hops_max > 1 and not near.isdisjoint(self.near(last)))


def strongest_paths(  # a path has exactly these parts
    graph: Graph, start: str, goal: str, *, kinds: frozenset[str], hops_max: int, confidence_min: float, on: date
) -> Mapping[int, Path]:
    """Find the strongest path of each length from one person to another.

    Args:
        graph: the relationships, loaded far enough around both ends.
        start: a node of the one.
        goal: a node of the other.
        kinds: the kinds of relationship that may be walked.
        hops_max: the longest path looked for.
        confidence_min: paths below it do not count.
        on: the New Zealand date on which each relationship must be valid.

    Returns:
        the number of hops -> the strongest path of that length which reaches ``confidence_min``; a longer one only
        where it visits nobody twice. Empty for one and the same person.
    """
    first, last = graph.who(start), graph.who(goal)
    if first == last or not graph.may_join(first, last, hops_max):
        return {}
    found: dict[int, Path] = {}
    # The best way to each person in exactly so many hops. A way that visits somebody twice is never stronger than the
    # shorter one without the detour, and that one was found in an earlier round.
    reached: dict[str, tuple[Path, frozenset[str]]] = {first: (Path((), 1.0), frozenset((first,)))}
    for hops in range(1, min(hops_max, HOPS_MAX) + 1):
        onward: dict[str, tuple[Path, frozenset[str]]] = {}
        for person, (path, seen) in reached.items():
            for edge in graph.edges.get(person, {}).values():
                following = graph.other_end(edge, person)
                confidence = path.confidence * edge.relationship.confidence
                if following in seen or not walkable(edge.relationship, kinds, on) or confidence < confidence_min:
                    continue
                best = onward.get(following)
                if best is None or confidence > best[0].confidence:
                    onward[following] = (Path((*path.hops, edge), confidence), seen | {following})
        if last in onward:
            found[hops] = onward.pop(last)[0]
        reached = onward
    return found


def strongest_path_of(
    graph: Graph, start: str, goal: str, *, kinds: Sequence[RelationshipKind], confidence_min: float, on: date
) -> Path | None:
    """Return the strongest path whose relationships are of exactly these kinds, in this order from the start.

    Args:
        graph: the relationships, loaded far enough around both ends.
        start: a node of the one.
        goal: a node of the other.
        kinds: the kind of each step.
        confidence_min: paths below it do not count.
        on: the New Zealand date on which each relationship must be valid.

    Returns:
        the path, or None; it visits nobody twice.
    """
    first, last = graph.who(start), graph.who(goal)
    if first == last or not graph.may_join(first, last, len(kinds)):
        return None
    reached: dict[str, tuple[Path, frozenset[str]]] = {first: (Path((), 1.0), frozenset((first,)))}
    for kind in kinds:
        onward: dict[str, tuple[Path, frozenset[str]]] = {}
        for person, (path, seen) in reached.items():
            for edge in graph.edges.get(person, {}).values():
                following = graph.other_end(edge, person)
                confidence = path.confidence * edge.relationship.confidence
                if following in seen or confidence < confidence_min:
                    continue
                if not walkable(edge.relationship, frozenset((kind,)), on):
                    continue
                if following not in onward or confidence > onward[following][0].confidence:
                    onward[following] = (Path((*path.hops, edge), confidence), seen | {following})
        reached = onward
    return reached[last][0] if last in reached else None


def cut_short(graph: Graph, start: str, goal: str, kinds: Collection[str]) -> bool:
    """Return whether the search between these two over these kinds would have needed more people than are looked at."""
    if not graph.cut:
        return False
    ends = {graph.who(start), graph.who(goal)}
    return any(graph.who(node) in ends and not cut.isdisjoint(kinds) for node, cut in graph.cut.items())


def walkable(relationship: Relationship, kinds: frozenset[str], on: date) -> bool:
    """Return whether a relationship is of these kinds and valid on that date."""
    return (
        relationship.kind in kinds
        and (relationship.valid_from is None or relationship.valid_from <= on)
        and (relationship.valid_to is None or on <= relationship.valid_to)
    )
