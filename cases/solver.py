"""Linear programs over a few hundred quantities, solved by HiGHS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import highspy
import numpy as np

#: Nothing bounds it.
INFINITY: Final = highspy.kHighsInf
#: How far a solver's number may be from the whole number that it stands for.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Solution:
    """What a program gives: its best value, each quantity, and by how much a quantity's bound holds the value back."""

    status: Literal["optimal", "unbounded", "infeasible", "not_solved"]
    value: float = 0.0
    quantities: tuple[float, ...] = ()
    duals: tuple[float, ...] = ()


class Program:
    """Quantities within bounds, and sums of them within bounds; solved as often as there are questions."""

    def __init__(self, *, seconds_max: float) -> None:
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]  # the one function of theirs without types
        self._highs.silent()
        self._highs.setOptionValue("time_limit", seconds_max)
        # The same program gives the same answer.
        self._highs.setOptionValue("threads", 1)
        self._highs.setOptionValue("random_seed", 1)
        self._highs.setOptionValue("mip_rel_gap", 0.0)
        self._costs: dict[int, float] = {}
        self._size = 0

    def add(self, low: float, high: float, *, whole: bool = False) -> int:
        """Add a quantity; return its number."""
        self._highs.addVar(low, high)
        if whole:
            self._highs.changeColIntegrality(self._size, highspy.HighsVarType.kInteger)
        self._size += 1
        return self._size - 1

    def bound(self, number: int, low: float, high: float) -> None:
        """Change the bounds of a quantity."""
        self._highs.changeColBounds(number, low, high)

    def require(self, parts: Mapping[int, float], low: float, high: float) -> None:
        """Keep a sum of quantities, each times a factor, within bounds."""
        numbers = np.fromiter(parts.keys(), dtype=np.int32, count=len(parts))
        factors = np.fromiter(parts.values(), dtype=np.float64, count=len(parts))
        self._highs.addRow(low, high, len(parts), numbers, factors)

    def best(self, costs: Mapping[int, float], *, largest: bool = False) -> Solution:
        """Return the smallest, or the largest, value of a sum of quantities."""
        for number in self._costs.keys() - costs.keys():
            self._highs.changeColCost(number, 0.0)
        for number, cost in costs.items():
            self._highs.changeColCost(number, cost)
        self._costs = dict(costs)
        sense = highspy.ObjSense.kMaximize if largest else highspy.ObjSense.kMinimize
        self._highs.changeObjectiveSense(sense)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            found = self._highs.getSolution()
            value = float(self._highs.getInfo().objective_function_value)
            return Solution("optimal", value, tuple(found.col_value), tuple(found.col_dual))
        if status in {highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
            return Solution("unbounded")
        if status == highspy.HighsModelStatus.kInfeasible:
            return Solution("infeasible")
        return Solution("not_solved")
