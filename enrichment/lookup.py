"""From accesses to facts: the one place that is asked what is known.

A reference store holds the nodes (Redis, or memory); this module fetches what a batch needs from it in a few round
trips and lays it out for each access. Relationships are followed as far as a path may reach.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enrichment.facts import NOBODY, Facts, Known, SharedLink, Unknown
from enrichment.reference.layout import EntityRecord, agreement_node, link_node, links_of
from enrichment.relationship_graph import HOPS_MAX, PEOPLE_MAX, Graph, client_node, staff_node
from enrichment.schemas import Access, Staff

#: Bound on following "is the same person as": staff member -> own client records -> their other owners.
_SAME_PERSON_ROUNDS_MAX = 4
_UNKNOWN_ACTOR = Unknown("the staff record of the actor")
_UNKNOWN_CLIENT = Unknown("the client record")
_UNKNOWN_AGREEMENT = Unknown("the agreement")
#: What may leave under an agreement.
_LEAVES = frozenset({"print", "export"})

#: A staff id and a client id, which is None where an access opened no record.
_Pair = tuple[str, str | None]


class NotReadable(Exception):  # noqa: N818 it names a state, which passes
    """The reference data cannot be read, or are not complete, at this moment.

    Whoever judges must hold what they have and ask again: never judge without the facts.
    """


class ReferenceStore(Protocol):
    """Where nodes are kept."""

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes; one that nothing is known of is an empty entity record.

        Raises:
            NotReadable: when the data cannot be read or are not complete.
        """

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes; 0 where there is nothing. Raises as ``read``."""

    @property
    def state(self) -> str:
        """Name the state of the reference data that the last read saw."""


@dataclass(slots=True)
class Directory:
    """Looks up the facts for whole batches."""

    references: ReferenceStore
    #: The longest path of relationships that any rule asks for, in hops.
    hops_max: int = 2

    async def facts_for(self, accesses: Sequence[Access], hops_max: int | None = None) -> list[Facts]:
        """Return the facts for each access, as they are now, with paths of *hops_max* hops in sight.

        The outage policy: nothing is guessed. When the reference store cannot be read this raises, and nothing of the
        batch is judged until it can be.

        Raises:
            NotReadable: see above.
        """
        surroundings = _Surroundings(self.references)
        staff = {staff_node(access.staff_id) for access in accesses}
        clients = {client_node(access.client_id) for access in accesses if access.client_id is not None}
        agreements = {agreement_node(name) for access in accesses if (name := _agreement_of(access)) is not None}
        await surroundings.load(staff | clients | agreements)
        # One and the same pair comes again and again: a record is looked at, updated and printed.
        pairs = {(access.staff_id, access.client_id) for access in accesses}
        hops = min(self.hops_max if hops_max is None else hops_max, HOPS_MAX)
        await self._follow_relationships(surroundings, pairs, hops)
        await surroundings.count_holders(pairs)
        known = {pair: surroundings.facts(*pair, self.references.state, hops) for pair in pairs}
        facts = [known[access.staff_id, access.client_id] for access in accesses]
        if not agreements:
            return facts
        return [surroundings.agreed(access, one) for access, one in zip(accesses, facts, strict=True)]

    async def _follow_relationships(self, around: "_Surroundings", asked: Collection[_Pair], hops: int) -> None:
        """Load people so far around both ends of each access that every path of so many hops can be seen."""
        pairs = [(staff_node(staff), client_node(client)) for staff, client in asked if client is not None]
        # A path of n hops is seen whole when the people within `forward` hops of the one end and `backward` hops of
        # the other are loaded, with forward + backward = n.
        for depth in range((hops + 1) // 2):
            wanted: set[str] = set()
            reached: dict[str, set[str]] = {}
            for actor, client in pairs:
                for node in (actor, client):
                    if node not in reached:
                        reached[node] = around.reach(node, depth) if around.knows_anybody(node) else set()
                # Without a relationship at either end no path leads anywhere: most accesses cost nothing here.
                ahead, behind = reached[actor], reached[client]
                if depth == 0:
                    # Whoever knows the client may be a colleague of the actor, whom no relationship needs to name.
                    wanted |= behind
                if ahead and behind:
                    wanted |= ahead | (behind if depth < hops // 2 else set())
            await around.load(wanted)


class _Surroundings:
    """The nodes loaded for one batch, and the graph over them."""

    def __init__(self, references: ReferenceStore) -> None:
        self._references = references
        self._entities: dict[str, EntityRecord] = {}
        self._graph = Graph()
        self._holders: Mapping[str, int] = {}
        #: What an actor and a client have in common, where there is anything.
        self._shared: Mapping[_Pair, list[tuple[str, str, str, datetime]]] = {}
        self._neighbours: dict[str, Mapping[str, Known[Staff]]] = {}

    async def load(self, nodes: Collection[str]) -> None:
        """Load nodes, and the other nodes of the same people."""
        wanted = {node for node in nodes if node not in self._entities}
        for _ in range(_SAME_PERSON_ROUNDS_MAX):
            if not wanted:
                return
            loaded = await self._references.read(wanted)
            self._entities.update(loaded)
            following: set[str] = set()
            for node, entity in loaded.items():
                if entity.same_person:
                    self._graph.merge((node, *entity.same_person))
                    following.update(entity.same_person)
                for edge in entity.edges:
                    self._graph.add(edge)
            wanted = {node for node in following if node not in self._entities}

    def knows_anybody(self, node: str) -> bool:
        """Return whether any relationship touches the person of this node."""
        return self._graph.who(node) in self._graph.edges

    def reach(self, node: str, depth: int) -> set[str]:
        """Return the nodes exactly *depth* + 1 relationships from this one, without kinds that lead to too many."""
        graph = self._graph
        persons = {graph.who(node)}
        nodes: set[str] = set()
        for _ in range(depth + 1):
            by_kind: dict[str, set[str]] = {}
            for person in persons:
                for edge in graph.edges.get(person, {}).values():
                    ends = (edge.relationship.a, edge.relationship.b)
                    by_kind.setdefault(edge.relationship.kind, set()).update(ends)
            nodes = set()
            # The largest kind last: a club of thousands does not hide a sister.
            for kind, found in sorted(by_kind.items(), key=lambda one: (len(one[1]), one[0])):
                if len(nodes | found) > PEOPLE_MAX:
                    graph.cut.setdefault(node, set()).add(kind)
                else:
                    nodes |= found
            persons = {graph.who(name) for name in nodes} - persons
        return nodes

    async def count_holders(self, pairs: Iterable[_Pair]) -> None:
        """Count who holds the contact details that an actor and a client share; most pairs have none to count."""
        self._shared = {pair: shared for pair in pairs if (shared := self._in_common(*pair))}
        if self._shared:
            links = {link for shared in self._shared.values() for link, *_ in shared}
            self._holders = await self._references.count(links)

    def facts(self, staff_id: str, client_id: str | None, state: str, hops: int) -> Facts:
        """Lay out what is known for accesses of one actor to one client."""
        actor = self._entities[staff_node(staff_id)].staff or _UNKNOWN_ACTOR
        if client_id is None:
            return Facts(actor, _UNKNOWN_CLIENT, (), (), (), self._graph, state, apart=True)
        entity, graph = self._entities[client_node(client_id)], self._graph
        person = graph.who(client_node(client_id))
        known = person in graph.edges
        return Facts(
            actor,
            entity.client or _UNKNOWN_CLIENT,
            tuple(self._owners(entity)) if entity.owners else (),
            tuple(entity.work),
            tuple(entity.watchlist),
            graph,
            state,
            self._staff_beside(person) if known else NOBODY,
            tuple(
                [
                    SharedLink(kind, held_by, as_of, self._holders[link])
                    for link, kind, held_by, as_of in self._shared.get((staff_id, client_id), ())
                ]
            ),
            apart=self._are_apart(graph.who(staff_node(staff_id)), person, hops),
        )

    def agreed(self, access: Access, facts: Facts) -> Facts:
        """Return the facts with the agreement that the access names, where it names one."""
        name = _agreement_of(access)
        if name is None:
            return facts
        return facts._replace(agreement=self._entities[agreement_node(name)].agreement or _UNKNOWN_AGREEMENT)

    def _are_apart(self, actor: str, client: str, hops: int) -> bool:
        """Return whether it is certain, without a search, that no path of so many hops leads from one to the other."""
        graph = self._graph
        if graph.cut and not {graph.who(node) for node in graph.cut}.isdisjoint((actor, client)):
            return False
        return not graph.may_join(actor, client, hops)

    def _owners(self, entity: EntityRecord) -> Iterator[Known[Staff]]:
        for node in map(staff_node, entity.owners):
            owner = self._entities[node].staff if node in self._entities else None
            if owner is not None:
                yield owner

    def _in_common(self, staff_id: str, client_id: str | None) -> list[tuple[str, str, str, datetime]]:
        """Return the node, the kind, the actor's record and its time of each link that the client shares."""
        if client_id is None:
            return []
        theirs = self._entities[client_node(client_id)].tokens
        actor = self._entities[staff_node(staff_id)]
        if not theirs or actor.staff is None or client_id in actor.staff.value.client_ids:
            return []
        # The actor's staff record, then each of their own client records.
        nodes = (staff_node(staff_id), *map(client_node, actor.staff.value.client_ids))
        return [
            found
            for node in nodes
            if not theirs.isdisjoint(self._entities[node].tokens)
            for found in _in_both(node, self._entities[node], theirs)
        ]

    def _staff_beside(self, person: str) -> Mapping[str, Known[Staff]]:
        """Return the staff members one relationship away from a person, by staff id."""
        found = self._neighbours.get(person)
        if found is None:
            found = {}
            for other in self._graph.near(person):
                for node in self._graph.members.get(other, (other,)):
                    entity = self._entities.get(node)
                    if entity is not None and entity.staff is not None:
                        found[entity.staff.value.staff_id] = entity.staff
            self._neighbours[person] = found
        return found


def _agreement_of(access: Access) -> str | None:
    return access.agreement_id if access.action in _LEAVES else None


def _in_both(
    node: str, entity: EntityRecord, theirs: Container[tuple[str, str]]
) -> Iterator[tuple[str, str, str, datetime]]:
    """Yield the links of a node's record that are among the client's."""
    record = entity.staff or entity.client
    if record is not None:
        for kind, token in links_of(record.value.links):
            if (kind, token) in theirs:
                yield link_node(kind, token), kind, node, record.as_of
