"""One promise, two stores: what memory holds of the reference data, Redis holds too, record by record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from enrichment.lookup import Directory, NotReadable
from enrichment.reference.cache import CacheInvalidation, ReferenceCache
from enrichment.reference.layout import KINDS, EntityRecord, ReferenceKind, index_entries, record_id
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.reference.redis import Change, EpochChanged, RedisReferenceStore
from enrichment.schemas import Record
from sandbox.services import Addresses
from tests.support.records import an_access, client, related, staff, watched, work

PARTITION = "ref:0"
STAMP = 1_763_586_847_123
S1, S2, C1, C2, C3 = "staff:S-1", "staff:S-2", "client:C-1", "client:C-2", "client:C-3"
NODES = (S1, S2, C1, C2, C3)

pytestmark = pytest.mark.services


def kind_of(record: Record) -> ReferenceKind:
    """Which of the seven kinds a record is."""
    return next(kind for kind, (model, _) in KINDS.items() if isinstance(record, model))


class Kept(Protocol):
    """A reference store, and how records get onto it."""

    async def put(self, *records: Record) -> None:
        """Take records, in this order."""

    async def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Take a tombstone."""

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes."""


class InMemory:
    """The reference store in memory."""

    def __init__(self) -> None:
        self.references = MemoryReferenceStore()

    async def put(self, *records: Record) -> None:
        """Take records, in this order."""
        for record in records:
            self.references.put(kind_of(record), record, STAMP)

    async def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Take a tombstone."""
        self.references.delete(kind, identity)

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes."""
        return await self.references.read(nodes)


@dataclass
class InRedis:
    """The reference store in Redis; every change has the next offset of one partition."""

    redis: "Redis"
    namespace: str = field(default_factory=lambda: f"test-{uuid4().hex}:")
    epoch: str = ""
    offset: int = 0

    def __post_init__(self) -> None:
        self.references = RedisReferenceStore(self.redis, self.namespace)

    async def begin(self) -> None:
        """Begin an epoch, which is complete from the start."""
        self.epoch = await self.references.begin(uuid4().hex)
        self.references.epoch = self.epoch

    async def put(self, *records: Record) -> None:
        """Take records in one step, in this order."""
        changes = [self.change(record) for record in records]
        await self.references.apply(self.epoch, PARTITION, changes, self.offset)

    async def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Take a tombstone."""
        self.offset += 1
        await self.references.apply(self.epoch, PARTITION, [Change(self.offset - 1, kind, identity, None)], self.offset)

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes."""
        return await self.references.read(nodes)

    def change(self, record: Record) -> Change:
        """The change that a record is, at the next offset."""
        self.offset += 1
        kind = kind_of(record)
        return Change(self.offset - 1, kind, record_id(kind, record), index_entries(record, STAMP))

    async def wipe(self) -> None:
        """Remove everything of ours, as emptying Redis would."""
        keys = [key async for key in self.redis.scan_iter(match=f"{self.namespace}*")]
        if keys:
            await self.redis.delete(*keys)


class InCache:
    """The reference store in Redis behind a worker's memory, with the link that tells it of changes."""

    MARKER = "client:marker"

    def __init__(self, in_redis: InRedis, told: "Redis") -> None:
        self.below = in_redis
        self.cache = ReferenceCache(in_redis.references)
        self.tracking = CacheInvalidation(told, in_redis.namespace, in_redis.references, self.cache)
        self._puts = 0

    async def put(self, *records: Record) -> None:
        """Take records, in this order, and wait until memory was told of them."""
        self._puts += 1
        marker = client("marker", site=f"site-{self._puts}")
        await self.below.put(*records, marker)
        await self._sync(marker)

    async def delete(self, kind: ReferenceKind, identity: str) -> None:
        """Take a tombstone, and wait until memory was told of it."""
        await self.below.delete(kind, identity)
        await self.put()

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes, twice: the second time from memory."""
        await self.cache.read(nodes)
        before = self.cache.asked
        found = await self.cache.read(nodes)
        assert before == self.cache.asked, "what was just read was not kept"
        return found

    async def _sync(self, marker: Record) -> None:
        # Redis tells of all that a script has changed in one message: whoever knows the marker knows the others.
        async with asyncio.timeout(10):
            while True:
                known = (await self.cache.read([self.MARKER]))[self.MARKER].client
                if known is not None and known.value == marker:
                    return
                await asyncio.sleep(0.001)


@pytest.fixture
async def in_cache(in_redis: InRedis, services: Addresses) -> AsyncIterator[InCache]:
    """A worker's memory before a real Redis, its link alive."""
    told: Redis = Redis.from_url(services.redis, protocol=3)
    kept = InCache(in_redis, told)
    link = asyncio.create_task(kept.tracking.run())
    async with asyncio.timeout(10):
        while not kept.cache.live:  # noqa: ASYNC110 the link is made by another task
            await asyncio.sleep(0.001)
    # Everything that a test asks about is in memory from the start.
    await kept.cache.read(NODES)
    yield kept
    link.cancel()
    await asyncio.gather(link, return_exceptions=True)
    await told.aclose()


@pytest.fixture
async def in_redis(services: Addresses) -> AsyncIterator[InRedis]:
    """A reference store in a real Redis, in a namespace of its own."""
    redis: Redis = Redis.from_url(services.redis)
    kept = InRedis(redis)
    await kept.begin()
    yield kept
    await kept.wipe()
    await redis.aclose()


@pytest.fixture(params=["memory", "redis", "cache"])
def kept(request: pytest.FixtureRequest, in_redis: InRedis, in_cache: InCache) -> Kept:
    """Any reference store."""
    reference_stores: dict[str, Kept] = {"memory": InMemory(), "redis": in_redis, "cache": in_cache}
    return reference_stores[request.param]


async def held(kept: Kept) -> dict[str, list[str]]:
    """What each node holds, in a few words; nodes that hold nothing are left out."""
    found = {}
    for node, entity in (await kept.read(NODES)).items():
        words = [f"record {entity.staff.value.status}"] if entity.staff else []
        words += [f"record {entity.client.value.status}"] if entity.client else []
        words += [f"owner {owner}" for owner in entity.owners]
        words += [f"work {one.value.work_id}" for one in entity.work]
        words += [f"entry {one.value.entry_id}" for one in entity.watchlist]
        words += [f"edge {edge.relationship.relationship_id}" for edge in entity.edges]
        if words:
            found[node] = sorted(words)
    return found


# -- what all promise ----------------------------------------------------------------------------------------------


async def test_a_node_that_nothing_is_known_of_is_empty(kept: Kept) -> None:
    """Not an error, and not left out."""
    assert {S1: EntityRecord(), C1: EntityRecord()} == await kept.read([S1, C1])


async def test_every_record_lies_where_it_is_looked_for(kept: Kept) -> None:
    """Under each person that it is about, the record of somebody who is not there yet included."""
    await kept.put(
        related(S1, C1, relationship_id="R-1"), work("W-1"), watched("M-1", client_ids=["C-1", "C-2", "C-1"]),
        staff("S-1", client_ids=["C-2"]), client("C-1"),
    )  # fmt: skip
    expected = {
        S1: ["edge R-1", "record active"],
        C1: ["edge R-1", "entry M-1", "record active", "work W-1"],
        C2: ["entry M-1", "owner S-1"],
    }
    assert expected == await held(kept)


async def test_a_record_comes_back_as_it_was(kept: Kept) -> None:
    """With all its fields and the time of its publication."""
    one = staff(
        "S-1", client_ids=["C-1"], links={"phone": "t-1"}, leave=[{"from": "2026-11-20", "to": "2026-11-21"}],
        scope={"sites": ["A"]}, start_date="2020-01-01",
    )  # fmt: skip
    await kept.put(one)
    known = (await kept.read([S1]))[S1].staff
    assert known is not None
    assert one == known.value
    assert int(known.as_of.timestamp() * 1000) == STAMP


async def test_what_the_contract_does_not_name_is_not_kept(kept: Kept) -> None:
    """In the record or inside it; a stranger called as a name of ours takes nothing with it."""
    days = {"from": "2026-11-20", "to": "2026-11-21"}
    plain = staff("S-1", links={"phone": "t-1"}, leave=[days, days], scope={"sites": ["A"]})
    with_more = staff(
        "S-1", links={"phone": "t-1", "fax": "x"}, leave=[{**days, "why": "x"}, {**days, "why": "y"}],
        scope={"sites": ["A"], "x": 1}, nickname="x",
    )  # fmt: skip
    await kept.put(with_more)
    known = (await kept.read([S1]))[S1].staff
    assert known is not None
    assert (5, plain) == (with_more.unknown_fields(), known.value)
    await kept.put(staff("S-1", leave=[{**days, "first": "x"}]))
    known = (await kept.read([S1]))[S1].staff
    assert known is not None
    assert plain.leave[0].first == known.value.leave[0].first


STAMPS = [
    pytest.param(0, 0, id="1970"),
    pytest.param(0, -1, id="Kafka's way of saying no timestamp"),
    pytest.param(253_402_300_799_999, 2**63 - 1, id="the largest that Kafka holds: the calendar's end"),
]


@pytest.mark.parametrize(("expected", "timestamp"), STAMPS)
async def test_any_timestamp_can_be_read_back(expected: int, timestamp: int) -> None:
    """One that could not would stop whoever reads the node, again and again."""
    references = MemoryReferenceStore()
    references.put("client", client("C-1"), timestamp)
    known = (await references.read([C1]))[C1].client
    assert known is not None
    assert (known.as_of - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == expected


async def test_the_same_record_twice_changes_nothing(kept: Kept) -> None:
    """In one step or in two."""
    records = [related(S1, C1, relationship_id="R-1"), staff("S-1", client_ids=["C-1", "C-2"]), work("W-1")]
    await kept.put(*records)
    before = await held(kept)
    await kept.put(*records, *records)
    assert before == await held(kept)


MOVES: list[tuple[str, list[Record], list[Record], dict[str, list[str]]]] = [
    (
        "a relationship's other end changes",
        [related(S1, C1, relationship_id="R-1")],
        [related(S1, C2, relationship_id="R-1")],
        {S1: ["edge R-1"], C2: ["edge R-1"]},
    ),
    (
        "both its ends change",
        [related(S1, C1, relationship_id="R-1")],
        [related(C2, C3, relationship_id="R-1")],
        {C2: ["edge R-1"], C3: ["edge R-1"]},
    ),
    (
        "its ends change places",
        [related(S1, C1, relationship_id="R-1")],
        [related(C1, S1, relationship_id="R-1")],
        {S1: ["edge R-1"], C1: ["edge R-1"]},
    ),
    (
        "both its ends become one",
        [related(S1, C1, relationship_id="R-1")],
        [related(C1, C1, relationship_id="R-1")],
        {C1: ["edge R-1"]},
    ),
    ("work goes to another client", [work("W-1")], [work("W-1", client_id="C-2")], {C2: ["work W-1"]}),
    (
        "other work stays",
        [work("W-1"), work("W-2")],
        [work("W-1", client_id="C-2")],
        {C1: ["work W-2"], C2: ["work W-1"]},
    ),
    (
        "a staff member has fewer client records",
        [staff("S-1", client_ids=["C-1", "C-2"])],
        [staff("S-1", client_ids=["C-2"])],
        {S1: ["record active"], C2: ["owner S-1"]},
    ),
    (
        "none any more",
        [staff("S-1", client_ids=["C-1", "C-2"]), staff("S-2", client_ids=["C-1"])],
        [staff("S-1", status="ended")],
        {S1: ["record ended"], S2: ["record active"], C1: ["owner S-2"]},
    ),
    (
        "an entry covers other clients",
        [watched(client_ids=["C-1", "C-2"])],
        [watched(client_ids=["C-2", "C-3"])],
        {C2: ["entry M-1"], C3: ["entry M-1"]},
    ),
    ("an entry covers nobody", [watched(client_ids=["C-1"])], [watched(client_ids=[])], {}),
    ("and somebody again", [watched(client_ids=[])], [watched(client_ids=["C-1"])], {C1: ["entry M-1"]}),
    (
        "twice in one go",
        [work("W-1"), work("W-1", client_id="C-2"), work("W-1", client_id="C-3")],
        [],
        {C3: ["work W-1"]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), [pytest.param(*row[1:], id=row[0]) for row in MOVES])
async def test_a_record_moves(
    kept: Kept, before: list[Record], after: list[Record], expected: dict[str, list[str]]
) -> None:
    """What it left holds nothing of it."""
    await kept.put(*before)
    if after:
        await kept.put(*after)
    assert expected == await held(kept)


TOMBSTONES: list[tuple[Record, dict[str, list[str]]]] = [
    (staff("S-1", client_ids=["C-1", "C-2"]), {}),
    (client("C-1"), {}),
    (related(S1, C1, relationship_id="R-1"), {}),
    (work("W-1"), {}),
    (watched("M-1", client_ids=["C-1", "C-3"]), {}),
]


@pytest.mark.parametrize(("record", "expected"), [pytest.param(*row, id=kind_of(row[0])) for row in TOMBSTONES])
async def test_a_tombstone_leaves_nothing(kept: Kept, record: Record, expected: dict[str, list[str]]) -> None:
    """Anywhere; a second one changes nothing, and the record can come again."""
    identity = record_id(kind_of(record), record)
    await kept.put(record)
    before = await held(kept)
    await kept.delete(kind_of(record), identity)
    assert expected == await held(kept)
    await kept.delete(kind_of(record), identity)
    await kept.put(record)
    assert before == await held(kept)


async def test_a_tombstone_of_something_that_is_not_there(kept: Kept) -> None:
    """Nothing happens, whoever else has that id in another kind."""
    await kept.put(client("S-1"), work("C-1", client_id="C-2"))
    before = await held(kept)
    for kind in KINDS:
        await kept.delete(kind, "no such id")
    await kept.delete("staff", "S-1")
    await kept.delete("client", "C-1")
    assert before == await held(kept)


async def test_ids_that_look_like_our_own_names(kept: Kept) -> None:
    """An id may hold colons, blanks, quotes and anything printable."""
    odd = "r:o:w: '\"\\n{}āé😀"
    await kept.put(
        related(f"client:{odd}", f"staff:{odd}", relationship_id=odd), staff(odd, client_ids=[odd]), client(odd),
        work(odd, client_id=odd),
    )  # fmt: skip
    found = await kept.read([f"client:{odd}", f"staff:{odd}"])
    one = found[f"client:{odd}"]
    assert one.client is not None
    assert (one.owners, [w.value.work_id for w in one.work], len(one.edges)) == ([odd], [odd], 1)
    await kept.delete("relationship", odd)
    await kept.delete("staff", odd)
    one = (await kept.read([f"client:{odd}"]))[f"client:{odd}"]
    assert (one.owners, len(one.work), one.edges) == ([], 1, [])


# -- what Redis promises beside that --------------------------------------------------------------------------------


async def test_what_was_applied_is_passed_over(in_redis: InRedis) -> None:
    """A late writer, or one that reads again from the beginning, cannot turn back time."""
    late = [in_redis.change(client("C-1")), in_redis.change(work("W-1"))]
    await in_redis.references.apply(in_redis.epoch, PARTITION, late, 2)
    await in_redis.put(client("C-1", status="closed"))
    await in_redis.delete("work", "W-1")
    state, records = in_redis.references.state, await in_redis.references.records()
    assert await in_redis.references.apply(in_redis.epoch, PARTITION, late, 2) == (0, 0)
    assert await held(in_redis) == {C1: ["record closed"]}
    assert (records, {PARTITION: 4}) == (await in_redis.references.records(), await in_redis.references.applied())
    assert state != in_redis.references.state  # what is read names the state that was read


async def test_of_a_batch_the_new_part_is_taken(in_redis: InRedis) -> None:
    """Records read again in front of new ones."""
    changes = [in_redis.change(work(f"W-{number}")) for number in range(4)]
    assert await in_redis.references.apply(in_redis.epoch, PARTITION, changes[:2], 2) == (2, 0)
    assert await in_redis.references.apply(in_redis.epoch, PARTITION, changes, 4) == (2, 0)
    assert await in_redis.references.records() == {"work": 4}


async def test_a_deletion_that_can_be_read_in_two_ways(in_redis: InRedis) -> None:
    """What has the first id goes; only where there is none, what has the other; and what matched nothing is counted."""

    async def deleted(first: str, instead: str | None) -> int:
        in_redis.offset += 1
        change = Change(in_redis.offset - 1, "client", first, None, instead)
        return (await in_redis.references.apply(in_redis.epoch, PARTITION, [change], in_redis.offset)).unmatched

    await in_redis.put(client('"C-1"'), client("C-1"), client("C-2"))
    assert await deleted('"C-1"', "C-1") == 0
    assert (await in_redis.read([C1]))[C1].client is not None
    assert await deleted('"C-1"', "C-1") == 0
    assert (await in_redis.read([C1]))[C1].client is None
    assert await deleted('"C-1"', "C-1") == 1
    assert await deleted("C-3", None) == 1
    assert await in_redis.references.records() == {"client": 1}
    assert [await in_redis.references.holds(in_redis.epoch, "client", one) for one in ("C-1", "C-2")] == [False, True]
    # In one step, of which the record and its deletion are both a part.
    both = [in_redis.change(client("C-5")), Change(in_redis.offset, "client", '{"id":"C-5"}', None, "C-5")]
    in_redis.offset += 1
    assert await in_redis.references.apply(in_redis.epoch, PARTITION, both, in_redis.offset) == (2, 0)


async def test_partitions_are_counted_apart(in_redis: InRedis) -> None:
    """And a position moves without records, since the last ones may carry no data; it never moves back."""
    apply = in_redis.references.apply
    await apply(in_redis.epoch, "a:0", [], 7)
    await apply(in_redis.epoch, "a:1", [in_redis.change(work())], 1)
    await apply(in_redis.epoch, "a:0", [], 3)
    assert await in_redis.references.applied() == {"a:0": 7, "a:1": 1}


async def test_records_are_counted_by_kind(in_redis: InRedis) -> None:
    """Once each, however often they come; a tombstone of nothing counts nothing."""
    await in_redis.put(work("W-1"), work("W-1"), work("W-2"), watched(client_ids=[]), client("C-1"))
    await in_redis.delete("work", "W-1")
    await in_redis.delete("work", "W-1")
    await in_redis.delete("watchlist", "M-1")
    assert await in_redis.references.records() == {"work": 1, "watchlist": 0, "client": 1}


async def test_a_change_names_another_state(in_redis: InRedis) -> None:
    """Which assessments carry; reading alone leaves it."""
    await in_redis.put(client("C-1"))
    await in_redis.read([C1])
    before = in_redis.references.state
    await in_redis.read([C2])
    assert before == in_redis.references.state
    await in_redis.put(client("C-1", status="closed"))
    await in_redis.read([C1])
    assert before != in_redis.references.state


async def test_an_emptied_redis_is_noticed(in_redis: InRedis) -> None:
    """Nobody reads from it and nobody writes to it under the old epoch; a new one begins with nothing applied."""
    await in_redis.put(client("C-1"))
    await in_redis.wipe()
    with pytest.raises(NotReadable):
        await in_redis.read([C1])
    with pytest.raises(EpochChanged):
        await in_redis.put(client("C-2"))
    assert await in_redis.references.current_epoch() is None
    old = in_redis.epoch
    await in_redis.begin()
    assert old != in_redis.epoch
    assert (await held(in_redis), await in_redis.references.applied(), await in_redis.references.records()) == (
        {},
        {},
        {},
    )


async def test_the_epoch_of_another_is_noticed(in_redis: InRedis) -> None:
    """Emptied and begun again by another worker, before this one looked."""
    await in_redis.wipe()
    other = InRedis(in_redis.redis, in_redis.namespace)
    await other.begin()
    await other.put(client("C-1"))
    with pytest.raises(NotReadable):
        await in_redis.read([C1])
    with pytest.raises(EpochChanged):
        await in_redis.put(client("C-1", status="closed"))
    assert await held(other) == {C1: ["record active"]}


async def test_who_begins_second_takes_the_epoch_that_is_there(in_redis: InRedis) -> None:
    """Two workers that start together load one set of data."""
    assert in_redis.epoch == await in_redis.references.begin("another")
    assert in_redis.epoch == await in_redis.references.current_epoch()


async def test_data_that_were_not_found_complete_are_not_read(in_redis: InRedis) -> None:
    """Not by the reference store, and not by the directory on it: it raises and guesses nothing."""
    await in_redis.put(client("C-1"))
    in_redis.references.epoch = None
    with pytest.raises(NotReadable):
        await Directory(in_redis.references).facts_for([an_access()])


async def test_a_redis_that_is_away_is_not_readable() -> None:
    """Whatever is asked of it."""
    redis: Redis = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=1)
    references = RedisReferenceStore(redis, "nowhere:")
    references.epoch = "any"
    questions: list[Callable[[], Any]] = [
        lambda: references.read([C1]), lambda: references.begin("e"), references.current_epoch, references.applied,
        references.records,
        lambda: references.apply("e", PARTITION, [], 1),
    ]  # fmt: skip
    for ask in questions:
        with pytest.raises(NotReadable, match="Redis does not answer"):
            await ask()
    await redis.aclose()
