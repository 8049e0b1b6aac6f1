"""Whether the reference data are complete: until then no access is read, and none is judged."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from aiokafka.errors import KafkaError

from agents.metrics import Metrics
from enrichment.directory import NotReadable
from enrichment.events import events
from enrichment.redis_shelf import RedisShelf

#: Seconds between looks while the data are not complete, and once they are.
LOOK_SECONDS = 0.2
LOOK_SECONDS_COMPLETE = 1.0

_log = events(__name__)


class Readiness:
    """Watches the reference data in Redis against the ends of their topics, as those were when the look began."""

    def __init__(self, shelf: RedisShelf, ends: Callable[[], Awaitable[Mapping[str, int]]], metrics: Metrics) -> None:
        """Take the shelf, and what gives the end offset of each ``<topic>:<partition>``."""
        self._shelf = shelf
        self._ends = ends
        self._metrics = metrics
        self._epoch: str | None = None
        self._goal: Mapping[str, int] = {}
        self._complete_at = monotonic()
        #: Why accesses are not read, or None while the reference data are complete.
        self.reason: str | None = "the reference data have not been looked at yet"

    @property
    def complete(self) -> bool:
        """Say whether the reference data can be judged with."""
        return self.reason is None

    async def watch(self) -> None:
        """Look again and again, for as long as the worker runs."""
        while True:
            before = self.reason
            try:
                self.reason = await self._look()
            except (NotReadable, KafkaError, OSError, TimeoutError) as error:
                self.reason = str(error) or type(error).__name__
            if not self.complete:
                # Whatever is read meanwhile is refused, so that a batch in hand is held and not judged.
                self._shelf.epoch = None
            if (before is None) != self.complete:
                self._say()
            if self.complete:
                self._complete_at = monotonic()
            self._metrics.reference_age.set(monotonic() - self._complete_at)
            await asyncio.sleep(LOOK_SECONDS_COMPLETE if self.complete else LOOK_SECONDS)

    def _say(self) -> None:
        if self.reason is None:
            _log.warning("reference-data-complete")
        else:
            _log.warning("reference-data-incomplete", why=self.reason)

    async def _look(self) -> str | None:
        epoch, went_back = await self._shelf.look()
        if epoch is None:
            return "Redis holds no reference data yet"
        if epoch != self._epoch or went_back:
            # Nothing is read until what is there now has reached where the topics end now.
            self._shelf.epoch = self._epoch = None
            self._epoch, self._goal = epoch, await self._ends()
        elif self._shelf.epoch == epoch:
            return None
        applied = await self._shelf.applied()
        missing = sum(max(0, end - applied.get(partition, 0)) for partition, end in self._goal.items())
        if missing:
            return f"{missing} reference records are not in Redis yet"
        if await self._shelf.current_epoch() != epoch:
            return "the reference data in Redis have just been replaced"
        self._shelf.epoch = epoch
        return None
