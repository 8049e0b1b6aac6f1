"""Reads all staff, and whoever is on the watchlist, into a worker's memory before they are asked for.

Without it the first access of each staff member after a start, or after a link broke, waits for Redis; with it only
clients that nobody has opened lately do.
"""

from collections.abc import AsyncIterator

import redis.asyncio

from enrichment.cached_shelf import CachedShelf
from enrichment.redis_shelf import LISTED, answer, data_prefix

#: Records read in one step; batches take their turns between two.
RECORDS_PER_STEP = 100


class Preload:
    """What is read ahead, and where it is kept."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str, cache: CachedShelf) -> None:
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
