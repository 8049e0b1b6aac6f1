"""Records of several partitions in the order of their time, as far as one worker can see it.

What windows say of an access depends on what was judged before it. While a worker keeps up with what arrives, a poll
brings each record as it comes. Behind a backlog a poll brings thousands of one partition before the first of the next:
then what came first is held back until the partitions that have more to come have caught up with it in time.
Two workers do not wait for each other.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from time import monotonic
from typing import Any

from aiokafka import TopicPartition

from agents.batch import Record

#: Seconds for which a partition that has more to come and brings nothing holds the others back.
HELD_BACK_SECONDS_MAX = 2.0
#: Records of one partition that are held back; past them it is not read on until they are handed over.
HELD_RECORDS_MAX = 5_000
#: Records that are handed over at once.
RECORDS_AT_ONCE_MAX = 1_000


@dataclass(slots=True)
class _Line:
    """What of one partition is held back."""

    #: Records with the latest time among them and those before, which never falls.
    waiting: deque[tuple[int, Any]] = field(default_factory=deque)
    latest: int = -1

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self.latest = max(self.latest, record.timestamp)
            self.waiting.append((self.latest, record))


class TimestampMerge:
    """Takes what polls bring, and returns it in the order of the records' timestamps."""

    def __init__(self) -> None:
        self._lines: dict[TopicPartition, _Line] = {}
        self._held_since: float | None = None

    def add(self, fetched: Mapping[TopicPartition, list[Any]]) -> None:
        """Take what a poll brought, each partition in the order of its offsets."""
        for partition, records in fetched.items():
            self._lines.setdefault(partition, _Line()).add(records)

    @property
    def waiting(self) -> bool:
        """Whether anything is held back."""
        return any(line.waiting for line in self._lines.values())

    def full(self) -> set[TopicPartition]:
        """Return the partitions of which so much is held back that they are not read on."""
        return {tp for tp, line in self._lines.items() if len(line.waiting) >= HELD_RECORDS_MAX}

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self._lines.clear()
        self._held_since = None

    def take(self, behind: Iterable[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        """Return what may go: nothing later than the partitions that have more to come have reached.

        Args:
            behind: the partitions of which not all is fetched that was there when they were last looked at.
        """
        reached = [self._lines[one].latest if one in self._lines else -1 for one in behind]
        if reached and self._held_since is not None and monotonic() - self._held_since > HELD_BACK_SECONDS_MAX:
            reached = []
        taken = self._until(min(reached) if reached else None)
        self._held_since = None if taken or not self.waiting else self._held_since or monotonic()
        return taken

    def _until(self, latest: int | None) -> dict[TopicPartition, list[Any]]:
        heads = [(line.waiting[0][0], *partition) for partition, line in self._lines.items() if line.waiting]
        heapify(heads)
        taken: dict[TopicPartition, list[Any]] = {}
        for _ in range(RECORDS_AT_ONCE_MAX):
            if not heads or (latest is not None and heads[0][0] > latest):
                break
            _, topic, number = heads[0]
            partition = TopicPartition(topic, number)
            waiting = self._lines[partition].waiting
            taken.setdefault(partition, []).append(waiting.popleft()[1])
            if waiting:
                heapreplace(heads, (waiting[0][0], topic, number))
            else:
                heappop(heads)
        return taken
