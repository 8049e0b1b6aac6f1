"""What is kept in memory is what Redis holds, or is not kept: changes, races, broken and silent links, no data."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from enrichment.lookup import NotReadable
from enrichment.reference import cache
from enrichment.reference.cache import SILENT_SECONDS_MAX, CacheInvalidation, CacheWarmUp, ReferenceCache
from enrichment.reference.layout import EntityRecord, index_entries
from enrichment.reference.redis import Change, RedisReferenceStore
from sandbox.services import Addresses
from tests.support.records import client, staff, watched

C1, C2, S1 = "client:C-1", "client:C-2", "staff:S-1"

pytestmark = pytest.mark.services


class Paused(RedisReferenceStore):
    """A reference store whose answers can be kept back after Redis has given them."""

    def __init__(self, redis: "Redis", namespace: str) -> None:
        super().__init__(redis, namespace)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.answered = asyncio.Event()

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read, then wait until it may go on."""
        found = await super().read(nodes)
        self.answered.set()
        await self.go_on.wait()
        return found


class Kept:
    """A cache on a real Redis with its link, and a writer beside it."""

    def __init__(self, url: str) -> None:
        self.redis: Redis = Redis.from_url(url)
        self.told: Redis = Redis.from_url(url, protocol=3)
        self.namespace = f"test-{uuid4().hex}:"
        self.writer = RedisReferenceStore(self.redis, self.namespace)
        self.references = Paused(self.redis, self.namespace)
        self.passed = 0.0
        self.cache = ReferenceCache(self.references, clock=lambda: monotonic() + self.passed)
        preload = CacheWarmUp(self.redis, self.namespace, self.cache)
        self.tracking = CacheInvalidation(self.told, self.namespace, self.references, self.cache, preload)
        self.epoch = ""
        self.offset = 0

    async def begin(self) -> None:
        """Begin an epoch, which is complete from the start."""
        self.epoch = await self.writer.begin(uuid4().hex)
        self.references.epoch = self.epoch

    async def put(self, identity: str, status: str) -> None:
        """Change a client record."""
        change = Change(self.offset, "client", identity, index_entries(client(identity, status=status), 1))
        self.offset += 1
        await self.writer.apply(self.epoch, "p:0", [change], self.offset)

    async def status(self, node: str = C1) -> str | None:
        """What the cache says of a client."""
        known = (await self.cache.read([node]))[node].client
        return None if known is None else known.value.status

    async def says(self, status: str | None) -> None:
        """Wait until the cache says this of C-1."""
        async with asyncio.timeout(10):
            while await self.status() != status:  # noqa: ASYNC110 what is waited for comes from Redis
                await asyncio.sleep(0.001)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something."""
        async with asyncio.timeout(10):
            while not happened():  # noqa: ASYNC110 what is waited for comes from Redis
                await asyncio.sleep(0.001)


@asynccontextmanager
async def a_cache(url: str) -> AsyncIterator[Kept]:
    """A cache whose link is alive."""
    kept = Kept(url)
    await kept.begin()
    link = asyncio.create_task(kept.tracking.run())
    try:
        await kept.until(lambda: kept.cache.live)
        yield kept
    finally:
        kept.references.go_on.set()
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
        keys = [key async for key in kept.redis.scan_iter(match=f"{kept.namespace}*")]
        if keys:
            await kept.redis.delete(*keys)
        await kept.redis.aclose()
        await kept.told.aclose()


@pytest.fixture
async def kept(services: Addresses) -> AsyncIterator[Kept]:
    """A cache whose link is alive."""
    async with a_cache(services.redis) as one:
        yield one


async def test_a_node_is_asked_for_once(kept: Kept) -> None:
    """Afterwards it comes from memory, one that nothing is known of too."""
    for _ in range(3):
        found = await kept.cache.read([C1, C2, S1])
    assert found[C2] == EntityRecord()
    assert (kept.cache.asked, kept.cache.given) == (3, 6)


async def test_a_change_replaces_what_is_kept(kept: Kept) -> None:
    """Put, put again, taken away; and a node of which nothing was known."""
    assert await kept.status() is None
    await kept.put("C-1", "active")
    await kept.says("active")
    await kept.put("C-1", "closed")
    await kept.says("closed")
    await kept.writer.apply(kept.epoch, "p:0", [Change(kept.offset, "client", "C-1", None)], kept.offset + 1)
    await kept.says(None)


async def test_a_change_that_comes_between_reading_and_keeping_wins(kept: Kept) -> None:
    """What was read before it is given to whoever asked before it, and is not kept."""
    await kept.put("C-1", "active")
    kept.references.go_on.clear()
    reading = asyncio.create_task(kept.status())
    await kept.references.answered.wait()
    await kept.put("C-1", "closed")
    await kept.until(lambda: C1 not in kept.cache._coming)
    kept.references.go_on.set()
    assert await reading == "active"
    assert await kept.status() == "closed"


async def test_a_broken_link_forgets_everything_and_comes_back(kept: Kept) -> None:
    """Nothing is kept until it is back; a change made meanwhile is seen."""
    await kept.put("C-1", "active")
    await kept.says("active")
    for one in await kept.redis.client_list():
        if one.get("flags", "").startswith("t") or "B" in one.get("flags", ""):
            await kept.redis.client_kill(one["addr"])
    await kept.until(lambda: not kept.cache.live)
    assert len(kept.cache) == 0
    await kept.put("C-1", "closed")
    assert await kept.status() == "closed"
    assert len(kept.cache) == 0
    await kept.until(lambda: kept.cache.live)
    assert await kept.status() == "closed"
    assert len(kept.cache) == 1


async def test_a_silent_link_is_not_believed(kept: Kept) -> None:
    """As after a process was stopped for a while: what was kept is forgotten before anything is read."""
    await kept.put("C-1", "active")
    await kept.says("active")
    kept.passed = SILENT_SECONDS_MAX + 1
    asked = kept.cache.asked
    assert not kept.cache.live
    assert await kept.status() == "active"
    assert (len(kept.cache), kept.cache.asked) == (0, asked)


async def test_an_emptied_redis_is_noticed_although_everything_is_kept(kept: Kept) -> None:
    """Nobody reads under the old epoch; under a new one nothing of the old is given."""
    await kept.put("C-1", "active")
    await kept.says("active")
    keys = [key async for key in kept.redis.scan_iter(match=f"{kept.namespace}*")]
    await kept.redis.delete(*keys)
    await kept.until(lambda: len(kept.cache) == 0)
    with pytest.raises(NotReadable):
        await kept.status()
    kept.offset = 0
    kept.writer = RedisReferenceStore(kept.redis, kept.namespace)
    kept.references._newest_change = 0
    await kept.begin()
    assert await kept.status() is None
    await kept.put("C-1", "closed")
    await kept.says("closed")
    await kept.until(lambda: kept.cache.live)


async def test_staff_and_clients_are_bounded_apart(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asked for longest ago goes first; staff stay."""
    monkeypatch.setattr(cache, "CLIENT_NODES_MAX", 2)
    await kept.cache.read([S1])
    for node in (C1, C2, C1, "client:C-3"):
        await kept.cache.read([node])
    asked = kept.cache.asked
    await kept.cache.read([S1, C1, "client:C-3"])
    assert kept.cache.asked == asked
    await kept.cache.read([C2])
    assert kept.cache.asked == asked + 1


async def test_staff_records_are_kept_too(kept: Kept) -> None:
    """And told of when they change."""
    change = Change(0, "staff", "S-1", index_entries(staff("S-1", client_ids=["C-1"]), 1))
    await kept.cache.read([S1, C1])
    await kept.writer.apply(kept.epoch, "s:0", [change], 1)
    async with asyncio.timeout(10):
        found = await kept.cache.read([S1, C1])
        while found[S1].staff is None or not found[C1].owners:
            await asyncio.sleep(0.001)
            found = await kept.cache.read([S1, C1])


async def test_staff_and_the_watchlist_are_read_ahead(services: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start and after a broken link; with their own records, without other clients, and not who was removed."""
    monkeypatch.setattr(cache, "RECORDS_PER_STEP", 2)
    async with a_cache(services.redis) as kept:
        people = [
            Change(n, "staff", f"S-{n}", index_entries(staff(f"S-{n}", client_ids=[f"own-{n}"]), 1)) for n in range(7)
        ]
        watchlist = [Change(0, "watchlist", "M-1", index_entries(watched("M-1", client_ids=["C-9"]), 1))]
        await kept.writer.apply(kept.epoch, "s:0", [*people, Change(7, "staff", "S-0", None)], 8)
        await kept.writer.apply(kept.epoch, "w:0", watchlist, 1)
        await kept.put("C-1", "active")
        expected = {f"staff:S-{n}" for n in range(1, 7)} | {f"client:own-{n}" for n in range(1, 7)} | {"client:C-9"}
        for one in await kept.redis.client_list():
            if "B" in one.get("flags", ""):
                await kept.redis.client_kill(one["addr"])
        await kept.until(lambda: expected == {*kept.cache._staff, *kept.cache._clients})
        asked = kept.cache.asked
        found = await kept.cache.read(expected)
        assert asked == kept.cache.asked
        assert found["client:own-3"].owners == ["S-3"]
        assert found["client:C-9"].watchlist
