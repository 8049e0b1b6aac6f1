"""Which numbers of a source's own sequence have come, and which are missing between them since when.

Neighbours are one run, so that a source which sends everything in order is one run for ever. What is missing between
two runs is a gap: a record that is late, was lost on its way, or was never written down by the source.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

#: Runs of one source that are told apart. Of more, the lowest two are made one: what is missing between them is counted
#: on, and whatever comes of the first run is taken for a part of that.
RUNS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that have not come although greater ones have."""

    first: int
    last: int
    #: Milliseconds since 1970 at which it was first seen that they are missing.
    since_ms: int

    def __len__(self) -> int:
        """Count the numbers."""
        return self.last - self.first + 1


#: First and last number, and since when what lies between the run before and this one has been missing.
Run = tuple[int, int, int]


class SequenceRuns:
    """The numbers of one source that have come."""

    def __init__(self, runs: Iterable[Run] = (), given_up: int = 0) -> None:
        """Take what was known before.

        Args:
            runs: in order, none touching another.
            given_up: numbers of the first run that are missing, in gaps that are no longer told apart.
        """
        self._runs: list[Run] = [(first, last, since) for first, last, since in runs]
        self.given_up = given_up

    def __iter__(self) -> Iterator[Run]:
        """Go through the runs, in order."""
        return iter(self._runs)

    def add(self, numbers: Iterable[int], now_ms: int) -> int:
        """Note that these have come; return how many of them had not come before."""
        new = sum(self._add_run(first, last, now_ms) for first, last in _runs_of(sorted(set(numbers))))
        while len(self._runs) > RUNS_MAX:
            (first, before, since), (after, last, _) = self._runs[:2]
            self.given_up += after - before - 1
            self._runs[:2] = [(first, last, since)]
        return new

    def accept(self, first: int, last: int) -> int:
        """Take numbers that are missing for come, since somebody has found out why; return how many those were."""
        known = self._runs
        if not known:
            return 0
        first, last = max(first, known[0][0]), min(last, known[-1][1])
        if first > last:
            return 0
        given_up = self.given_up if first <= known[0][1] else 0
        self.given_up -= given_up
        return self._add_run(first, last, 0) + given_up

    def gaps(self) -> list[Gap]:
        """Return what is missing, in order."""
        pairs = zip(self._runs, self._runs[1:], strict=False)
        return [Gap(before[1] + 1, after[0] - 1, after[2]) for before, after in pairs]

    def missing(self, until_ms: int) -> int:
        """Return how many numbers have been missing since this time or longer."""
        return self.given_up + sum(len(gap) for gap in self.gaps() if gap.since_ms <= until_ms)

    def _add_run(self, first: int, last: int, now_ms: int) -> int:
        """Add neighbours; join them with the runs that they touch."""
        runs = self._runs
        begin = bisect_right(runs, first - 1, key=lambda run: run[0])
        if begin and runs[begin - 1][1] >= first - 1:
            begin -= 1
        end = bisect_right(runs, last + 1, key=lambda run: run[0])
        touched = runs[begin:end]
        had = sum(max(0, min(last, one[1]) - max(first, one[0]) + 1) for one in touched)
        if self.given_up and touched and not begin:
            filled = min(self.given_up, max(0, min(last, touched[0][1]) - max(first, touched[0][0]) + 1))
            self.given_up -= filled
            had -= filled
        if touched:
            # What is missing below the whole has been for as long as it was below the lowest that it joins.
            since = touched[0][2] if touched[0][0] <= first else self._since_below(begin, now_ms)
            joined = (min(first, touched[0][0]), max(last, touched[-1][1]), since)
        else:
            joined = (first, last, self._since_below(begin, now_ms))
        runs[begin:end] = [joined]
        if not begin and not touched and len(runs) > 1:
            # Nothing was known below what was the first run: what is missing now is missing from now on.
            runs[1] = (runs[1][0], runs[1][1], now_ms)
        return last - first + 1 - had

    def _since_below(self, place: int, now_ms: int) -> int:
        """Return since when the numbers below a new run here are missing: inside a gap for as long as the gap is."""
        return self._runs[place][2] if 0 < place < len(self._runs) else now_ms


def _runs_of(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of neighbours."""
    first: int | None = None
    last = 0
    for number in numbers:
        if first is None:
            first = number
        elif number != last + 1:
            yield first, last
            first = number
        last = number
    if first is not None:
        yield first, last
