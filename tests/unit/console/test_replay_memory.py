"""What is remembered of a replay: any order of offsets gives back how often each was put back, in few words."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from alerts.store.database import Database
from console import replay_memory
from console.replay_memory import ReplayMemory, Runs

OFFSETS = st.lists(st.integers(0, 30), max_size=60)


@given(OFFSETS)
def test_every_offset_is_counted(offsets: list[int]) -> None:
    """Whatever was added."""
    runs = Runs()
    for offset in offsets:
        runs.add(offset)
    again = Runs(list(runs))
    assert {offset: again.times(offset) for offset in range(32)} == {
        offset: Counter(offsets)[offset] for offset in range(32)
    }
    missing = next(offset for offset in range(40) if offset not in offsets)
    assert again.first_missing(0) == missing


@given(OFFSETS, st.integers(0, 31))
def test_what_kafka_no_longer_keeps_is_forgotten(offsets: list[int], begin: int) -> None:
    """And nothing else."""
    runs = Runs()
    for offset in offsets:
        runs.add(offset)
    runs.forget_before(begin)
    expected = Counter(offset for offset in offsets if offset >= begin)
    assert {offset: runs.times(offset) for offset in range(32)} == {offset: expected[offset] for offset in range(32)}


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ([], []),
        ([7], [(7, 7, 1)]),
        (range(100), [(0, 99, 1)]),
        ([*range(100), 120, 120], [(0, 99, 1), (120, 120, 2)]),
        ([*range(10), 5], [(0, 4, 1), (5, 5, 2), (6, 9, 1)]),
        ([*range(10), *range(10)], [(0, 9, 2)]),
        ([2, 0, 1], [(0, 2, 1)]),
    ],
)
def test_neighbours_are_one_run(offsets: list[int], expected: list[tuple[int, int, int]]) -> None:
    """One replay without filters is one row, however long."""
    runs = Runs()
    for offset in offsets:
        runs.add(offset)
    assert list(runs) == expected


PLACE, OTHER = TopicPartition("cms.access.v1.dlq", 0), TopicPartition("cms.access.v1.dlq", 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    opened = Database.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", create=True)
    yield opened
    opened.close()


def remembered(database: Database, begin: int = 0) -> dict[TopicPartition, list[tuple[int, int, int]]]:
    """What another replay finds."""
    memory = ReplayMemory(database)
    memory.load({PLACE: begin, OTHER: begin})
    return {tp: [(n, memory.times(tp, n), 0) for n in range(12) if memory.times(tp, n)] for tp in (PLACE, OTHER)}


def test_the_next_replay_knows_what_was_put_back(database: Database) -> None:
    """By partition, with filters, more than once; not what was only counted and never kept."""
    memory = ReplayMemory(database)
    memory.load({PLACE: 0, OTHER: 0})
    for offset in (1, 2, 5, 5):
        memory.note(PLACE, offset)
    memory.note(OTHER, 7)
    memory.keep(PLACE)
    assert remembered(database) == {PLACE: [(1, 1, 0), (2, 1, 0), (5, 2, 0)], OTHER: []}
    memory.note(PLACE, 3)
    memory.keep(PLACE)
    assert remembered(database, begin=3)[PLACE] == [(3, 1, 0), (5, 2, 0)]


def test_what_is_too_scattered_has_no_room(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours always have."""
    monkeypatch.setattr(replay_memory, "RUNS_MAX", 3)
    memory = ReplayMemory(database)
    memory.load({PLACE: 0})
    assert memory.has_room(PLACE, [1, 3, 5])
    assert not memory.has_room(PLACE, [1, 3, 5, 7])
    assert memory.has_room(PLACE, range(100))
