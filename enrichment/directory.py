"""From accesses to facts: the one place that is asked what is known.

A shelf holds the nodes (Redis, or memory); this module fetches what a batch needs from it in a few round trips and
lays it out for each access. Relationships are followed as far as a path may reach.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enrichment.dossier import Dossier, link_node, links_of
from enrichment.facts import Facts, Known, SharedLink, Unknown
from enrichment.kinship import HOPS_MAX, PEOPLE_MAX, Graph, client_node, staff_node
from enrichment.wire import Access, Client, Staff

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

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes; 0 where there is nothing. Raises as ``read``."""

    @property
    def state(self) -> str:
        """Name the state of the reference data that the last read saw."""


@dataclass(slots=True)
class Directory:
    """Looks up the facts for whole batches."""

    shelf: Shelf
    #: The longest path of relationships that any rule asks for, in hops.
    hops_max: int = 2

    async def facts_for(self, accesses: Sequence[Access], hops_max: int | None = None) -> list[Facts]:
        """Give the facts for each access, as they are now, with paths of *hops_max* hops in sight.

        The outage policy: nothing is guessed. When the shelf cannot be read this raises, and nothing of the batch
        is judged until it can be.

        Raises:
            NotReadable: see above.
        """
        surroundings = _Surroundings(self.shelf)
        staff = {staff_node(access.staff_id) for access in accesses}
        clients = {client_node(access.client_id) for access in accesses if access.client_id is not None}
        await surroundings.load(staff | clients)
        await self._follow_relationships(surroundings, accesses, self.hops_max if hops_max is None else hops_max)
        await surroundings.count_holders(accesses)
        return [surroundings.facts(access, self.shelf.state) for access in accesses]

    async def _follow_relationships(self, around: "_Surroundings", accesses: Iterable[Access], hops_max: int) -> None:
        """Load people so far around both ends of each access that every path of ``hops_max`` hops can be seen."""
        pairs = [
            (staff_node(access.staff_id), client_node(access.client_id))
            for access in accesses
            if access.client_id is not None
        ]
        # A path of n hops is seen whole when the people within `forward` hops of the one end and `backward` hops of
        # the other are loaded, with forward + backward = n.
        hops = min(hops_max, HOPS_MAX)
        for depth in range((hops + 1) // 2):
            wanted: set[str] = set()
            for actor, client in pairs:
                ahead, behind = around.reach(actor, depth), around.reach(client, depth)
                if depth == 0:
                    # Whoever knows the client may be a colleague of the actor, whom no relationship needs to name.
                    wanted |= behind
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
        self._holders: dict[str, int] = {}
        self._neighbours: dict[str, Mapping[str, Known[Staff]]] = {}

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
        """Give the nodes exactly *depth* + 1 relationships from this one, without kinds that lead to too many."""
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

    async def count_holders(self, accesses: Iterable[Access]) -> None:
        """Count who holds the contact details that an actor and a client share; most accesses have none to count."""
        links = {link for access in accesses for link, *_ in self._in_common(access)}
        if links:
            self._holders.update(await self._shelf.count(links))

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
            neighbours=self._staff_beside(access.client_id),
            shared=tuple(
                SharedLink(kind, held_by, as_of, self._holders[link])
                for link, kind, held_by, as_of in self._in_common(access)
            ),
        )

    def _in_common(self, access: Access) -> Iterator[tuple[str, str, str, datetime]]:
        """Give the node, the kind, the actor's record and its time of each link that the client shares."""
        if access.client_id is None:
            return
        client = self._dossiers[client_node(access.client_id)].client
        actor = self._dossiers[staff_node(access.staff_id)].staff
        if client is None or actor is None or access.client_id in actor.value.client_ids:
            return
        theirs = set(links_of(client.value.links))
        if not theirs:
            return
        own = (self._dossiers[client_node(one)].client for one in actor.value.client_ids)
        held: list[tuple[str, Known[Staff] | Known[Client]]] = [(staff_node(access.staff_id), actor)]
        held += [(client_node(record.value.client_id), record) for record in own if record is not None]
        for held_by, record in held:
            for kind, token in links_of(record.value.links):
                if (kind, token) in theirs:
                    yield link_node(kind, token), kind, held_by, record.as_of

    def _staff_beside(self, client_id: str | None) -> Mapping[str, Known[Staff]]:
        """Give the staff members one relationship away from a client, by staff id."""
        if client_id is None:
            return {}
        person = self._graph.who(client_node(client_id))
        found = self._neighbours.get(person)
        if found is None:
            found = {}
            for edge in self._graph.edges.get(person, {}).values():
                other = self._graph.other_end(edge, person)
                for node in self._graph.members.get(other, {other}):
                    dossier = self._dossiers.get(node)
                    if dossier is not None and dossier.staff is not None:
                        found[dossier.staff.value.staff_id] = dossier.staff
            self._neighbours[person] = found
        return found


def _same_person(dossier: Dossier) -> list[str]:
    same = [staff_node(owner) for owner in dossier.owners]
    if isinstance(dossier.staff, Known):
        same += [client_node(client) for client in dossier.staff.value.client_ids]
    return same
