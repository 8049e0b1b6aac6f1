"""What was put back already, and how often: remembered in the alert store's database, by dead-letter partition.

Neighbours that were put back as often as each other are one row, so that a replay of everything is one row a partition,
and one with filters is remembered as well.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kafka import TopicPartition
from sqlalchemy import Connection, delete, insert, select

from alerts.store.database import Database
from alerts.store.tables import DEAD_LETTER_REPLAYS

#: Runs of one partition that are remembered: past them what was put back is too scattered.
RUNS_MAX: Final = 10_000

#: First and last offset, and how often each of them was put back.
Run = tuple[int, int, int]


class Runs:
    """How often each offset of one partition was put back, neighbours with the same number together."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = list(runs)

    def __iter__(self) -> Iterator[Run]:
        """Go through the runs, in order."""
        return iter(self._runs)

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._runs)

    def times(self, offset: int) -> int:
        """Return how often this one was put back."""
        place = self._place(offset)
        return self._runs[place][2] if place >= 0 and offset <= self._runs[place][1] else 0

    def add(self, offset: int) -> None:
        """Count one more."""
        place = self._place(offset)
        if place >= 0 and offset <= self._runs[place][1]:
            first, last, times = self._runs[place]
            pieces = [(first, offset - 1, times), (offset, offset, times + 1), (offset + 1, last, times)]
            self._runs[place : place + 1] = [piece for piece in pieces if piece[0] <= piece[1]]
        else:
            self._runs.insert(place + 1, (offset, offset, 1))
        self._join(max(0, place - 1), place + 4)

    def forget_before(self, offset: int) -> None:
        """Forget what Kafka no longer keeps."""
        self._runs = [(max(first, offset), last, times) for first, last, times in self._runs if last >= offset]

    def first_missing(self, offset: int) -> int:
        """Return the first offset from this one on that was never put back."""
        for first, last, _ in self._runs:
            if first > offset:
                break
            offset = max(offset, last + 1)
        return offset

    def _place(self, offset: int) -> int:
        """Return the index of the last run that begins at or before *offset*; -1 where none does."""
        return bisect_right(self._runs, offset, key=lambda run: run[0]) - 1

    def _join(self, start: int, end: int) -> None:
        joined: list[Run] = []
        for run in self._runs[start:end]:
            if joined and joined[-1][1] + 1 == run[0] and joined[-1][2] == run[2]:
                joined[-1] = (joined[-1][0], run[1], run[2])
            else:
                joined.append(run)
        self._runs[start:end] = joined


class ReplayMemory:
    """What was put back of some partitions. One replay at a time: the last to write is believed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs: dict[TopicPartition, Runs] = {}

    def load(self, begins: Mapping[TopicPartition, int]) -> None:
        """Read what was put back of these partitions, of which Kafka keeps the dead letters from these offsets on.

        Raises:
            StoreError: the database does not answer.
        """
        with self._database.reading() as connection:
            for tp, begin in begins.items():
                runs = Runs(_rows(connection, tp))
                runs.forget_before(begin)
                self._runs[tp] = runs

    def times(self, partition: TopicPartition, offset: int) -> int:
        """Return how often a dead letter was put back."""
        return self._runs[partition].times(offset)

    def times_of(self, record: Any) -> int:
        """Return how often the dead letter that this record is was put back."""
        return self.times(TopicPartition(record.topic, record.partition), record.offset)

    def note(self, partition: TopicPartition, offset: int) -> None:
        """Count one more; ``keep`` writes it down."""
        self._runs[partition].add(offset)

    def has_room(self, partition: TopicPartition, offsets: Iterable[int]) -> bool:
        """Whether these can be remembered beside what is remembered already."""
        after = Runs(self._runs[partition])
        for offset in offsets:
            after.add(offset)
        return len(after) <= RUNS_MAX

    def keep(self, partition: TopicPartition) -> None:
        """Write down what was put back of a partition.

        Raises:
            StoreError: the database did not take it.
        """
        where = {"topic": partition.topic, "partition": partition.partition}
        rows = [
            where | {"first_offset": first, "last_offset": last, "times": times}
            for first, last, times in self._runs[partition]
        ]
        with self._database.writing() as connection:
            connection.execute(delete(DEAD_LETTER_REPLAYS).where(*_of(partition)))
            if rows:
                connection.execute(insert(DEAD_LETTER_REPLAYS), rows)


def _of(partition: TopicPartition) -> tuple[Any, Any]:
    table = DEAD_LETTER_REPLAYS.c
    return table.topic == partition.topic, table.partition == partition.partition


def _rows(connection: Connection, partition: TopicPartition) -> Iterator[Run]:
    table = DEAD_LETTER_REPLAYS.c
    query = select(table.first_offset, table.last_offset, table.times).where(*_of(partition))
    for row in connection.execute(query.order_by(table.first_offset)):
        yield row.first_offset, row.last_offset, row.times
