"""When a partition counts as standing still."""

import pytest
from aiokafka import TopicPartition

from stream.watchdog import Progress

ONE = TopicPartition("t", 0)
WAITING = {"t:0": 9}

#: Looks as (second, committed, ends, held), and whether it is stuck at the last one; the bound is 10 seconds.
CASES = [
    pytest.param([(0, 3, WAITING, False), (10, 3, WAITING, False)], False, id="the second look begins to count"),
    pytest.param([(0, 3, WAITING, False), (1, 3, WAITING, False), (11, 3, WAITING, False)], True, id="at the bound"),
    pytest.param([(0, 3, WAITING, False), (1, 3, WAITING, False), (10, 3, WAITING, False)], False, id="just before"),
    pytest.param([(0, 3, WAITING, False), (1, 3, WAITING, False), (11, 4, WAITING, False)], False, id="a commit came"),
    pytest.param([(0, 9, WAITING, False), (1, 9, WAITING, False), (99, 9, WAITING, False)], False, id="nothing waits"),
    pytest.param([(0, 3, WAITING, True), (1, 3, WAITING, True), (99, 3, WAITING, True)], False, id="held, and said so"),
    pytest.param([(0, 3, {}, False), (1, 3, {}, False), (99, 3, {}, False)], False, id="Kafka does not say"),
    pytest.param(
        [(0, 3, WAITING, False), (1, 3, WAITING, False), (5, 3, WAITING, True), (11, 3, WAITING, False)],
        False,
        id="a hold in between starts the count again",
    ),
]


@pytest.mark.parametrize(("looks", "expected"), CASES)
def test_standing_still(looks: list[tuple[float, int, dict[str, int], bool]], expected: bool) -> None:
    """Every row is some looks and whether the partition is stuck after the last."""
    progress = Progress(stuck_seconds=10)
    for now, committed, ends, held in looks:
        progress.note({ONE: committed}, ends, held=held, now=now)
    assert expected == bool(progress.stuck(looks[-1][0]))


def test_a_partition_that_went_away_is_forgotten() -> None:
    """What another worker has now is no matter of ours."""
    progress = Progress(stuck_seconds=10)
    for now in (0, 1):
        progress.note({ONE: 3}, WAITING, held=False, now=now)
    progress.note({}, WAITING, held=False, now=99)
    assert progress.stuck(99) == []


#: Looks as (second, joined, ends), and what is said at the last; the bound is 10 seconds.
JOINING = [
    pytest.param([(0, False, WAITING), (10, False, WAITING)], True, id="never answered"),
    pytest.param([(0, False, WAITING), (9, False, WAITING)], False, id="not yet long"),
    pytest.param([(0, False, WAITING), (5, True, WAITING), (11, False, WAITING)], False, id="it answered in between"),
    pytest.param([(0, False, {}), (11, False, {})], False, id="Kafka is away"),
    pytest.param([(0, False, WAITING), (5, False, {}), (11, False, WAITING)], False, id="Kafka was away in between"),
    pytest.param([(0, True, WAITING), (99, True, WAITING)], False, id="a member without partitions"),
]


@pytest.mark.parametrize(("looks", "expected"), JOINING)
def test_a_group_that_does_not_answer(looks: list[tuple[float, bool, dict[str, int]]], expected: bool) -> None:
    """A worker outside its group has nothing that could stand still, and makes no progress all the same."""
    progress = Progress(stuck_seconds=10)
    for now, joined, ends in looks:
        progress.note({}, ends, held=False, now=now, joined=joined)
    assert expected == bool(progress.stuck(looks[-1][0]))
