"""Counting, for one seed and one way of noticing: which accesses came to which alert, and what they were in truth."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from simulator.records import Label, Played

#: What is among the accesses of an alert: an innocent one, an intended one, one of an episode at its natural rate.
INNOCENT, INTENDED, NATURAL = 1, 2, 4
SEVERITIES = ("low", "medium", "high", "critical")


def flags_of(label: Label) -> int:
    """Return what an access with this label brings into an alert."""
    if label.innocent:
        return INNOCENT
    return INTENDED | (NATURAL if label.natural else 0)


def is_natural(flags: int) -> bool:
    """Whether an alert would be there with intents at their believable rate.

    Where it holds accesses of struck-out episodes alone it would not; nor where innocent ones stand beside them, since
    it is a window that these have filled.
    """
    return bool(flags & NATURAL) or not flags & INTENDED


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

    @property
    def flags(self) -> int:
        """What is among all its accesses."""
        found = 0
        for flags in self.rules.values():
            found |= flags
        return found


@dataclass(slots=True)
class Tally:
    """All alerts of one way of noticing, and the episodes that it found."""

    alerts: dict[str, SeenAlert] = field(default_factory=dict)
    #: Each episode, known and undeclared apart -> the rules that found it.
    found: dict[tuple[str, bool], set[str]] = field(default_factory=lambda: defaultdict(set))

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
        elif label.episode is not None:
            self.found[label.episode, bool(label.known)].add(rule)

    def document(self) -> dict[str, Any]:
        """Write it down for the report."""
        return {
            "alerts": [
                {
                    "staff": alert.staff_id,
                    "at": alert.first_at,
                    "severity": alert.severity,
                    "rules": sorted(alert.rules),
                    "flags": alert.flags,
                    "innocent": sorted(alert.innocent),
                }
                for alert in self.alerts.values()
            ],
            "found": [[episode, known, sorted(rules)] for (episode, known), rules in self.found.items()],
        }
