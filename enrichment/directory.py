"""From accesses to facts: the one place that is asked what is known.

A shelf holds the nodes (Redis, or memory); this module fetches what a batch needs from it in a few round trips and
lays it out for each access. Relationships are followed as far as a path may reach.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from enrichment.dossier import Dossier
from enrichment.facts import Facts, Known, Unknown
from enrichment.kinship import HOPS_MAX, PEOPLE_MAX, Graph, client_node, staff_node
from enrichment.wire import Access

#: Bound on following "is the same person as": staff member -> own client records -> their other owners.
_SAME_PERSON_ROUNDS_MAX = 4


class NotReadable(Exception):  # noqa: N818 it names a state, which passes
    """The reference data cannot be read, or are not complete, at this moment.

    Whoever judges must hold what they have and ask again: never judge without the facts.
    """


class Shelf(Protocol):
    """Where nodes are kept."""

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes; one that nothing is known of is an empty dossier.

        Raises:
            NotReadable: when the data cannot be read or are not complete.
        """

    @property
    def state(self) -> str:
        """Name the state of the reference data that the last read saw."""


@dataclass(slots=True)
class Directory:
    """Looks up the facts for whole batches."""

    shelf: Shelf
    #: The longest path of relationships that any rule asks for, in hops.
    hops_max: int = 2

    async def facts_for(self, accesses: Sequence[Access]) -> list[Facts]:
        """Give the facts for each access, as they are now.

        The outage policy: nothing is guessed. When the shelf cannot be read this raises, and nothing of the batch
        is judged until it can be.

        Raises:
            NotReadable: see above.
        """
        surroundings = _Surroundings(self.shelf)
        staff = {staff_node(access.staff_id) for access in accesses}
        clients = {client_node(access.client_id) for access in accesses if access.client_id is not None}
        await surroundings.load(staff | clients)
        await self._follow_relationships(surroundings, accesses)
        return [surroundings.facts(access, self.shelf.state) for access in accesses]

    async def _follow_relationships(self, around: "_Surroundings", accesses: Iterable[Access]) -> None:
        """Load people so far around both ends of each access that every path of ``hops_max`` hops can be seen."""
        pairs = [
            (staff_node(access.staff_id), client_node(access.client_id))
            for access in accesses
            if access.client_id is not None
        ]
        # A path of n hops is seen whole when the people within `forward` hops of the one end and `backward` hops of
        # the other are loaded, with forward + backward = n.
        hops = min(self.hops_max, HOPS_MAX)
        for depth in range((hops + 1) // 2):
            wanted: set[str] = set()
            for actor, client in pairs:
                ahead, behind = around.reach(actor, depth), around.reach(client, depth)
                # Without a relationship at either end no path leads anywhere: most accesses cost nothing here.
                if ahead and behind:
                    wanted |= ahead | (behind if depth < hops // 2 else set())
            await around.load(wanted)


class _Surroundings:
    """The nodes loaded for one batch, and the graph over them."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._dossiers: dict[str, Dossier] = {}
        self._graph = Graph()

    async def load(self, nodes: Collection[str]) -> None:
        """Load nodes, and the other nodes of the same people."""
        wanted = {node for node in nodes if node not in self._dossiers}
        for _ in range(_SAME_PERSON_ROUNDS_MAX):
            if not wanted:
                return
            loaded = await self._shelf.read(wanted)
            self._dossiers.update(loaded)
            following: set[str] = set()
            for node, dossier in loaded.items():
                same = _same_person(dossier)
                self._graph.merge((node, *same))
                for edge in dossier.edges:
                    self._graph.add(edge)
                following.update(same)
            wanted = {node for node in following if node not in self._dossiers}

    def reach(self, node: str, depth: int) -> set[str]:
        """Give the nodes exactly *depth* + 1 relationships from this one; cuts the search where they are too many."""
        graph = self._graph
        persons = {graph.who(node)}
        nodes: set[str] = set()
        for _ in range(depth + 1):
            nodes = set()
            for person in persons:
                for edge in graph.edges.get(person, {}).values():
                    nodes |= {edge.relationship.a, edge.relationship.b}
            if len(nodes) > PEOPLE_MAX:
                graph.cut.add(graph.who(node))
                return set()
            persons = {graph.who(name) for name in nodes} - persons
        return nodes

    def facts(self, access: Access, state: str) -> Facts:
        """Lay out what is known for one access."""
        actor = self._dossiers[staff_node(access.staff_id)].staff
        dossier = Dossier() if access.client_id is None else self._dossiers[client_node(access.client_id)]
        owners = [self._dossiers[node].staff for node in map(staff_node, dossier.owners) if node in self._dossiers]
        return Facts(
            actor=actor or Unknown("the staff record of the actor"),
            client=dossier.client or Unknown("the client record"),
            owners=tuple(owner for owner in owners if owner is not None),
            work=tuple(dossier.work),
            watchlist=tuple(dossier.watchlist),
            graph=self._graph,
            reference=state,
        )


def _same_person(dossier: Dossier) -> list[str]:
    same = [staff_node(owner) for owner in dossier.owners]
    if isinstance(dossier.staff, Known):
        same += [client_node(client) for client in dossier.staff.value.client_ids]
    return same
