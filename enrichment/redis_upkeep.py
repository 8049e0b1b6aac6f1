"""When the data in Redis can no longer be trusted: another epoch over them, or away with them.

A discarded generation is out of sight in one step, since no key of the next one begins like its keys do. Removing
them takes a minute for millions; whoever begins after a crash in the middle goes on with it.
"""

import redis.asyncio

from enrichment.redis_shelf import answer, data_prefix

#: Keys looked at in one step of removing; Redis answers others between two steps.
KEYS_PER_STEP = 2_000

_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('INCR', KEYS[2])
return 1
"""
_DISCARD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
redis.call('INCR', KEYS[3])
return 1
"""


class RedisUpkeep:
    """What a writer does to all the data at once."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._epoch, self._discarded = f"{namespace}epoch", f"{namespace}discarded"
        self._rebuilds = f"{namespace}rebuilds"

    async def replace(self, epoch: str, nonce: str) -> None:
        """Give the same data a new epoch, unless somebody has: readers then wait until they are complete again."""
        generation = epoch.partition(".")[0]
        await answer(self._redis.eval(_REPLACE, 2, self._epoch, self._rebuilds, epoch, f"{generation}.{nonce}"))

    async def discard(self, epoch: str) -> None:
        """Put an epoch's data out of sight, unless somebody has."""
        prefix = data_prefix(self._namespace, epoch)
        await answer(self._redis.eval(_DISCARD, 3, self._epoch, self._discarded, self._rebuilds, epoch, prefix))

    async def remove_discarded(self) -> None:
        """Remove the keys of every discarded generation.

        Raises:
            NotReadable: Redis does not answer; what is left is removed the next time.
        """
        for prefix in await answer(self._redis.smembers(self._discarded)):
            cursor = -1
            while cursor:
                step = self._redis.scan(max(cursor, 0), match=_literally(prefix) + b"*", count=KEYS_PER_STEP)
                cursor, keys = await answer(step)
                if keys:
                    await answer(self._redis.unlink(*keys))
            await answer(self._redis.srem(self._discarded, prefix))


def _literally(prefix: bytes) -> bytes:
    """Write a prefix as a pattern that fits nothing else."""
    for special in (b"\\", b"*", b"?", b"["):
        prefix = prefix.replace(special, b"\\" + special)
    return prefix
