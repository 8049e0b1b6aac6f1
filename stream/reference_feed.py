"""Where the ``reference`` agent reads on from: Redis knows, since the position lies there with the data."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from faust.types import TP

from agents.holding import Hold
from enrichment.directory import NotReadable
from enrichment.redis_shelf import EpochChanged, RedisShelf
from stream.batches import PositionedConsumer

#: Seconds between looks whether Redis still holds what was loaded.
LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


class ReferenceFeed:
    """Keeps the epoch of the data, and starts all over when Redis was emptied."""

    def __init__(self, shelf: RedisShelf, hold: Hold) -> None:
        self._shelf = shelf
        self._hold = hold
        self._consumer: PositionedConsumer | None = None
        self.epoch = ""

    def consumer(self, *args: Any, **kwargs: Any) -> PositionedConsumer:
        """Make the consumer, which reads on from where the data are."""
        self._consumer = PositionedConsumer(*args, **kwargs)
        self._consumer.positions = self._positions
        self._consumer.read_up_to = self._read_up_to
        return self._consumer

    async def watch(self) -> None:
        """Notice, again and again, that Redis was emptied, and have everything read once more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                emptied = bool(self.epoch) and await self._shelf.current_epoch() != self.epoch
            except NotReadable:
                continue
            if emptied and self._consumer is not None:
                _log.warning("the reference data are gone from Redis: they are loaded again from Kafka")
                await self._consumer.perform_seek()

    async def _positions(self, partitions: set[TP]) -> Mapping[TP, int]:
        async def ask() -> dict[str, int]:
            self.epoch = await self._shelf.begin(uuid4().hex)
            return await self._shelf.applied()

        applied = await self._hold.until_it_works(ask, (NotReadable,))
        return {tp: applied.get(_name(tp), 0) for tp in partitions}

    async def _read_up_to(self, positions: Mapping[TP, int]) -> None:
        """Note how far everything is read: the last records of a topic may be ones that carry no data."""
        try:
            applied = await self._shelf.applied()
            for tp, position in positions.items():
                if position > applied.get(_name(tp), 0):
                    await self._shelf.apply(self.epoch, _name(tp), (), position)
        except EpochChanged:
            return  # `watch` sees to it
        except NotReadable as error:
            _log.info("%s", error)


def _name(tp: TP) -> str:
    return f"{tp.topic}:{tp.partition}"
