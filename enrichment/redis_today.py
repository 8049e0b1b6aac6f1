"""What Redis holds today around accesses: for looking back at them, never for judging."""

from collections.abc import Sequence

import redis.asyncio

from enrichment.directory import Directory, NotReadable
from enrichment.facts import Facts
from enrichment.redis_shelf import RedisShelf, answer, data_prefix
from enrichment.wire import Access


class Today:
    """Today's facts under one namespace, complete or not."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str) -> None:
        self._redis = client
        self._namespace = namespace
        self._shelf = RedisShelf(client, namespace)

    async def facts_for(self, accesses: Sequence[Access], hops_max: int) -> list[Facts]:
        """Give the facts about each access as they are now.

        Raises:
            NotReadable: Redis does not answer, or holds no reference data.
        """
        self._shelf.epoch = await self._shelf.current_epoch()
        if self._shelf.epoch is None:
            raise NotReadable("Redis holds no reference data")
        return await Directory(self._shelf).facts_for(accesses, hops_max)

    async def client_of_work(self, work_id: str | None) -> str | None:
        """Give the client that a work item is for, or None where there is no such work item.

        Raises:
            NotReadable: Redis does not answer.
        """
        epoch = await self._shelf.current_epoch()
        if work_id is None or epoch is None:
            return None
        places = await answer(self._redis.get(f"{data_prefix(self._namespace, epoch)}at:work:{work_id}"))
        if not places:
            return None
        node: str = places.decode().partition("\n")[0]
        return node.removeprefix("client:")
