"""Shares and rates with 95 % intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from typing import TypeVar

#: The normal deviate of a two-sided 95 % interval.
_Z = 1.96
_RESAMPLES = 2_000
_LOWEST, _HIGHEST = 0.025, 0.975

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with Wilson's interval: it stays between 0 and 1, however few there are."""

    found: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.found / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds within which the true share lies in 95 of 100 such runs."""
        if not self.of:
            return 0.0, 1.0
        share, number, square = self.found / self.of, self.of, _Z * _Z
        middle = (share + square / (2 * number)) / (1 + square / number)
        half = _Z / (1 + square / number) * sqrt(share * (1 - share) / number + square / (4 * number * number))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if self.value is None:
            return "none"
        low, high = self.interval
        return f"{_digits(self.value)} ({_digits(low)} to {_digits(high)}), {self.found:,} of {self.of:,}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over seeds, with the interval that drawing the seeds anew gives (a bootstrap)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_digits(self.value)} ({_digits(self.low)} to {_digits(self.high)})"


def over_seeds(seeds: Sequence[T], figure: Callable[[Sequence[T]], float]) -> Estimate:
    """Compute a figure over seeds, and again over many draws of as many of them: each seed is one agency."""
    rng = Random(1)  # noqa: S311 the same figures every time
    drawn = sorted(figure(rng.choices(seeds, k=len(seeds))) for _ in range(_RESAMPLES))
    return Estimate(figure(seeds), drawn[int(_LOWEST * _RESAMPLES)], drawn[int(_HIGHEST * _RESAMPLES) - 1])


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
