"""Accesses of several partitions in the order of their records' time, as far as one worker can see it.

What windows say of an access depends on what was judged before it. While a worker keeps up with what arrives, a poll
brings each record as it comes. Behind a backlog a poll brings thousands of one partition before the first of the next:
then what came first is held back until the partitions that have more to come have caught up with it in time.
Two workers do not wait for each other.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from time import monotonic
from typing import Any

from faust.types import TP

from stream.batches import BatchConsumer

#: Seconds for which a partition that has more to come and brings nothing holds the others back.
HELD_BACK_SECONDS_MAX = 2.0
#: Records of one partition that are held back; past them it is not read on until they are handed over.
HELD_RECORDS_MAX = 5_000
#: Records that are handed over at once.
RECORDS_AT_ONCE_MAX = 1_000
#: Seconds that a poll waits while something is held back.
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Line:
    """What of one partition is held back."""

    #: Records with the latest time among them and those before, which never falls.
    waiting: deque[tuple[int, Any]] = field(default_factory=deque)
    latest: int = -1
    next_offset: int | None = None

    def add(self, records: Iterable[Any]) -> None:
        """Take records in the order of their offsets."""
        for record in records:
            self.latest = max(self.latest, record.timestamp)
            self.waiting.append((self.latest, record))
            self.next_offset = record.offset + 1


class Order:
    """Records of several partitions, given out in the order of their time."""

    def __init__(self) -> None:
        self.lines: dict[Any, Line] = {}
        self._held_since: float | None = None

    def add(self, fetched: Mapping[Any, list[Any]]) -> None:
        """Take what a poll brought."""
        for partition, records in fetched.items():
            self.lines.setdefault(partition, Line()).add(records)

    @property
    def waiting(self) -> bool:
        """Say whether anything is held back."""
        return any(line.waiting for line in self.lines.values())

    def take(self, behind: Iterable[Any]) -> dict[Any, list[Any]]:
        """Give out what may go: nothing later than the partitions that have more to come have reached.

        Args:
            behind: the partitions of which not all is fetched that was there when they were last looked at.
        """
        reached = [self.lines[one].latest if one in self.lines else -1 for one in behind]
        if reached and self._held_since is not None and monotonic() - self._held_since > HELD_BACK_SECONDS_MAX:
            reached = []
        taken = self._until(min(reached) if reached else None)
        self._held_since = None if taken or not self.waiting else self._held_since or monotonic()
        return taken

    def _until(self, latest: int | None) -> dict[Any, list[Any]]:
        heads = [(line.waiting[0][0], *partition) for partition, line in self.lines.items() if line.waiting]
        heapify(heads)
        taken: dict[Any, list[Any]] = {}
        for _ in range(RECORDS_AT_ONCE_MAX):
            if not heads or (latest is not None and heads[0][0] > latest):
                break
            _, topic, number = heads[0]
            partition = TP(topic, number)
            waiting = self.lines[partition].waiting
            taken.setdefault(partition, []).append(waiting.popleft()[1])
            if waiting:
                heapreplace(heads, (waiting[0][0], topic, number))
            else:
                heappop(heads)
        return taken


class InOrderConsumer(BatchConsumer):
    """Hands over the records of all its partitions in the order of their time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._order = Order()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 Faust's name
        """Poll where nothing that is held back may go yet."""
        order = self._order
        if order.waiting:
            taken = order.take(await self._behind())
            if taken:
                return taken
        full = {tp for tp, line in order.lines.items() if len(line.waiting) >= HELD_RECORDS_MAX}
        wanted = None if active_partitions is None else active_partitions - full
        if full and not wanted:
            await asyncio.sleep(_POLL_SECONDS)
            return {}
        fetched = await super()._getmany(wanted, _POLL_SECONDS if order.waiting else timeout)
        if order is not self._order:
            return fetched  # partitions have moved meanwhile: whoever asked gives these back
        order.add(fetched)
        return order.take(await self._behind()) if order is self._order and order.waiting else {}

    async def _behind(self) -> list[TP]:
        """Give the partitions that are known to have more than what was fetched."""
        behind = []
        for tp in self.assignment():
            end = self.highwater(tp)
            line = self._order.lines.setdefault(tp, Line())
            if line.next_offset is None:
                line.next_offset = await self.position(tp)
            fetched = line.next_offset
            if end is None or fetched is None or fetched < end:
                behind.append(tp)
        return behind

    def _forget(self) -> None:
        super()._forget()
        self._order = Order()
