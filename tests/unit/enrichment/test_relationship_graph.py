"""Paths between people, found by the directory and the graph, held against trying every path there is."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment import lookup
from enrichment.lookup import Directory
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.relationship_graph import (
    HOPS_MAX,
    PEOPLE_MAX,
    Graph,
    Path,
    client_node,
    cut_short,
    staff_node,
    strongest_paths,
)
from enrichment.schemas import Access, Record, Relationship, Staff
from tests.support.cases import finished, put
from tests.support.records import an_access, related, staff

TODAY = date(2026, 11, 20)
KINDS = frozenset({"partner", "friend"})


def graph_around(accesses: list[Access], records: Collection[Record], hops_max: int) -> Graph:
    """What the directory lays out for these accesses."""
    references = MemoryReferenceStore()
    for record in records:
        put(references, record)
    graph: Graph = finished(Directory(references, hops_max).facts_for(accesses))[0].graph
    return graph


def paths_in(graph: Graph, access: Access, hops_max: int, kinds: frozenset[str] = KINDS) -> Mapping[int, Path]:
    """The strongest paths from the access's actor to its client."""
    assert access.client_id is not None
    return strongest_paths(
        graph, staff_node(access.staff_id), client_node(access.client_id),
        kinds=kinds, hops_max=hops_max, confidence_min=0.5, on=TODAY,
    )  # fmt: skip


# -- held against trying every path ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A few people, and who knows whom."""

    staff: tuple[Staff, ...]
    relationships: tuple[Relationship, ...]
    kinds: frozenset[str] = KINDS

    def person(self, node: str) -> str:
        """The one name of whoever this node is."""
        owners = [one.staff_id for one in self.staff if node in map(client_node, one.client_ids)]
        return staff_node(owners[0]) if owners else node

    def steps(self, person: str) -> Iterator[tuple[str, float]]:
        """Whom this person knows in a way that counts, and how surely."""
        for one in self.relationships:
            starts = one.valid_from is None or one.valid_from <= TODAY
            ends = one.valid_to is None or one.valid_to >= TODAY
            if one.kind in self.kinds and starts and ends:
                for here, there in ((one.a, one.b), (one.b, one.a)):
                    if self.person(here) == person:
                        yield self.person(there), one.confidence

    def every_path(self, way: tuple[str, ...], goal: str, confidence: float, hops: int) -> Iterator[tuple[int, float]]:
        """The length and the confidence of every path to the goal that visits nobody twice."""
        if way[-1] == goal:
            yield len(way) - 1, confidence
        elif hops:
            for following, sure in self.steps(way[-1]):
                if following not in way:
                    yield from self.every_path((*way, following), goal, confidence * sure, hops - 1)

    def strongest(self, access: Access, hops_max: int) -> dict[int, float]:
        """The best confidence of each length that reaches 0.5."""
        start, goal = self.person(staff_node(access.staff_id)), self.person(client_node(access.client_id or ""))
        best: dict[int, float] = {}
        if start != goal:
            for hops, confidence in self.every_path((start,), goal, 1.0, hops_max):
                if confidence >= 0.5:
                    best[hops] = max(confidence, best.get(hops, 0))
        return best


STAFF_IDS = ("S-1", "S-2", "S-3")
CLIENT_IDS = tuple(f"C-{number}" for number in range(1, 8))
NODES = [*map(staff_node, STAFF_IDS), *map(client_node, CLIENT_IDS)]
DAYS = st.none() | st.sampled_from(["2026-11-19", "2026-11-20", "2026-11-21"])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to three staff members, seven client records, some of them their own, and a dozen relationships."""
    owner = {own: draw(st.none() | st.sampled_from(STAFF_IDS)) for own in CLIENT_IDS[3:]}
    people = [
        staff(one, client_ids=[own for own, whose in owner.items() if whose == one])
        for one in draw(st.lists(st.sampled_from(STAFF_IDS), unique=True))
    ]
    relationships = [
        related(
            draw(st.sampled_from(NODES)),
            draw(st.sampled_from(NODES)),
            draw(st.sampled_from(["partner", "partner", "friend", "colleague"])),
            relationship_id=f"R-{number}",
            confidence=draw(st.sampled_from([1, 1, 1, 0.95, 0.9, 0.8, 0.7, 0.5, 0.49, 0])),
            valid_from=draw(DAYS),
            valid_to=draw(DAYS),
        )
        for number in range(draw(st.integers(0, 14)))
    ]
    return World(tuple(people), tuple(relationships))


@settings(deadline=None, max_examples=400)
@given(worlds(), st.integers(1, HOPS_MAX), st.lists(st.tuples(*map(st.sampled_from, (STAFF_IDS, CLIENT_IDS)))))
def test_the_strongest_paths_are_those_that_trying_every_path_finds(
    world: World, hops_max: int, others: list[tuple[str, str]]
) -> None:
    """For every access of a batch, at 1 to 4 hops, whoever owns whichever client record."""
    accesses = [an_access(staff_id=one, client_id=whose) for one, whose in [("S-1", "C-1"), *others]]
    graph = graph_around(accesses, [*world.staff, *world.relationships], hops_max)
    for access in accesses:
        expected = world.strongest(access, hops_max)
        found = {hops: path.confidence for hops, path in paths_in(graph, access, hops_max).items()}
        # Rules ask for the shortest path. A longer one is left out only where a shorter one is at least as strong,
        # which can first happen at four hops.
        assert min(expected, default=0) == min(found, default=0)
        assert {hops: best for hops, best in expected.items() if hops <= 3} == {
            hops: best for hops, best in found.items() if hops <= 3
        }
        assert all(found[hops] <= expected[hops] for hops in found)
        assert all(
            found.get(hops) == best or any(found[fewer] >= best for fewer in found if fewer < hops)
            for hops, best in expected.items()
        )


@settings(deadline=None, max_examples=100)
@given(worlds(), st.integers(1, HOPS_MAX))
def test_a_path_leads_from_one_end_to_the_other(world: World, hops_max: int) -> None:
    """Its relationships follow one another, and their product is its confidence."""
    access = an_access()
    for hops, path in paths_in(
        graph_around([access], [*world.staff, *world.relationships], hops_max), access, 4
    ).items():
        at, confidence = world.person("staff:S-1"), 1.0
        for hop in path.hops:
            ends = [world.person(hop.relationship.a), world.person(hop.relationship.b)]
            ends.remove(at)
            at, confidence = ends[0], confidence * hop.relationship.confidence
        assert (hops, world.person("client:C-1"), confidence) == (len(path.hops), at, path.confidence)


@settings(deadline=None, max_examples=400)
@given(worlds(), st.integers(1, 3), st.integers(2, 5))
def test_where_there_are_too_many_it_is_said_and_elsewhere_nothing_is_missed(
    world: World, hops_max: int, people_max: int
) -> None:
    """With a bound that small worlds reach: over kinds that were not cut, what trying every path finds is found."""
    access = an_access()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookup, "PEOPLE_MAX", people_max)
        graph = graph_around([access], [*world.staff, *world.relationships], hops_max)
    for kinds in (frozenset({"partner"}), frozenset({"friend"}), KINDS):
        expected = World(world.staff, world.relationships, kinds).strongest(access, hops_max)
        found = {hops: path.confidence for hops, path in paths_in(graph, access, hops_max, kinds).items()}
        if not cut_short(graph, "staff:S-1", "client:C-1", kinds):
            assert expected == found
        # What is found although something was cut is there.
        assert all(found[hops] <= expected.get(hops, 0) for hops in found)


def test_a_hub_of_another_kind_hides_nothing() -> None:
    """A club of thousands around the client: family is found beside it, and a search for family is whole."""
    club = [related("client:C-1", f"client:M-{number}", "club") for number in range(PEOPLE_MAX + 1)]
    family = [related("staff:S-1", "client:C-2", "partner"), related("client:C-2", "client:C-1", "partner")]
    for records, expected in ((club, {}), (club + family, {2: 1.0})):
        graph = graph_around([an_access()], records, 2)
        found = paths_in(graph, an_access(), 2, frozenset({"partner"}))
        assert {hops: path.confidence for hops, path in found.items()} == expected
        assert not cut_short(graph, "staff:S-1", "client:C-1", frozenset({"partner"}))
        assert cut_short(graph, "staff:S-1", "client:C-1", frozenset({"partner", "club"}))


# -- one by one -----------------------------------------------------------------------------------------------------

S1, S2, C1, C2, C3 = "staff:S-1", "staff:S-2", "client:C-1", "client:C-2", "client:C-3"

PATHS = [
    pytest.param({}, [], id="nobody knows anybody"),
    pytest.param({1: 1.0}, [related(S1, C1)], id="one hop"),
    pytest.param({1: 1.0}, [related(C1, S1)], id="the other way round"),
    pytest.param({1: 0.9}, [related(S1, C1, confidence=0.6), related(C1, S1, confidence=0.9)], id="the surer of two"),
    pytest.param({1: 0.5}, [related(S1, C1, confidence=0.5)], id="exactly sure enough"),
    pytest.param({}, [related(S1, C1, confidence=0.499999)], id="not quite"),
    pytest.param({2: 0.5}, [related(S1, C2, confidence=0.8), related(C2, C1, confidence=0.625)], id="a product of 0.5"),
    pytest.param({}, [related(S1, C2, confidence=0.7), related(C2, C1, confidence=0.7)], id="a product of 0.49"),
    pytest.param({1: 1.0}, [staff(client_ids=["C-2"]), related(C2, C1)], id="from the actor's own client record"),
    pytest.param({1: 1.0}, [staff("S-2", client_ids=["C-1"]), related(S1, S2)], id="to a staff member's client record"),
    pytest.param(
        {2: 1.0},
        [staff("S-2", client_ids=["C-3"]), related(S1, S2), related(C3, C1)],
        id="through somebody who is staff and client: no hop between",
    ),
    pytest.param(
        {1: 1.0},
        [staff("S-2", client_ids=["C-2", "C-1"]), related(S1, C2)],
        id="two client records of one staff member",
    ),
    pytest.param(
        {2: 1.0},
        [staff("S-2", client_ids=["C-2"]), staff("S-3", client_ids=["C-2"]), related(S1, S2), related("staff:S-3", C1)],
        id="a client record that two staff members name makes them one",
    ),
    pytest.param({}, [staff(client_ids=["C-1"]), related(S1, C1)], id="the own record is no path"),
    pytest.param(
        {},
        [staff(client_ids=["C-1"]), related(S1, C2), related(C2, C1)],
        id="nor is the way there and back",
    ),
    pytest.param({}, [related(S1, C2, "colleague"), related(C2, C1)], id="a kind that is not asked for"),
    pytest.param({}, [related(S1, C2), related(C2, C3), related(C3, C1)], id="three hops are too many"),
    pytest.param({1: 1.0}, [related(S1, C1, valid_from="2026-11-20", valid_to="2026-11-20")], id="valid today alone"),
    pytest.param({}, [related(S1, C1, valid_to="2026-11-19")], id="until yesterday"),
    pytest.param({}, [related(S1, C1, valid_from="2026-11-21")], id="from tomorrow"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "records"), PATHS)
def test_paths(expected: dict[int, float], records: list[Record]) -> None:
    """Every row is a few records and the confidence of each length, at two hops."""
    found = paths_in(graph_around([an_access()], records, 2), an_access(), 2)
    assert expected == {hops: path.confidence for hops, path in found.items()}
