"""Which numbers of a sequence have come: against a plain set of numbers, and by example."""

from hypothesis import given
from hypothesis import strategies as st

from enrichment.mapping.sequence import RUNS_MAX, Gap, SequenceRuns


def come(*batches: list[int]) -> SequenceRuns:
    """Return runs after these batches, the first at 0 ms and each a second after the one before."""
    runs = SequenceRuns()
    for second, batch in enumerate(batches):
        runs.add(batch, second * 1000)
    return runs


@given(st.lists(st.lists(st.integers(1, 60), max_size=12), max_size=12))
def test_runs_are_what_a_set_says(batches: list[list[int]]) -> None:
    """Whatever comes in whatever order: what is new, what is missing, since when; runs never touch each other."""
    runs, seen, since = SequenceRuns(), set[int](), dict[int, int]()
    for second, batch in enumerate(batches):
        assert runs.add(batch, second) == len(set(batch) - seen)
        seen |= set(batch)
        since = {
            number: since.get(number, second)
            for number in range(min(seen, default=0), max(seen, default=0))
            if number not in seen
        }
        missing = {number: gap.since_ms for gap in runs.gaps() for number in range(gap.first, gap.last + 1)}
        assert missing == since
        assert [number for first, last, _ in runs for number in range(first, last + 1)] == sorted(seen)
        assert all(before[1] + 1 < after[0] for before, after in zip(list(runs), list(runs)[1:], strict=False))
        assert SequenceRuns(runs).gaps() == runs.gaps()


def test_what_comes_in_order_is_one_run() -> None:
    """However much it is."""
    assert list(come(list(range(1, 5_000)), list(range(5_000, 9_000)))) == [(1, 8_999, 0)]


def test_a_gap_is_as_old_as_it_was_when_it_is_filled_in_part() -> None:
    """Else a source that sends one of a thousand late every minute would never be late."""
    runs = come([1, 10], [5])
    assert runs.gaps() == [Gap(2, 4, 0), Gap(6, 9, 0)]
    assert (runs.missing(-1), runs.missing(0)) == (0, 7)
    runs.add([2, 3, 4, 6, 7, 8, 9], 5_000)
    assert runs.gaps() == []


def test_what_is_accepted_is_no_longer_missing() -> None:
    """Only what is missing: nothing beyond the first and the last that have come."""
    runs = come([1, 5, 9])
    assert runs.accept(2, 7) == 5
    assert runs.gaps() == [Gap(8, 8, 0)]
    assert runs.accept(0, 100) == 1
    assert list(runs) == [(1, 9, 0)]
    assert SequenceRuns().accept(1, 5) == 0


def test_runs_are_bounded_and_nothing_missing_is_forgotten() -> None:
    """Past the bound the oldest gaps are one number: how many are missing in them; they can be filled and accepted."""
    runs = come([2 * number for number in range(RUNS_MAX + 500)])
    assert len(list(runs)) == RUNS_MAX
    assert runs.given_up == 500
    assert runs.missing(0) == RUNS_MAX + 499
    assert runs.add([1, 3, 5], 1_000) == 3
    assert runs.missing(0) == RUNS_MAX + 496
    assert SequenceRuns(runs, runs.given_up).accept(0, 10) == 497
    assert runs.accept(0, 2 * (RUNS_MAX + 500)) == RUNS_MAX + 496
    assert (runs.given_up, runs.missing(10_000)) == (0, 0)
