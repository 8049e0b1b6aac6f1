"""The independent look: what somebody who has every release can work out of the numbers that are hidden.

It knows nothing of how those were chosen. For each hidden number it computes the lowest and the highest whole number
that fits all that was published, in every table of every release together, and answers with each that could be fewer
than three values. Where a number may have changed between two releases, a reader assumes that as little changed as
fits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cases.published import SMALL, VALUES_MIN, Published
from cases.solver import TOLERANCE, Program, Solution

#: Releases that are looked at together; older ones are not.
RELEASES_MAX: Final = 40
#: Quantities of all releases together; with more, nothing is proven.
QUANTITIES_MAX: Final = 20_000
#: Seconds for one end of one interval; after it that number is not proven.
_SECONDS_MAX: Final = 30.0
#: A count has no upper end; this one stands for it.
_HIGHEST: Final = 1e7


@dataclass(frozen=True, slots=True)
class Finding:
    """A number that could be worked out, or of which that could not be proven."""

    key: str
    release: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Interval:
    """The values that a hidden number may have for a reader; None where it could not be computed."""

    release: str
    key: str
    low: int | None
    high: int | None

    @property
    def is_narrow(self) -> bool:
        """Return whether it holds fewer than three values, or is not known."""
        return self.low is None or self.high is None or self.high - self.low + 1 < VALUES_MIN


def audit(new: Published, earlier: Sequence[Published] = ()) -> list[Finding]:
    """Return what can be worked out once *new* is released beside the earlier ones; nothing where all is safe."""
    together = [*earlier[-RELEASES_MAX:], new]
    found = list(_differences(new, together[:-1]))
    if sum(len(one.shown) + len(one.hidden) for one in together) > QUANTITIES_MAX:
        return [*found, Finding("", new.name, f"More than {QUANTITIES_MAX:,} numbers: nothing is proven of them.")]
    for interval in intervals(together):
        is_new = interval.release == new.name
        could_be_small = interval.low is None or interval.low <= SMALL[-1]
        if interval.is_narrow and (is_new or could_be_small):
            found.append(Finding(interval.key, interval.release, _sentence(interval)))
    return found


def intervals(releases: Sequence[Published]) -> list[Interval]:
    """Return the values that each hidden number of each release may have, for whoever has all of them."""
    reader = _Reader(releases)
    return [reader.interval(release, key) for release in releases for key in sorted(release.hidden)]


class _Reader:
    """All that was published, as one program over whole numbers."""

    def __init__(self, releases: Sequence[Published]) -> None:
        # With fractions allowed each answer takes a fraction of the time, and is the true one where it has none.
        self._programs = (Program(seconds_max=_SECONDS_MAX), Program(seconds_max=_SECONDS_MAX))
        self._of: dict[tuple[str, str], int] = {}
        for release in releases:
            for key, value in release.shown.items():
                self._of[release.name, key] = self._add(value, value)
            for key in release.hidden:
                self._of[release.name, key] = self._add(1.0, _HIGHEST)
            for equation in release.equations:
                sides = {self._of[release.name, part]: 1.0 for part in equation.parts}
                self._require({**sides, self._of[release.name, equation.total]: -1.0}, 0.0, 0.0)
        self._counts = list(self._of.values())
        self._changes = self._tie(releases)
        self._is_consistent = self._assume_least_change()

    def _tie(self, releases: Sequence[Published]) -> list[int]:
        """Add how far each count went up or down from one release to the next that has it."""
        changes = []
        last: dict[str, int] = {}
        for release in releases:
            totals = {equation.total for equation in release.equations}
            for key in sorted((release.shown.keys() | release.hidden) - totals):
                now = self._of[release.name, key]
                if key in last:
                    up, down = self._add(0.0, _HIGHEST), self._add(0.0, _HIGHEST)
                    self._require({now: 1.0, last[key]: -1.0, up: -1.0, down: 1.0}, 0.0, 0.0)
                    changes += [up, down]
                last[key] = now
        return changes

    def _assume_least_change(self) -> bool:
        if not self._changes:
            return True
        total = dict.fromkeys(self._changes, 1.0)
        least = self._best(total, largest=False)
        if least.status != "optimal":
            return False
        self._require(total, 0.0, least.value + TOLERANCE)
        return True

    def interval(self, release: Published, key: str) -> Interval:
        """Return the lowest and the highest value of a hidden number."""
        if not self._is_consistent:
            return Interval(release.name, key, None, None)
        wanted = {self._of[release.name, key]: 1.0}
        ends = [_whole(self._best(wanted, largest=largest)) for largest in (False, True)]
        return Interval(release.name, key, ends[0], ends[1])

    def _add(self, low: float, high: float) -> int:
        self._programs[0].add(low, high)
        return self._programs[1].add(low, high, whole=True)

    def _require(self, parts: Mapping[int, float], low: float, high: float) -> None:
        for program in self._programs:
            program.require(parts, low, high)

    def _best(self, costs: Mapping[int, float], *, largest: bool) -> Solution:
        found = self._programs[0].best(costs, largest=largest)
        if found.status == "optimal" and all(_is_whole(found.quantities[number]) for number in self._counts):
            return found
        return self._programs[1].best(costs, largest=largest)


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < TOLERANCE


def _whole(solution: Solution) -> int | None:
    return round(solution.value) if solution.status == "optimal" else None


def _differences(new: Published, earlier: Iterable[Published]) -> Iterator[Finding]:
    """Yield what two releases tell together: a number that is shown in both, and differs by a few."""
    newest: dict[str, tuple[str, int]] = {}
    for release in earlier:
        newest |= {key: (release.name, value) for key, value in release.shown.items()}
    for key, value in new.shown.items():
        if key in newest and abs(value - newest[key][1]) in SMALL:
            before, was = newest[key]
            yield Finding(key, new.name, f"{key} is {value}, and was {was} in {before}: the difference tells of a few.")


def _sentence(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return f"{interval.key} in {interval.release}: what can be worked out of it could not be computed."
    if interval.low == interval.high:
        return f"{interval.key} in {interval.release} can be worked out exactly."
    return f"{interval.key} in {interval.release} can be narrowed to {interval.low} to {interval.high}."
