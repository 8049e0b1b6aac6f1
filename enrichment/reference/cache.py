"""A read-through cache before Redis: what was read is kept parsed in memory until Redis says that it changed.

It promises
  1. nothing is kept, and nothing kept is given, unless the link that says what has changed is alive: what it missed
     while it was away is unknown, so all is forgotten before anything is read;
  2. of a change that is told while its node is being read, the change wins: that node is read but not kept;
  3. what was kept under one epoch is never given under another;
  4. it is bounded, staff and clients apart: all staff fit, and of clients those last asked for.

``CacheWarmUp`` reads all staff, and whoever is on the watchlist, into a worker's memory before they are asked for.

Without it the first access of each staff member after a start, or after a link broke, waits for Redis; with it only
clients that nobody has opened lately do.

``CacheInvalidation`` is the link on which Redis says what has changed: CLIENT TRACKING, broadcasting, on a RESP3
connection of its own.

It is asked every half second where the data stand, which does three things: a link that does not answer is broken, a
link that answers has told everything up to then, and one whose server has seen less than the server we read from hangs
on another server, an old master for one, and is broken too. A broken link empties the cache and is then made anew.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

import redis.asyncio

from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.reference.layout import EntityRecord
from enrichment.reference.redis import LISTED, UNREADABLE, RedisReferenceStore, answer, data_prefix
from enrichment.reference.redis_errors import why

#: Staff nodes that are kept; the ministry has 8,044 in a year.
STAFF_NODES_MAX = 20_000
#: Client nodes that are kept, about 2.5 KB each.
CLIENT_NODES_MAX = 60_000
#: Seconds that the link may be silent. With what it takes to notice, it bounds how old a kept node can be.
SILENT_SECONDS_MAX = 2.0


class ReferenceCache:
    """Keeps nodes; what it does not have it asks of Redis in one round trip."""

    def __init__(self, references: RedisReferenceStore, clock: Callable[[], float] = monotonic) -> None:
        """Take the reference store, and what gives the seconds that silence is measured in."""
        self._references = references
        self._clock = clock
        self._staff: OrderedDict[str, EntityRecord] = OrderedDict()
        self._clients: OrderedDict[str, EntityRecord] = OrderedDict()
        #: Nodes on their way from Redis, each with whoever reads it; a change takes it out.
        self._coming: dict[str, object] = {}
        self._epoch: str | None = None
        self._heard_at: float | None = None
        #: Nodes that were given from memory, and that were asked of Redis.
        self.given, self.asked = 0, 0

    @property
    def state(self) -> str:
        """Name the state of the reference data that was last seen in Redis."""
        return self._references.state

    @property
    def live(self) -> bool:
        """Return whether the link is alive, and was heard lately."""
        return self._heard_at is not None and self._clock() - self._heard_at <= SILENT_SECONDS_MAX

    def __len__(self) -> int:
        """Count the nodes that are kept."""
        return len(self._staff) + len(self._clients)

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes, from memory what is kept there, the others in one round trip.

        The outage policy is that of ``RedisReferenceStore.read``. Where all nodes are kept Redis is not asked: that
        it was emptied, or went back, has been told by the link, or has ended it.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        if not self.live or self._references.epoch is None or self._references.epoch != self._epoch:
            self.forget_all()
            self._epoch = self._references.epoch
            if not self.live:
                return await self._references.read(nodes)
        found: dict[str, EntityRecord] = {}
        missing = []
        for node in nodes:
            references = self._of(node)
            kept = references.get(node)
            if kept is None:
                missing.append(node)
            else:
                references.move_to_end(node)
                found[node] = kept
        self.given += len(found)
        if missing or self._epoch is None:
            self.asked += len(missing)
            found.update(await self._fetch(missing))
        return found

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes; this is always asked of Redis. Raises as ``read``."""
        return await self._references.count(nodes)

    async def _fetch(self, missing: Collection[str]) -> Mapping[str, EntityRecord]:
        reader = object()
        self._coming.update(dict.fromkeys(missing, reader))
        try:
            found = await self._references.read(missing)
            for node, entity in found.items():
                if self._coming.get(node) is reader:
                    self._keep(node, entity)
            return found
        finally:
            for node in missing:
                if self._coming.get(node) is reader:
                    del self._coming[node]

    def _keep(self, node: str, entity: EntityRecord) -> None:
        references = self._of(node)
        references[node] = entity
        if len(references) > (STAFF_NODES_MAX if references is self._staff else CLIENT_NODES_MAX):
            references.popitem(last=False)

    def _of(self, node: str) -> OrderedDict[str, EntityRecord]:
        return self._staff if node.startswith("staff:") else self._clients

    # -- what the link says -------------------------------------------------------------------------------------

    def heard(self) -> None:
        """Note that everything which had changed until now has been told."""
        self._heard_at = self._clock()

    def forget(self, nodes: Iterable[str]) -> None:
        """Forget nodes that have changed, those on their way too."""
        for node in nodes:
            self._of(node).pop(node, None)
            self._coming.pop(node, None)

    def forget_all(self) -> None:
        """Forget everything, what is on its way too."""
        self._staff.clear()
        self._clients.clear()
        self._coming.clear()

    def broken(self) -> None:
        """Forget everything; until the link is heard again nothing is kept."""
        self._heard_at = None
        self.forget_all()


#: Records read in one step; batches take their turns between two.
RECORDS_PER_STEP = 100


class CacheWarmUp:
    """What is read ahead, and where it is kept."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str, cache: ReferenceCache) -> None:
        """Take the client to ask, what stands before our keys, and the cache that keeps what it reads."""
        self._redis = client
        self._namespace = namespace
        self._cache = cache

    async def read(self, epoch: str) -> int:
        """Read them once; give how many nodes that were.

        Raises:
            NotReadable: Redis does not answer, or its data are not those that were found complete.
        """
        nodes_read = 0
        prefix = data_prefix(self._namespace, epoch)
        for kind in LISTED:
            async for ids in self._ids(f"{prefix}ids:{kind}"):
                held = await answer(self._redis.mget([f"{prefix}at:{kind}:{identity}" for identity in ids]))
                lines = [line for places in held if places for line in places.decode().split("\t")]
                nodes = {line.partition("\n")[0] for line in lines}
                await self._cache.read(nodes)
                nodes_read += len(nodes)
        return nodes_read

    async def _ids(self, key: str) -> AsyncIterator[list[str]]:
        cursor = -1
        while cursor:
            cursor, found = await answer(self._redis.sscan(key, max(cursor, 0), count=RECORDS_PER_STEP))
            for start in range(0, len(found), RECORDS_PER_STEP):
                yield [identity.decode() for identity in found[start : start + RECORDS_PER_STEP]]


#: Seconds between questions on the link.
ASK_SECONDS = 0.5
#: Seconds in which such a question is answered, or the link is broken.
ANSWERED_SECONDS_MAX = 1.0
#: Seconds until a broken link is made anew.
AGAIN_SECONDS = 0.2
#: Seconds after which everything is forgotten and read anew, should the link ever have kept something from us.
RESYNC_SECONDS = 600.0

#: How often a task of a broken link is told to end, and seconds between two times.
TOLD_TO_END_MAX = 10
TOLD_AGAIN_SECONDS = 0.2

_PUSHED: Final = object()

_log = events(__name__)


class CacheInvalidation:
    """Keeps a cache fresh for as long as it runs."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        namespace: str,
        references: RedisReferenceStore,
        cache: ReferenceCache,
        preload: CacheWarmUp | None = None,
    ) -> None:
        """Take a client that speaks RESP3, the store that readers ask, the cache before it, and what fills it."""
        self._client = client
        self._namespace = namespace
        self._references = references
        self._cache = cache
        self._preload = preload
        #: Set whenever the cache is empty and may keep again.
        self._emptied = asyncio.Event()
        #: Set once the link has answered: from then on the cache keeps what is read.
        self._heard = asyncio.Event()
        self._asked_at: float | None = None
        self._expected = 0

    async def run(self) -> None:
        """Make the link, and make it anew whenever it breaks."""
        while True:
            try:
                await self._follow()
            except (*UNREADABLE, NotReadable) as error:
                _log.info("changes-link-broke", why=str(error) if isinstance(error, NotReadable) else why(error))
            finally:
                self._cache.broken()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        epoch = self._references.epoch
        if epoch is None:
            return  # nothing is read before the data are complete, so nothing is kept
        prefix = data_prefix(self._namespace, epoch)
        connection: Any = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await answer(connection.connect())
            connection._parser.invalidation_push_handler_func = self._on_change(prefix)  # noqa: SLF001 no other way in
            prefixes = [f"{prefix}staff:", f"{prefix}client:", f"{self._namespace}epoch"]
            tracking = [part for one in prefixes for part in ("PREFIX", one)]
            await answer(connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", *tracking))
            await answer(connection.read_response())
            # Subscribed first, emptied then: what is read from here on is told of when it changes.
            self._cache.forget_all()
            self._heard.clear()
            self._emptied.set()
            self._asked_at = None
            await self._until_broken(connection, epoch)
        finally:
            await connection.disconnect(nowait=True)

    async def _until_broken(self, connection: Any, epoch: str) -> None:
        """Read what the link says, and ask now and then; whichever ends first ends the link."""
        work = (self._listen(connection, epoch), self._ask(connection), self._fill(epoch))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._cache.broken()
            await _ended(tasks)

    async def _ask(self, connection: Any) -> None:
        resync_at = monotonic() + RESYNC_SECONDS
        while True:
            # What readers have seen by now, the link's server has seen too when it answers, or it is another server.
            self._expected = self._references.newest_change
            self._asked_at = monotonic()
            await connection.send_command("MGET", f"{self._namespace}epoch", f"{self._namespace}changes")
            await asyncio.sleep(ASK_SECONDS)
            while self._asked_at is not None:
                if monotonic() - self._asked_at > ANSWERED_SECONDS_MAX:
                    raise TimeoutError("the link does not answer")
                await asyncio.sleep(ASK_SECONDS / 10)
            if monotonic() > resync_at:
                self._cache.forget_all()
                self._emptied.set()
                resync_at = monotonic() + RESYNC_SECONDS

    async def _fill(self, epoch: str) -> None:
        """Read ahead whenever the cache was emptied, for as long as the link lives."""
        while True:
            await self._emptied.wait()
            await self._heard.wait()
            self._emptied.clear()
            if self._preload is not None:
                began = monotonic()
                nodes = await self._preload.read(epoch)
                _log.info("people-read-ahead", number=nodes, seconds=round(monotonic() - began, 1))

    async def _listen(self, connection: Any, epoch: str) -> None:
        while True:
            said = await connection.read_response(disable_decoding=True, timeout=math.inf, push_request=True)
            if said is _PUSHED:
                continue
            seen, changes = said
            if seen is None or seen.decode() != epoch or int(changes or 0) < self._expected:
                return
            self._asked_at = None
            self._cache.heard()
            self._heard.set()

    def _on_change(self, prefix: str) -> Any:
        """Make what takes the keys that have changed; null stands for all of them."""
        cut = len(prefix.encode())

        async def told(push: Sequence[Any]) -> object:
            keys = push[1]
            if keys is None or any(key == f"{self._namespace}epoch".encode() for key in keys):
                self._cache.broken()
            else:
                self._cache.forget(bytes(key)[cut:].decode() for key in keys)
            return _PUSHED

        return told


async def _ended(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """End tasks. One that a library kept from hearing it, as an answer came just then, is told again."""
    for _ in range(TOLD_TO_END_MAX):
        for task in tasks:
            task.cancel()
        _, running = await asyncio.wait(tasks, timeout=TOLD_AGAIN_SECONDS)
        if not running:
            break
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # why a link ended was said by whichever task ended it
