"""Where the ``reference`` agent reads on from: Redis knows, since the position lies there with the data.

Redis may lose its data in three ways, and the topics may be made anew. Whoever feeds Redis notices:

  emptied                  the epoch is missing: another begins, and everything is read from the beginning
  gone back to an older    less is applied than was acknowledged: the epoch is replaced, so that nobody judges
  copy                     meanwhile, and what is missing is read again
  topics made anew         more is applied than the topics hold: the data are discarded and everything is read again
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any
from uuid import uuid4

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.holding import Hold
from enrichment.directory import NotReadable
from enrichment.events import events
from enrichment.redis_shelf import EpochChanged, RedisShelf
from enrichment.redis_upkeep import RedisUpkeep
from stream.batches import PositionedConsumer

#: Seconds between looks whether Redis still holds what was loaded.
LOOK_SECONDS = 0.5
#: Seconds between looks whether the topics are still the same.
TOPICS_LOOK_SECONDS = 5.0
#: Characters that name a generation; they stand in every key.
GENERATION_CHARACTERS = 6

#: What passes while Kafka or Redis is away.
AWAY = (NotReadable, KafkaError, OSError, TimeoutError)

_log = events(__name__)


class ReferenceFeed:
    """Keeps the epoch of the data, and reads again what Redis has lost."""

    def __init__(
        self,
        shelf: RedisShelf,
        upkeep: RedisUpkeep,
        ends: Callable[[], Awaitable[Mapping[str, int]]],
        hold: Hold,
    ) -> None:
        """Take what writes to Redis, and what gives the end of each ``<topic>:<partition>``."""
        self._shelf = shelf
        self._upkeep = upkeep
        self._ends = ends
        self._hold = hold
        self._consumer: PositionedConsumer | None = None
        self._topics_seen_at = monotonic()
        self.epoch = ""

    def consumer(self, *args: Any, **kwargs: Any) -> PositionedConsumer:
        """Make the consumer, which reads on from where the data are."""
        self._consumer = PositionedConsumer(*args, **kwargs)
        self._consumer.positions = self._positions
        self._consumer.read_up_to = self._read_up_to
        self._consumer.reading_for = lambda: self.epoch
        return self._consumer

    async def watch(self) -> None:
        """Notice, again and again, that Redis has lost data or that the topics are others, and read once more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                lost = bool(self.epoch) and await self._lost()
            except AWAY as error:
                _log.info("reference-data-not-looked-at", why=str(error) or type(error).__name__)
                continue
            if lost and self._consumer is not None:
                _log.warning("reference-data-lost", why=lost)
                await self._consumer.perform_seek()

    async def _lost(self) -> str | None:
        """Say what was lost, if anything was; what is left is then not judged with any more."""
        # The epoch is asked for last: data that are emptied between the two are gone, they did not go back.
        went_back = await self._shelf.went_back()
        if await self._shelf.current_epoch() != self.epoch:
            return "the reference data in Redis are gone or others: they are loaded from Kafka"
        if went_back:
            await self._upkeep.replace(self.epoch, uuid4().hex)
            return "Redis went back to an older copy of the reference data: what is missing is loaded again from Kafka"
        if monotonic() - self._topics_seen_at >= TOPICS_LOOK_SECONDS:
            self._topics_seen_at = monotonic()
            if await self._made_anew():
                await self._upkeep.discard(self.epoch)
                return "the topics of the reference data were made anew: everything is loaded again from Kafka"
        return None

    async def _made_anew(self) -> bool:
        """Say whether Redis has more than the topics hold. Asked in this order, since topics only grow."""
        applied = await self._shelf.applied()
        ends = await self._ends()
        return any(offset > ends.get(partition, offset) for partition, offset in applied.items())

    async def _positions(self, partitions: set[TP]) -> Mapping[TP, int]:
        async def ask() -> dict[str, int]:
            await self._upkeep.remove_discarded()
            if self.epoch and await self._shelf.went_back():
                await self._upkeep.replace(self.epoch, uuid4().hex)
            self.epoch = await self._shelf.begin(f"{uuid4().hex[:GENERATION_CHARACTERS]}.{uuid4().hex}")
            if await self._made_anew():
                await self._upkeep.discard(self.epoch)
                raise EpochChanged("the topics of the reference data were made anew")
            return await self._shelf.resume()

        applied = await self._hold.until_it_works(ask, AWAY)
        return {tp: applied.get(_name(tp), 0) for tp in partitions}

    async def _read_up_to(self, positions: Mapping[TP, int], epoch: str) -> None:
        """Note how far everything is read: the last records of a topic may be ones that carry no data.

        Only for the epoch that they were read for: under another one these positions would say that empty data are
        complete.
        """
        try:
            applied = await self._shelf.applied()
            for tp, position in positions.items():
                if position > applied.get(_name(tp), 0):
                    await self._shelf.apply(epoch, _name(tp), (), position)
        except EpochChanged:
            return  # `watch` sees to it
        except NotReadable as error:
            _log.info("reference-data-not-looked-at", why=str(error))


def _name(tp: TP) -> str:
    return f"{tp.topic}:{tp.partition}"
