"""What is remembered of a replay: any order of offsets gives back how often each was put back, in few words."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.replay_runs import Runs

OFFSETS = st.lists(st.integers(0, 30), max_size=60)


@given(OFFSETS)
def test_every_offset_is_counted(offsets: list[int]) -> None:
    """Whatever was added, written and read again."""
    runs = Runs()
    for offset in offsets:
        runs.add(offset)
    again = Runs.parse(str(runs))
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
    ("offsets", "text"),
    [
        ([], ""),
        ([7], "7"),
        (range(100), "0-99"),
        ([*range(100), 120, 120], "0-99,120*2"),
        ([*range(10), 5], "0-4,5*2,6-9"),
        ([*range(10), *range(10)], "0-9*2"),
        ([2, 0, 1], "0-2"),
    ],
)
def test_neighbours_are_written_together(offsets: list[int], text: str) -> None:
    """One replay without filters is one pair of numbers, however long."""
    runs = Runs()
    for offset in offsets:
        runs.add(offset)
    assert str(runs) == text


@pytest.mark.parametrize("text", ["x", "1-", "-1", "1,,2", "1*", "1;2", "\u0661"])
def test_strangers_are_refused(text: str) -> None:
    """Somebody else's note is not taken for ours."""
    with pytest.raises(ValueError, match="not a list of offsets"):
        Runs.parse(text)
