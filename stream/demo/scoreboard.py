"""What has been played, what came of it, and whether that is what should have come of it.

Counts only: no clock, no Kafka, no screen. Times are milliseconds since 1970 unless a name says otherwise.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.records import Label
from stream.demo.expected import expected

#: The newest alerts that are kept to be shown.
NEWEST_ALERTS_MAX = 50


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """The newest revision of an alert, as far as it is shown and counted."""

    alert_id: str
    revision: int
    severity: str
    rules: tuple[str, ...]
    title: str
    sentence: str
    last_access_at: str
    access_count: int
    event_ids: frozenset[str]
    #: Whom it is about: there is one alert for each.
    about: tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class Latency:
    """From an access's record to its alert, in milliseconds."""

    count: int
    p50: float
    p99: float
    longest: float


class Scoreboard:
    """Everything that is counted while the day is played. Its memory grows with the accesses played."""

    def __init__(self) -> None:
        #: Event id -> the timestamp of its record.
        self._played: dict[str, int] = {}
        #: The labels of the intended accesses and the look-alikes.
        self._labels: dict[str, Label] = {}
        #: The episodes that some rule should ask about, with their labels, and each one's accesses.
        self._episodes: dict[str, tuple[Label, list[str]]] = {}
        self._assessed: set[str] = set()
        self._alerted: set[str] = set()
        self._alerts: dict[str, SeenAlert] = {}
        self._latencies: list[int] = []
        self.outcomes: Counter[str] = Counter()
        #: Assessments that came again, as they may after a crash.
        self.repeated = 0
        #: Alerts about the same actor, client and day as another one; there must be none.
        self.doubled = 0
        self._about: set[tuple[str, str | None, str]] = set()
        #: The newest alerts, the newest first; replaced as a whole, so that another thread may show it.
        self.newest: tuple[SeenAlert, ...] = ()

    @property
    def played(self) -> int:
        """How many accesses went onto the topic."""
        return len(self._played)

    @property
    def assessed(self) -> int:
        """How many of those have an assessment."""
        return len(self._assessed)

    @property
    def alerts(self) -> int:
        """How many alerts there are."""
        return len(self._alerts)

    @property
    def complete(self) -> bool:
        """Whether every access played is assessed, and every planted episode has an alert."""
        return self.assessed == self.played and all(
            any(event_id in self._alerted for event_id in events) for _, events in self._episodes.values()
        )

    def play(self, event_id: str, label: Label, at: int) -> None:
        """Note that an access goes onto the topic with this timestamp."""
        self._played[event_id] = at
        if label.kind in {"intent", "look-alike"}:
            self._labels[event_id] = label
        if label.episode is not None and expected(label):
            self._episodes.setdefault(label.episode, (label, []))[1].append(event_id)

    def assess(self, assessment: Mapping[str, Any]) -> None:
        """Count an assessment once for each access of ours."""
        event_id = assessment["event_id"]
        if event_id in self._assessed:
            self.repeated += 1
        elif event_id in self._played:
            self._assessed.add(event_id)
            self.outcomes[assessment["outcome"]] += 1

    def alert(self, alert: Mapping[str, Any], arrived: int) -> SeenAlert | None:
        """Take a revision of an alert; give it when the alert is new, None when it is known already."""
        seen = _read(alert)
        known = self._alerts.get(seen.alert_id)
        if known is not None and known.revision >= seen.revision:
            return None
        if known is None:
            self.doubled += seen.about in self._about
            self._about.add(seen.about)
        self._alerts[seen.alert_id] = seen
        for event_id in seen.event_ids - self._alerted:
            if event_id in self._played:
                self._alerted.add(event_id)
                self._latencies.append(arrived - self._played[event_id])
        others = [other for other in self.newest if other.alert_id != seen.alert_id]
        self.newest = (seen, *others)[:NEWEST_ALERTS_MAX]
        return seen if known is None else None

    def latency(self) -> Latency | None:
        """From the access's record to its alert; None before the first alert."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return Latency(len(ordered), percentile(ordered, 50), percentile(ordered, 99), ordered[-1])

    def alerts_by_rule(self) -> Counter[str]:
        """How many alerts each rule stands in."""
        return Counter(rule for alert in self._alerts.values() for rule in alert.rules)

    def planted(self) -> dict[str, tuple[int, int]]:
        """Give for each rule how many planted episodes were found by it, and how many were planted."""
        wanted: Counter[str] = Counter()
        found: Counter[str] = Counter()
        rules_of = self._rules_by_event()
        for label, events in self._episodes.values():
            for rule in expected(label):
                wanted[rule] += 1
                found[rule] += any(rule in rules_of.get(event_id, ()) for event_id in events)
        return {rule: (found[rule], wanted[rule]) for rule in sorted(wanted)}

    def raised_by_look_alikes(self) -> dict[str, int]:
        """Count the look-alikes in an alert, by what they look like."""
        labels = [self._labels[event_id] for event_id in self._alerted if event_id in self._labels]
        return dict(Counter(label.name for label in labels if label.kind == "look-alike"))

    def raised_by_ordinary(self) -> int:
        """How many ordinary accesses are in an alert."""
        return sum(event_id not in self._labels for event_id in self._alerted)

    def look_alikes(self) -> int:
        """How many look-alikes were played."""
        return sum(label.kind == "look-alike" for label in self._labels.values())

    def _rules_by_event(self) -> dict[str, set[str]]:
        rules: dict[str, set[str]] = {}
        for alert in self._alerts.values():
            for event_id in alert.event_ids:
                rules.setdefault(event_id, set()).update(alert.rules)
        return rules


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value that *share* per cent of the sorted values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values")
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[min(len(ordered), int(rank)) - 1]


def _read(alert: Mapping[str, Any]) -> SeenAlert:
    reasons = alert["reasons"]
    return SeenAlert(
        alert_id=alert["alert_id"],
        revision=alert["revision"],
        severity=alert["severity"],
        rules=tuple(alert["rules"]),
        title=alert["title"],
        sentence=reasons[0]["sentence"] if reasons else "",
        last_access_at=alert["last_access_at"],
        access_count=alert["access_count"],
        event_ids=frozenset(alert["event_ids"]),
        about=(alert["staff_id"], alert["client_id"], alert["day"]),
    )
