"""What the Redis server says of itself, and whether our data may lie there.

It may not where they could go away by themselves. A ``maxmemory-policy`` that evicts takes keys of ours without a word:
``allkeys-*`` any of them, ``volatile-*`` the windows, which are forgotten after their time. A rule that asks for a
record, or for a count, would then be answered as if there were none. So nothing is loaded and nothing is judged there,
until the policy is ``noeviction`` or there is no ``maxmemory`` at which it would begin.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis.asyncio
from redis.exceptions import NoPermissionError, ResponseError

from enrichment.lookup import NotReadable
from enrichment.reference.redis import answer
from enrichment.reference.redis_errors import CLUSTER

NO_EVICTION: Final = "noeviction"

#: Takes an error and returns what is in the way, after whatever else it tried to find that out.
Explain = Callable[[NotReadable], Awaitable[str]]


class Unfit(NotReadable):
    """Redis answers, and our data may not lie there as it is set up."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server says of itself; None where it is not allowed to be asked."""

    policy: str | None
    #: Bytes from which on it evicts, or refuses writes; 0 where there is no such bound.
    memory_max: int | None
    evicted: int | None
    cluster: bool
    replica: bool

    @property
    def refusal(self) -> str | None:
        """Why it cannot be worked with at all, in a sentence, or None."""
        return CLUSTER if self.cluster else None

    @property
    def unfit(self) -> str | None:
        """Why our data may not lie there, in a sentence, or None."""
        if self.cluster:
            return CLUSTER
        if self.replica:
            return "Redis is a replica and takes no writes: name the primary in ACCESSWATCH_REDIS, or its sentinels"
        if self.policy is None and self.evicted is None:
            return (
                "Redis does not let us see whether it evicts keys: "
                "allow its user INFO, as deploy/redis-acl.conf does (+info)"
            )
        if self.policy in {None, NO_EVICTION} or self.memory_max == 0:
            return None
        return (
            f"Redis may evict keys, and accesses would be judged without facts: "
            f"its maxmemory-policy is {self.policy}, set it to {NO_EVICTION}"
        )


class RedisServer:
    """The server behind a client."""

    def __init__(self, client: "redis.asyncio.Redis", explain: Explain | None = None) -> None:
        """Take the client, and what finds out more about an error than it says."""
        self._redis = client
        self._explain = explain

    async def look(self) -> ServerState:
        """Return what the server says of itself.

        Raises:
            NotReadable: it does not answer.
        """
        try:
            info: Mapping[str, Any] = await self._allowed(self._redis.info()) or {}
            policy, memory_max = info.get("maxmemory_policy"), info.get("maxmemory")
            if policy is None:
                configured = await self._allowed(self._redis.config_get("maxmemory*")) or {}
                policy, memory_max = configured.get("maxmemory-policy"), configured.get("maxmemory")
        except NotReadable as error:
            if self._explain is None:
                raise
            raise NotReadable(await self._explain(error)) from error
        return ServerState(
            policy=None if policy is None else str(policy),
            memory_max=None if memory_max is None else int(memory_max),
            evicted=info.get("evicted_keys"),
            cluster=bool(info.get("cluster_enabled")),
            replica=info.get("role") == "slave",
        )

    async def check(self) -> None:
        """Look, for somebody whose data are to lie there.

        Raises:
            Unfit: they may not; the sentence names the setting and the value it should have.
            NotReadable: as ``look``.
        """
        state = await self.look()
        if state.replica:
            # Behind a name, or by its sentinels, the primary is another server by now: it is asked for anew.
            await self._redis.connection_pool.disconnect(inuse_connections=False)
        if state.unfit is not None:
            raise Unfit(state.unfit)

    async def _allowed(self, asked: Awaitable[Any]) -> Any:
        """Return what was asked for, or None where our user may not ask it, or the command was taken away."""
        try:
            return await answer(asked)
        except NotReadable as error:
            cause = error.__cause__
            unknown = isinstance(cause, ResponseError) and str(cause).lower().startswith("unknown command")
            if unknown or isinstance(cause, NoPermissionError):
                return None
            raise
