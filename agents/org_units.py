"""Accesses by unit, as long as units are few: without a bound a label could be one figure for each person."""

from collections.abc import Iterable

from agents.metrics import Metrics
from enrichment.facts import Known, Unknown
from enrichment.wire import Staff


class OrgUnits:
    """Counts accesses by the actor's unit until it has seen too many units; then by none at all."""

    def __init__(self, metrics: Metrics, units_max: int) -> None:
        """Take the bound; with 0 nothing is counted."""
        self._counter = metrics.org_unit_accesses
        self._units_max = units_max
        self._seen: set[str] = set()

    def count(self, actors: Iterable[Known[Staff] | Unknown]) -> None:
        """Count an access of each. Actors whom no register holds have no unit."""
        for actor in actors:
            if len(self._seen) > self._units_max:
                return
            if isinstance(actor, Known):
                self._count(actor.value.org_unit)

    def _count(self, unit: str) -> None:
        self._seen.add(unit)
        if len(self._seen) > self._units_max:
            # What was counted of the first units would be read as the whole.
            self._counter.clear()
        else:
            self._counter.labels(unit).inc()
