"""What was played, what came of it, whether that is what should have come of it, and how far the demo is.

Counts only: no clock, no Kafka, no screen. Times are milliseconds since 1970 unless a name says otherwise. ``Progress``
is replaced part by part as a whole, never changed in place: another thread reads it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from simulator.records import Label

EXPECTED: dict[str, tuple[str, ...]] = {
    "self": ("own-record",),
    "colleague": ("staff-record",),
    "close family": ("relative-record",),
    "friend": ("acquaintance-record",),
    "own business": ("business-record",),
    "self, not on record": ("shared-contact",),
    "favour": ("colleague-circle", "proxy-lookup"),
    "face in the news": ("media-watchlist",),
    "face before the story": ("media-surge",),
    "comes back on three days": ("repeat-visits",),
    "restricted file": ("restricted-record",),
    "addresses of six": ("contact-lookup",),
    "first letters": ("search-browsing",),
    "files of fifty": ("volume",),
    "files of the dead": ("dormant-record",),
    "mass print": ("bulk-extract",),
    "account during leave": ("off-duty",),
    "outside the contract": ("scope",),
    "shared password": ("two-places",),
    "service account at a desk": ("service-account",),
    "account of nobody": ("unknown-staff",),
}


def expected(label: Label) -> tuple[str, ...]:
    """Return the rules of which each should ask about an episode; none about what is innocent."""
    return EXPECTED.get(label.name, ()) if label.kind == "intent" else ()


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
    status: str = "new"
    audience: str = "integrity"


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

    def asked(self) -> dict[str, int]:
        """How many alerts are Internal Integrity's by now, settle still, are the staff member's, or were explained."""
        found = Counter(_asked(one) for one in self._alerts.values())
        return {name: found[name] for name in ASKED}

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
        """Return for each rule how many planted episodes were found by it, and how many were planted."""
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
    """Return the value that *share* per cent of the sorted values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values")
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[min(len(ordered), int(rank)) - 1]


#: Who is asked about an alert, in the order in which it is shown.
ASKED = ("of Internal Integrity", "of staff members", "settling", "explained meanwhile")


def _asked(alert: SeenAlert) -> str:
    if alert.status == "closed":
        return ASKED[3]
    if alert.status == "pending":
        return ASKED[2]
    return ASKED[0] if alert.audience == "integrity" else ASKED[1]


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
        status=alert.get("status", "new"),
        audience=alert.get("audience", "integrity"),
    )


#: The phases of the start, in order.
PHASES: Final = ("Kafka", "Valkey", "topics", "agency", "worker")


@dataclass(frozen=True, slots=True)
class Mail:
    """A received e-mail: when (local time of this machine, HH:MM:SS), about what, and its text."""

    number: int
    received: str
    sender: str
    recipients: str
    subject: str
    text: str


@dataclass(slots=True)
class Progress:
    """Everything that can be seen of a demo while it runs."""

    day: date
    wanted: int
    rate: int
    scoreboard: Scoreboard
    #: Monotonic seconds when the program started.
    started: float
    #: Says one plain sentence to whoever is watching.
    say: Callable[[str], None] = lambda _sentence: None
    #: Phase -> what is said of it once it has begun; ``done`` has those that are over.
    phases: dict[str, str] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    mails: tuple[Mail, ...] = ()
    mails_received: int = 0
    webhooks_received: int = 0
    restarts: int = 0
    #: Worker's metrics page, e-mail page; empty until known.
    metrics_url: str = ""
    mails_url: str = ""
    #: Seconds from the start of the program to the first alert.
    first_alert_seconds: float | None = None
    playing: bool = False

    def elapsed(self) -> float:
        """Seconds since the program started."""
        return time.monotonic() - self.started

    def phase(self, name: str, remark: str = "") -> None:
        """Note that a phase has begun, or how far it is."""
        self.phases = {**self.phases, name: remark}

    def finish(self, name: str, remark: str = "") -> None:
        """Note that a phase is over."""
        self.phases = {**self.phases, name: remark}
        self.done = self.done | {name}
        self.say(f"{name}: {remark}" if remark else f"{name} is ready")
