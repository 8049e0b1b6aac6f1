"""The link on which Redis says what has changed: CLIENT TRACKING, broadcasting, on a RESP3 connection of its own.

It is asked every half second where the data stand, which does three things: a link that does not answer is broken, a
link that answers has told everything up to then, and one whose server has seen less than the server we read from hangs
on another server, an old master for one, and is broken too. A broken link empties the cache and is then made anew.
"""

import asyncio
import math
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import redis.asyncio

from enrichment.cached_shelf import CachedShelf
from enrichment.directory import NotReadable
from enrichment.events import events
from enrichment.redis_preload import Preload
from enrichment.redis_shelf import UNREADABLE, RedisShelf, answer, data_prefix

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


class Tracking:
    """Keeps a cache fresh for as long as it runs."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        namespace: str,
        shelf: RedisShelf,
        cache: CachedShelf,
        preload: Preload | None = None,
    ) -> None:
        """Take a client that speaks RESP3, the shelf that readers ask, the cache before it, and what fills it."""
        self._client = client
        self._namespace = namespace
        self._shelf = shelf
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
                _log.info("changes-link-broke", why=type(error).__name__)
            finally:
                self._cache.broken()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        epoch = self._shelf.epoch
        if epoch is None:
            return  # nothing is read before the data are complete, so nothing is kept
        prefix = data_prefix(self._namespace, epoch)
        connection: Any = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await answer(connection.connect())
            connection._parser.invalidation_push_handler_func = self._told(prefix)  # noqa: SLF001 no other way in
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
            self._expected = self._shelf.newest_change
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

    def _told(self, prefix: str) -> Any:
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
