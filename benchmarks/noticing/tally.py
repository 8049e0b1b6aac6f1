"""Counting, for one seed and one way of noticing: which accesses came to which alert, and what they were in truth."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from alerts.detection.registry import RULES
from simulator.records import Label, Played

#: What is among the accesses of an alert: an innocent one, and an intended one.
INNOCENT, INTENDED = 1, 2
SEVERITIES = ("low", "medium", "high", "critical")
_COUNTS = frozenset(rule.id for rule in RULES.values() if rule.counts)


def flags_of(label: Label) -> int:
    """Return what an access with this label brings into an alert."""
    return INNOCENT if label.innocent else INTENDED


@dataclass(slots=True)
class SeenAlert:
    """One alert while it is counted."""

    staff_id: str
    first_at: str
    severity: int = 0
    #: Rule -> what is among the accesses that it hit.
    rules: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    #: What the innocent accesses in it were.
    innocent: set[str] = field(default_factory=set)
    #: Whether it would be there without its intended accesses: an innocent one hit a rule that counts nothing.
    stands_alone: bool = False
    episodes: set[tuple[str, bool]] = field(default_factory=set)

    @property
    def flags(self) -> int:
        """What is among all its accesses."""
        found = 0
        for flags in self.rules.values():
            found |= flags
        return found


def weights(flags: int, *, stands_alone: bool, factor: float) -> tuple[float, float]:
    """Return how much an alert weighs as a right one and as a false one, with intents at their believable rate.

    Intents are played *factor* times as often as believable, so that there are enough of each: a right alert weighs the
    less. In the rest of the worlds its innocent accesses stand alone, and are a false alert where they would be one.
    """
    if not flags & INTENDED:
        return 0.0, 1.0
    return 1 / factor, 1 - 1 / factor if stands_alone else 0.0


@dataclass(slots=True)
class Tally:
    """All alerts of one way of noticing, and the episodes that it found."""

    alerts: dict[str, SeenAlert] = field(default_factory=dict)

    def hit(self, alert_id: str, rule: str, severity: str, played: Played) -> None:
        """Count that an access came to an alert."""
        staff_id, at, label = played.key, played.occurred_at, played.label
        alert = self.alerts.get(alert_id)
        if alert is None:
            alert = self.alerts[alert_id] = SeenAlert(staff_id, at)
        alert.severity = max(alert.severity, SEVERITIES.index(severity))
        alert.rules[rule] |= flags_of(label)
        if label.innocent:
            alert.innocent.add(f"{label.kind}: {label.name}")
            alert.stands_alone |= rule not in _COUNTS
        elif label.episode is not None:
            alert.episodes.add((label.episode, bool(label.known)))

    def document(self) -> list[dict[str, Any]]:
        """Write it down for the report."""
        return [
            {
                "id": alert_id,
                "staff": alert.staff_id,
                "at": alert.first_at,
                "severity": alert.severity,
                "rules": sorted(alert.rules),
                "flags": alert.flags,
                "stands_alone": alert.stands_alone,
                "innocent": sorted(alert.innocent),
                "episodes": sorted(alert.episodes),
            }
            for alert_id, alert in self.alerts.items()
        ]
