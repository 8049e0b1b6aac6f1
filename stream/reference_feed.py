"""Where the ``reference`` agent reads on from: Redis knows, since the position lies there with the data.

Redis may lose its data in four ways, and the topics may be made anew. Whoever feeds Redis notices:

  emptied                  the epoch is missing: another begins, and everything is read from the beginning
  parts of them gone       keys were evicted, or fewer records are there than were counted: the data are discarded and
                           everything is read again
  gone back to an older    less is applied than was acknowledged: the epoch is replaced, so that nobody judges
  copy                     meanwhile, and what is missing is read again
  topics made anew         more is applied than the topics hold: the data are discarded and everything is read again

``ReferenceFeed`` does that for the ``reference`` agent. ``Readiness`` tells the ``screen`` agent whether the data are
complete: until then no access is read, and none is judged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import monotonic
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.batch import partition_key
from agents.connection_errors import why
from agents.metrics import Metrics
from agents.retry import Hold
from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.reference.redis import EpochChanged, RedisReferenceStore, RedisUpkeep
from enrichment.reference.server import RedisServer

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
        server: RedisServer,
        references: RedisReferenceStore,
        upkeep: RedisUpkeep,
        ends: Callable[[], Awaitable[Mapping[str, int]]],
        hold: Hold,
    ) -> None:
        """Take what writes to Redis, and what gives the end of each ``<topic>:<partition>``."""
        self._server = server
        self._references = references
        self._upkeep = upkeep
        self._ends = ends
        self._hold = hold
        #: Why Redis cannot be fed, or None.
        self.reason: str | None = None
        #: Lets the consumer begin anew from where ``starts`` says.
        self.read_again: Callable[[], None] = lambda: None
        self._topics_seen_at = monotonic()
        self.epoch = ""

    async def watch(self) -> None:
        """Notice, again and again, that Redis has lost data or that the topics are others, and read once more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._server.check()
                self.reason = None
                lost = bool(self.epoch) and await self._lost()
            except AWAY as error:
                self.reason = str(error) if isinstance(error, NotReadable) else None
                _log.info("reference-data-not-looked-at", why=why(error))
                continue
            if lost:
                _log.warning("reference-data-lost", why=lost)
                self.read_again()

    async def _lost(self) -> str | None:
        """Return what was lost, if anything was; what is left is then not judged with any more."""
        # The epoch is asked for last: data that are emptied between the two are gone, they did not go back.
        went_back = await self._references.went_back()
        if await self._references.current_epoch() != self.epoch:
            return "the reference data in Redis are gone or others: they are loaded from Kafka"
        if went_back:
            await self._upkeep.replace(self.epoch, uuid4().hex)
            return "Redis went back to an older copy of the reference data: what is missing is loaded again from Kafka"
        if (part := await self._upkeep.lost(self.epoch, self._references)) is not None:
            return part
        if monotonic() - self._topics_seen_at >= TOPICS_LOOK_SECONDS:
            self._topics_seen_at = monotonic()
            if await self._made_anew():
                await self._upkeep.discard(self.epoch)
                return "the topics of the reference data were made anew: everything is loaded again from Kafka"
        return None

    async def _made_anew(self) -> bool:
        """Return whether Redis has more than the topics hold. Asked in this order, since topics only grow."""
        applied = await self._references.applied()
        ends = await self._ends()
        return any(offset > ends.get(partition, offset) for partition, offset in applied.items())

    def reading_for(self) -> str:
        """Return the epoch of the data that are being loaded."""
        return self.epoch

    async def starts(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return how far Redis has each partition; wait, and say so, for as long as it cannot be asked."""

        async def ask() -> dict[str, int]:
            await self._server.check()
            await self._upkeep.remove_discarded()
            if self.epoch and await self._references.went_back():
                await self._upkeep.replace(self.epoch, uuid4().hex)
            self.epoch = await self._references.begin(f"{uuid4().hex[:GENERATION_CHARACTERS]}.{uuid4().hex}")
            if (lost := await self._upkeep.lost(self.epoch, self._references)) is not None:
                raise NotReadable(lost)
            if await self._made_anew():
                await self._upkeep.discard(self.epoch)
                raise NotReadable("the topics of the reference data were made anew")
            return await self._references.resume()

        applied = await self._hold.until_it_works(ask, AWAY)
        return {tp: applied.get(partition_key(*tp), 0) for tp in partitions}

    async def read_up_to(self, positions: Mapping[TopicPartition, int], epoch: str) -> None:
        """Note how far everything is read: the last records of a topic may be ones that carry no data.

        Only for the epoch that they were read for: under another one these positions would say that empty data are
        complete.
        """
        try:
            applied = await self._references.applied()
            for tp, position in positions.items():
                if position > applied.get(partition_key(*tp), 0):
                    await self._references.apply(epoch, partition_key(*tp), (), position)
        except EpochChanged:
            return  # `watch` sees to it
        except NotReadable as error:
            _log.info("reference-data-not-looked-at", why=str(error))


#: Seconds between looks while the data are not complete, and once they are.
READY_LOOK_SECONDS = 0.2
READY_LOOK_SECONDS_COMPLETE = 1.0


class Readiness:
    """Watches the reference data in Redis against the ends of their topics, as those were when the look began.

    Also whether they may lie there at all, and whether some have gone: whoever notices that discards them, and the
    ``reference`` agent, of this worker or of another, loads them again.
    """

    def __init__(
        self,
        server: RedisServer,
        references: RedisReferenceStore,
        upkeep: RedisUpkeep,
        ends: Callable[[], Awaitable[Mapping[str, int]]],
        metrics: Metrics,
    ) -> None:
        """Take Redis, our data in it, and what gives the end offset of each ``<topic>:<partition>``."""
        self._server = server
        self._references = references
        self._upkeep = upkeep
        self._ends = ends
        self._metrics = metrics
        self._epoch: str | None = None
        self._goal: Mapping[str, int] = {}
        self._complete_at = monotonic()
        #: Why accesses are not read, or None while the reference data are complete.
        self.reason: str | None = "the reference data have not been looked at yet"

    @property
    def complete(self) -> bool:
        """Return whether the reference data can be judged with."""
        return self.reason is None

    async def watch(self) -> None:
        """Look again and again, for as long as the worker runs."""
        while True:
            before = self.reason
            try:
                self.reason = await self._look()
            except AWAY as error:
                self.reason = why(error)
            if not self.complete:
                # Whatever is read meanwhile is refused, so that a batch in hand is held and not judged.
                self._references.epoch = None
            if (before is None) != self.complete:
                self._say()
            if self.complete:
                self._complete_at = monotonic()
            self._metrics.reference_age.set(monotonic() - self._complete_at)
            await asyncio.sleep(READY_LOOK_SECONDS_COMPLETE if self.complete else READY_LOOK_SECONDS)

    def _say(self) -> None:
        if self.reason is None:
            _log.warning("reference-data-complete")
        else:
            _log.warning("reference-data-incomplete", why=self.reason)

    async def _look(self) -> str | None:
        await self._server.check()
        epoch, went_back = await self._references.look()
        if epoch is None:
            return "Redis holds no reference data yet"
        if (lost := await self._upkeep.lost(epoch, self._references)) is not None:
            return lost
        if epoch != self._epoch or went_back:
            # Nothing is read until what is there now has reached where the topics end now.
            self._references.epoch = self._epoch = None
            self._epoch, self._goal = epoch, await self._ends()
        elif self._references.epoch == epoch:
            return None
        applied = await self._references.applied()
        missing = sum(max(0, end - applied.get(partition, 0)) for partition, end in self._goal.items())
        if missing:
            return f"{missing} reference records are not in Redis yet"
        if await self._references.current_epoch() != epoch:
            return "the reference data in Redis have just been replaced"
        self._references.epoch = epoch
        return None
