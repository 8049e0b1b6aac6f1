"""All metrics: name, type, labels with bounded values, and what a rise means. The core never counts; agents do.

No label ever carries a staff, client or alert id.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds; fine where the promise is (1 s, 5 s), coarse beyond.
_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """The metrics of one worker, on one registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=self.registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=self.registry)

        self.accesses = counter(
            "accesswatch_accesses_total",
            "Accesses assessed. Flat while people work: none arrive.",
            "action",
            "outcome",
        )
        self.rule_answers = counter(
            "accesswatch_rule_answers_total",
            "Answers of rules. A rise of abstain: facts are missing.",
            "rule",
            "answer",
            "stage",
        )
        self.unknown_fields = counter(
            "accesswatch_unknown_fields_total",
            "Fields that the contract does not name. A rise: a sender has changed.",
            "topic",
        )
        self.alerts = counter(
            "accesswatch_alerts_total",
            "Alerts raised, by the rule that raised them. A rise: a story in the news, or a limit set too tight.",
            "rule",
            "severity",
        )
        self.notifications = counter(
            "accesswatch_notifications_total",
            "Notifications by what became of them. A rise of retried or parked: a channel is away.",
            "channel",
            "result",
        )
        self.access_to_alert = Histogram(
            "accesswatch_access_to_alert_seconds",
            "Seconds from the access's record in Kafka to its alert acknowledged by Kafka.",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.confirmed = gauge(
            "accesswatch_rule_confirmed_alerts",
            "Closed alerts with this rule among their reasons that were confirmed; over those decided: its precision.",
            "rule",
        )
        self.decided = gauge(
            "accesswatch_rule_decided_alerts",
            "Closed alerts with this rule among their reasons that were confirmed, explained or self-reported.",
            "rule",
        )
        self.dead_letters = counter(
            "accesswatch_dead_letters_total",
            "Records parked. A rise: a sender's form has changed, or a rule fails.",
            "topic",
            "stage",
        )
        self.lag = gauge(
            "accesswatch_consumer_lag_records",
            "Records not yet dealt with. A steady rise: too few workers, or a held batch.",
            "topic",
            "partition",
        )
        self.oldest_unprocessed = gauge(
            "accesswatch_oldest_unprocessed_seconds",
            "Age of the oldest record in hand. A rise: held, or too slow.",
            "topic",
        )
        self.last_commit = gauge(
            "accesswatch_last_commit_timestamp_seconds",
            "When Kafka last took a commit, in seconds since 1970. Standing still under lag: no progress.",
            "topic",
        )
        self.reference_records = gauge(
            "accesswatch_reference_records",
            "Reference records known. A fall: deletions, or a rebuild.",
            "kind",
        )
        self.reference_age = gauge(
            "accesswatch_reference_age_seconds",
            "Seconds since the reference data were last seen complete. A rise: stale or rebuilding.",
        )
        self.active_staff = gauge(
            "accesswatch_active_staff",
            "Distinct staff with accesses recorded in the window, over all workers.",
            "window",
            "kind",
        )
        self.staff_registered = gauge(
            "accesswatch_staff_registered",
            "Staff records known.",
        )
        self.holding = gauge(
            "accesswatch_holding",
            "1 while an agent holds its batch because something it needs is away.",
            "agent",
        )
        self.build_info = gauge(
            "accesswatch_build_info",
            "Always 1; the labels say which release runs.",
            "version",
            "python",
        )
        self.limits_info = gauge(
            "accesswatch_limits_info",
            "Always 1; the label names the limits in force.",
            "hash",
        )
        self.limits_reload_failures = counter(
            "accesswatch_limits_reload_failures_total",
            "Changed limits files that were not taken for their mistakes. A rise: those before stay in force.",
        )
