"""Which numbers of a report to hide: small ones, and the fewest others without which those could be worked out.

Exact: a program chooses the numbers to hide, another one plays the reader who works out what it can; each success of
the reader becomes a condition on the choice (the cutting planes of Fischetti and Salazar-Gonzalez, "Solving the cell
suppression problem on tabular data with linear constraints", Management Science 47, 2001). Whether what comes out is
safe is not for this module to say: ``disclosure_audit.py`` looks for itself.
"""

from collections.abc import Collection, Mapping
from typing import Final

from cases.published import VALUES_MIN, Numbers, small
from cases.solver import INFINITY, TOLERANCE, Program
from enrichment.errors import UserError

#: Rounds of choosing and working out, after which it is given up.
ROUNDS_MAX: Final = 400
#: Rows or columns of a table at most; of a larger one it is not proven in time which choice is the smallest.
SIDE_MAX: Final = 40
_SECONDS_MAX: Final = 20.0
#: A total says more than one cell: it is hidden only where that saves this many.
_TOTAL_WEIGHT: Final = 2.0
#: Between two equally small choices: the one that hides smaller numbers, and what an earlier release hid.
_TIE: Final = 1e-4
#: What a reader's range must be at least, from the lowest to the highest value.
_RANGE: Final = VALUES_MIN - 1


class CannotSuppress(UserError):  # noqa: N818 an answer, not a failure
    """No choice was found, or none can be."""


def suppress(numbers: Numbers, *, known: Collection[str] = (), hidden_before: Collection[str] = ()) -> frozenset[str]:
    """Return the names of the numbers to hide.

    Args:
        numbers: counts of which each equation holds.
        known: numbers that an earlier release shows as they are: hiding them hides nothing.
        hidden_before: numbers that an earlier release hides: rather these than others.

    Raises:
        CannotSuppress: nothing that may be hidden hides the small numbers, or it was not found in time.
    """
    primary = small(numbers)
    if not primary:
        return frozenset()
    choice = _Choice(numbers, primary, frozenset(known), frozenset(hidden_before))
    reader = _Reader(numbers)
    for _ in range(ROUNDS_MAX):
        hidden = choice.smallest()
        conditions = reader.conditions(hidden)
        if not conditions:
            return hidden
        choice.require(conditions)
    raise CannotSuppress("No set of numbers to hide was found in time.")


class _Choice:
    """The smallest set of numbers to hide that meets every condition so far."""

    def __init__(
        self, numbers: Numbers, primary: frozenset[str], known: frozenset[str], hidden_before: frozenset[str]
    ) -> None:
        self._program = Program(seconds_max=_SECONDS_MAX)
        self._of: dict[str, int] = {}
        self._costs: dict[int, float] = {}
        totals = {equation.total for equation in numbers.equations}
        largest = max(numbers.values.values(), default=0) + 1
        for name, value in sorted(numbers.values.items()):
            may = value > 0 and (name not in known or name in primary)
            number = self._program.add(float(name in primary), float(may), whole=True)
            self._of[name] = number
            cost = (_TOTAL_WEIGHT if name in totals else 1.0) + _TIE * value / largest
            self._costs[number] = cost - (_TIE * 2 if name in hidden_before else 0.0)
        for equation in numbers.equations:
            # Of one hidden number alone everybody knows what is missing.
            for name in equation.names():
                others = {self._of[other]: 1.0 for other in equation.names() if other != name}
                self._program.require({**others, self._of[name]: -1.0}, 0.0, INFINITY)

    def smallest(self) -> frozenset[str]:
        """Return the choice."""
        found = self._program.best(self._costs)
        if found.status != "optimal":
            raise CannotSuppress(
                "The small numbers cannot be hidden: the rest of the report, or what was released before, tells them."
            )
        return frozenset(name for name, number in self._of.items() if found.quantities[number] > 1 - TOLERANCE)

    def require(self, conditions: Collection[tuple[str, Mapping[str, float]]]) -> None:
        """Add conditions: if the first number is hidden, so much of the others is."""
        for name, factors in conditions:
            row = {self._of[other]: factor for other, factor in factors.items() if other != name}
            row[self._of[name]] = factors.get(name, 0.0) - _RANGE
            self._program.require(row, 0.0, INFINITY)


class _Reader:
    """Works out between which values each hidden number lies."""

    def __init__(self, numbers: Numbers) -> None:
        self._values = numbers.values
        self._program = Program(seconds_max=_SECONDS_MAX)
        self._of = {name: self._program.add(value, value) for name, value in sorted(numbers.values.items())}
        for equation in numbers.equations:
            sides = {self._of[part]: 1.0 for part in equation.parts} | {self._of[equation.total]: -1.0}
            self._program.require(sides, 0.0, 0.0)

    def conditions(self, hidden: frozenset[str]) -> list[tuple[str, dict[str, float]]]:
        """Return for each number that is hidden too narrowly what would have to be hidden to widen it."""
        for name, number in self._of.items():
            value = float(self._values[name])
            self._program.bound(number, 1.0 if name in hidden else value, INFINITY if name in hidden else value)
        found = []
        for name in sorted(hidden):
            ends = [self._program.best({self._of[name]: 1.0}, largest=largest) for largest in (True, False)]
            if any(end.status != "optimal" for end in ends):
                continue  # nothing bounds it above
            if ends[0].value - ends[1].value < _RANGE - TOLERANCE:
                found.append((name, self._factors(ends[0].duals, ends[1].duals)))
        return found

    def _factors(self, highest: tuple[float, ...], lowest: tuple[float, ...]) -> dict[str, float]:
        """Return by how much hiding each number would widen the range, as the duals of both ends say, at most."""
        factors = {}
        for name, number in self._of.items():
            down = self._values[name] - 1.0
            if down < 0:
                continue
            # A positive dual: the value would follow the number up; a negative one: the value rises as it falls.
            up_to = _RANGE if highest[number] > TOLERANCE else max(0.0, -highest[number]) * down
            from_ = _RANGE if lowest[number] < -TOLERANCE else max(0.0, lowest[number]) * down
            if up_to + from_ > TOLERANCE:
                factors[name] = min(float(_RANGE), up_to + from_)
        return factors
