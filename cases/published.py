"""What a report publishes, as an arithmetician sees it: numbers by name, sums of them, and what is hidden."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Counts that could tell of one person.
SMALL: Final = range(1, 6)
#: Values that a hidden number must at least be able to have, for whoever knows all that was published.
VALUES_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Equation:
    """One number is the sum of others."""

    total: str
    parts: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """Return every number in it."""
        return (self.total, *self.parts)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts by name, and their sums. The name of a count stays the same from one release to the next."""

    values: Mapping[str, int]
    equations: tuple[Equation, ...] = ()

    def wrong(self) -> Iterable[Equation]:
        """Yield each equation that does not hold."""
        for equation in self.equations:
            if self.values[equation.total] != sum(self.values[part] for part in equation.parts):
                yield equation


@dataclass(frozen=True, slots=True)
class Published:
    """What a release says: the numbers that it shows, those that it hides, and which are sums of which.

    A zero is always shown, so that a hidden number is at least 1.
    """

    name: str
    shown: Mapping[str, int]
    hidden: frozenset[str]
    equations: tuple[Equation, ...] = field(default=())

    @classmethod
    def of(cls, name: str, numbers: Numbers, hidden: frozenset[str]) -> "Published":
        """Return what is published of numbers where these are hidden."""
        shown = {key: value for key, value in numbers.values.items() if key not in hidden}
        return cls(name, shown, hidden, numbers.equations)

    def as_json(self) -> dict[str, Any]:
        """Return it as the register keeps it."""
        return {
            "name": self.name,
            "shown": dict(self.shown),
            "hidden": sorted(self.hidden),
            "equations": [[one.total, list(one.parts)] for one in self.equations],
        }

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Published":
        """Return what the register has kept."""
        equations = tuple(Equation(total, tuple(parts)) for total, parts in kept["equations"])
        return cls(kept["name"], kept["shown"], frozenset(kept["hidden"]), equations)


def small(numbers: Numbers) -> frozenset[str]:
    """Return the numbers that must be hidden for what they are."""
    return frozenset(key for key, value in numbers.values.items() if value in SMALL)
