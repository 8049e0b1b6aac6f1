"""All metrics of a worker: name, type, labels with bounded values, and what a rise means. The core never counts.

``ServiceMetrics`` is what a worker says of itself, ``Metrics`` adds what came of accesses and alerts. No label ever
carries a staff, client or alert id. ``python -m agents.metrics`` writes ``docs/metrics.md`` (``make docs``).
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

PREFIX = "accesswatch_"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric as people read of it."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str
    #: What it means when it rises, or falls where that is what matters.
    rise: str


class Forms:
    """One registry, and the description of everything on it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.described: list[Described] = []

    def counter(self, name: str, meaning: str, rise: str, *labels: str) -> Counter:
        """Make what only grows."""
        self.describe(name, "counter", meaning, rise, *labels)
        return Counter(PREFIX + name, f"{meaning} {rise}", labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, rise: str, *labels: str) -> Gauge:
        """Make what goes up and down."""
        self.describe(name, "gauge", meaning, rise, *labels)
        return Gauge(PREFIX + name, f"{meaning} {rise}", labels, registry=self.registry)

    def histogram(self, name: str, meaning: str, rise: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Make a distribution; *buckets* are upper bounds in the metric's unit."""
        self.describe(name, "histogram", meaning, rise, *labels)
        return Histogram(PREFIX + name, f"{meaning} {rise}", labels, buckets=buckets, registry=self.registry)

    def describe(self, name: str, kind: str, meaning: str, rise: str, *labels: str) -> Described:
        """Describe a metric that something else puts onto the registry."""
        self.described.append(Described(PREFIX + name, kind, labels, meaning, rise))
        return self.described[-1]


def at_zero(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Show a metric's series before they count anything, for each combination of these label values.

    A series that is born with its first event has not risen for Prometheus: that event would never be alerted on.
    """
    for labels in product(*values):
        metric.labels(*labels)


#: Seconds that a batch may take from hand-over to acknowledgement; it has 5 to be well within the promise.
_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def buckets_of(values: Collection[float], bounds: Iterable[float]) -> list[tuple[str, float]]:
    """Return how many values are up to each bound, and how many there are: a histogram's buckets."""
    below = [(str(float(bound)), float(sum(value <= bound for value in values))) for bound in bounds]
    return [*below, ("+Inf", float(len(values)))]


class ServiceMetrics:
    """The metrics of one worker about the worker, on one registry of their own."""

    def __init__(self) -> None:
        self.forms = make = Forms()
        self.registry = make.registry

        self.build_info = make.gauge(
            "build_info",
            "Always 1; the labels say which release runs.",
            "Two releases: an upgrade is under way.",
            "version",
            "python",
        )
        self.agent_running = make.gauge(
            "agent_running",
            "1 for each agent that this worker runs.",
            "A fall: nobody does that agent's work.",
            "agent",
        )
        self.ready = make.gauge(
            "ready",
            "1 while `/readyz` answers 200, else 0.",
            "A fall: `/readyz` says what is waited for.",
        )
        self.holding = make.gauge(
            "holding",
            "1 while an agent holds its batch because something it needs is away.",
            "Nothing is lost; the log event `batch-held` names what is away.",
            "agent",
        )
        self.kafka_answers = make.gauge(
            "kafka_answers",
            "1 while Kafka says where the topics end, else 0.",
            "A fall: the brokers are away.",
        )
        self.lag = make.gauge(
            "consumer_lag_records",
            "Records not yet dealt with.",
            "Steadily: too few workers, or a held batch.",
            "topic",
            "partition",
        )
        self.oldest_unprocessed = make.gauge(
            "oldest_unprocessed_seconds",
            "Age of the oldest record in hand.",
            "Held, or too slow.",
            "topic",
        )
        self.last_commit = make.gauge(
            "last_commit_timestamp_seconds",
            "When Kafka last took a commit, in seconds since 1970.",
            "Standing still under lag: no progress.",
            "topic",
        )
        self.passed_over = make.counter(
            "records_passed_over_total",
            "Offsets that were never given to us: Kafka's retention took the records.",
            "Accesses were lost unread.",
            "topic",
        )
        self.unreadable = make.counter(
            "records_not_unpacked_total",
            "Records that the Kafka client library could not unpack; they are parked.",
            "A sender uses another codec or headers that are not UTF-8, or a disk damages data.",
            "topic",
        )
        self.batch_seconds = make.histogram(
            "batch_seconds",
            "Seconds from taking a batch to the acknowledgement of all that was made of it.",
            "Kafka, Redis or the store answers slowly, or the machine is short of CPU.",
            "agent",
            buckets=_BATCH_BUCKETS,
        )
        self.loop_delay = make.gauge(
            "event_loop_delay_seconds",
            "By how much the event loop came round late, the last time it was looked at.",
            "Above 1: this process has more to do than one core can.",
        )
        self.reference_records = make.gauge(
            "reference_records",
            "Reference records known.",
            "A fall: deletions, or a rebuild.",
            "kind",
        )
        self.reference_changed = make.gauge(
            "reference_changed_timestamp_seconds",
            "When a record of this kind was last applied, since 1970.",
            "Standing still over working hours: the feed of this kind has stopped.",
            "kind",
        )
        self.reference_age = make.gauge(
            "reference_age_seconds",
            "Seconds since the reference data were last seen complete.",
            "Stale or rebuilding: accesses are held.",
        )
        self.limits_info = make.gauge(
            "limits_info",
            "Always 1; the label names the limits in force.",
            "Two hashes: workers judge differently.",
            "hash",
        )
        self.delivery_reload_failures = make.counter(
            "delivery_reload_failures_total",
            "Changed delivery files that were not taken for their mistakes.",
            "The file before it stays in force.",
        )
        self.limits_reload_failures = make.counter(
            "limits_reload_failures_total",
            "Changed limits files that were not taken for their mistakes.",
            "The limits before them stay in force.",
        )
        self.disk_free = make.gauge(
            "disk_free_bytes",
            "Free bytes on the disk of ACCESSWATCH_STATE_DIR.",
            "A fall: a SQLite store on it will stop taking hits; alerts are then held.",
        )
        self.disk_size = make.gauge(
            "disk_size_bytes",
            "Size of the disk of ACCESSWATCH_STATE_DIR.",
            "Nothing: it was made larger.",
        )
        self.certificate_ends = make.gauge(
            "certificate_not_after_timestamp_seconds",
            "When the first certificate in a file that the settings name ends, in seconds since 1970.",
            "Coming near to now: connections will be refused from then on.",
            "setting",
        )


#: Seconds; fine where the promise is (1 s, 5 s), coarse beyond.
_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)

#: Every label there is, and what bounds its values.
LABELS = {
    "action": "the 6 actions of the contract",
    "agent": "`screen`, `reference`, `alert`, `hindsight`, `deliver`, `adapt`",
    "answer": "`hit`, `abstain`",
    "because": "what the mapping files say of records that they leave out",
    "channel": "of an access: the 5 of the contract; of a notification: the channels of the delivery file",
    "hash": "the limits in force: one, two while they change",
    "kind": "the 7 kinds of reference record; of staff: the 4 of the contract and `unknown`",
    "org_unit": "at most `ACCESSWATCH_ORG_UNITS_MAX` (100), or none at all",
    "outcome": "the 5 outcomes of the contract",
    "partition": "the partitions of the topics read",
    "python": "one",
    "result": "of a message: `sent`, `retried`, `parked`, `withheld`, `silenced`; of a source's record: `mapped`, "
    "`deleted`, `skipped`, `refused`",
    "rule": "the rules of docs/rules.md",
    "setting": "the settings that name a certificate",
    "source": "the mappings in `ACCESSWATCH_MAPPINGS`, at most 50",
    "severity": "`low`, `medium`, `high`, `critical`",
    "stage": "of an answer: `live`, `shadow`; of a dead letter: `decode`, `validate`, `screen`, `map`",
    "status": "`new`, `acknowledged`",
    "topic": "the topics of the contract",
    "version": "one",
    "window": "`15m`, `1h`, `24h`",
}


class Metrics(ServiceMetrics):
    """The metrics of one worker: what is counted of accesses and alerts, beside what it says of itself."""

    def __init__(self) -> None:
        super().__init__()
        make = self.forms

        self.accesses = make.counter(
            "accesses_total",
            "Accesses assessed.",
            "Flat while people work: none arrive.",
            "action",
            "outcome",
        )
        self.channel_accesses = make.counter(
            "channel_accesses_total",
            "Accesses assessed, by the channel they came through.",
            "One channel alone: a new use of it, or a program at work.",
            "channel",
            "action",
            "outcome",
        )
        self.org_unit_accesses = make.counter(
            "org_unit_accesses_total",
            "Accesses assessed, by the actor's unit while units are few enough.",
            "One unit alone: ask whether it has a campaign, an audit or new staff.",
            "org_unit",
        )
        self.rule_answers = make.counter(
            "rule_answers_total",
            "Answers of rules.",
            "Of abstain: facts are missing.",
            "rule",
            "answer",
            "stage",
        )
        self.unknown_fields = make.counter(
            "unknown_fields_total",
            "Fields that the contract does not name.",
            "A sender has changed.",
            "topic",
        )
        self.deletions_unmatched = make.counter(
            "deletions_unmatched_total",
            "Null values on a topic of reference data that matched no record.",
            "A source deletes by keys that are no ids: what it deleted is still known. Rises in a full load, too: "
            "what was deleted long ago is compacted away.",
            "topic",
        )
        self.dead_letters = make.counter(
            "dead_letters_total",
            "Records parked.",
            "A sender's form has changed, or a rule fails.",
            "topic",
            "stage",
        )
        self.alerts = make.counter(
            "alerts_total",
            "Alerts new for Internal Integrity, once each, by the rule that raised them.",
            "A story in the news, or a limit set too tight.",
            "rule",
            "severity",
        )
        self.renewed = make.counter(
            "renewed_total",
            "Assessments published once more, since work that became known later explains the access.",
            "A rise: work items are published later than they were.",
        )
        self.history_rows = make.counter(
            "history_rows_total",
            "Assessments that were added to the history, repeated ones too.",
            "Flat while accesses are assessed: the history is behind; `accesswatch history status`.",
        )
        self.history_complete_to = make.gauge(
            "history_complete_to_timestamp_seconds",
            "To which time the history is complete, in seconds since 1970; 0 where this worker does not write it.",
            "It stands still: `history-behind`.",
        )
        self.history_gap = make.counter(
            "history_gap_records_total",
            "Assessments that were gone from Kafka before the history had read them.",
            "Any: a partition stands still until a person accepts the gap: `history-behind`.",
        )
        self.history_commit = make.histogram(
            "history_commit_seconds",
            "Seconds from the decision to add rows to the history until its table has them.",
            "A rise: the disk or the database is slow.",
            buckets=_LATENCY_BUCKETS,
        )
        self.canary_found = make.counter(
            "canary_found_total",
            "What became of each live rule's canary in the runs that workers began.",
            "Of missed: the rule did not find what it must find: `canary-missed`.",
            "rule",
            "result",
        )
        self.canary_seconds = make.histogram(
            "canary_seconds",
            "Seconds from the publication of a canary's access until its alert was on Kafka.",
            "A rise: alerts come late.",
            buckets=_LATENCY_BUCKETS,
        )
        self.canaries_refused = make.gauge(
            "canaries_refused",
            "1 while the canaries do not run since a reserved id is used by somebody else, or ids are too few.",
            "`accesswatch canary run` says which id, and why: `canary-refused`.",
        )
        self.access_to_alert = make.histogram(
            "access_to_alert_seconds",
            "Seconds from the access's record in Kafka to its alert acknowledged by Kafka.",
            "A batch was held, or a store or broker is slow.",
            buckets=_LATENCY_BUCKETS,
        )
        self.confirmed = make.gauge(
            "rule_confirmed_alerts",
            "Closed alerts with this rule among their reasons that were confirmed.",
            "Over those decided it is the rule's precision.",
            "rule",
        )
        self.decided = make.gauge(
            "rule_decided_alerts",
            "Closed alerts with this rule among their reasons that were confirmed, explained or self-reported.",
            "People have answered its questions.",
            "rule",
        )
        self.notices = make.counter(
            "notices_total",
            "Questions put to staff members, once each, by the rule that speaks for them.",
            "Many at once: a limit set too tight, or a feed of work that has stopped.",
            "rule",
        )
        self.notifications = make.counter(
            "notifications_total",
            "Notifications by what became of them.",
            "Of retried or parked: a channel is away.",
            "channel",
            "result",
        )
        self._of_the_store()
        self._of_staff()
        self._of_sources()

    def _of_the_store(self) -> None:
        make = self.forms
        self.alerts_open = make.gauge(
            "alerts_open",
            "Alerts that are not closed, over all workers.",
            "More come than people can look at.",
            "severity",
            "status",
        )
        self.oldest_new_alert = make.gauge(
            "oldest_new_alert_seconds",
            "Age of the oldest alert that nobody has acknowledged, over all workers.",
            "Nobody is looking.",
            "severity",
        )
        self.unpublished = make.gauge(
            "unpublished_revisions",
            "Revisions of alerts that Kafka has not acknowledged yet, over all workers.",
            "Kafka is away, or no worker runs the alert agent.",
        )
        self.notifications_waiting = make.gauge(
            "notifications_waiting",
            "Messages that wait to be sent, over all workers.",
            "The channel is away.",
            "channel",
        )
        self.oldest_notification = make.gauge(
            "oldest_notification_seconds",
            "Age of the oldest message that waits to be sent, over all workers.",
            "The channel is away, or no worker runs the deliver agent.",
            "channel",
        )

        self.time_to_acknowledge = make.describe(
            "time_to_acknowledge_seconds",
            "histogram",
            "From raised to first acknowledged or closed by a person, of the alerts of the last 28 days.",
            "Nobody is looking. It is counted anew each time: read it without `rate`.",
            "severity",
        )

    def _of_staff(self) -> None:
        make = self.forms
        self.staff_hourly = make.describe(
            "staff_hourly_accesses",
            "histogram",
            "Over staff: accesses of each in the last full hour, over all workers.",
            "A long tail: somebody opens far more than others do. Counted anew each time: read it without `rate`.",
        )
        self.active_staff = make.gauge(
            "active_staff",
            "Distinct staff with accesses recorded in the window, over all workers.",
            "More people at work; of `unknown`: ids that no register holds.",
            "window",
            "kind",
        )
        self.staff_registered = make.gauge("staff_registered", "Staff records known.", "People were hired.")
        self.source_silence = make.gauge(
            "source_silence_seconds",
            "Seconds since the newest access that was assessed, over all workers.",
            "Nobody works, or the CMS sends nothing.",
        )
        self.source_silence_working = make.gauge(
            "source_silence_working_seconds",
            "The same, of which only New Zealand working hours count (Monday to Friday, 07:00 to 18:00, no holidays).",
            "The CMS sends nothing while people work.",
        )

    def _of_sources(self) -> None:
        make = self.forms
        self.source_records = make.counter(
            "source_records_total",
            "Records of a source by what became of them; one value may hold many.",
            "Of refused: the source has changed its form, and the mapping must follow.",
            "source",
            "result",
        )
        self.source_skipped = make.counter(
            "source_skipped_total",
            "Records that a mapping leaves out, by the reason that it gives.",
            "One reason alone: the source writes more of what is not wanted, or the mapping leaves out too much.",
            "source",
            "because",
        )
        self.source_tampered = make.counter(
            "source_log_changed_total",
            "Records which say that a row of the audit log itself was changed, taken out, or that it was emptied.",
            "Somebody or some program rewrites the log: `audit-log-changed`.",
            "source",
        )
        self.source_gap = make.gauge(
            "source_gap_records",
            "Numbers of a source's own sequence that have been missing for 10 minutes or more, over all workers.",
            "Records were lost on their way: `source-gap`. Always 0 where the mapping names no sequence.",
            "source",
        )
        self.source_newest = make.gauge(
            "source_newest_timestamp_seconds",
            "When the newest record of a source came, in seconds since 1970, over all workers.",
            "Standing still: the source sends nothing.",
            "source",
        )
        self.source_quiet_working = make.gauge(
            "source_quiet_working_seconds",
            "Seconds since then, of which only New Zealand working hours count, over all workers.",
            "The source sends nothing while people work: `source-quiet`.",
            "source",
        )
        self.source_day_missing = make.gauge(
            "source_day_missing_records",
            "By how many records the source counts more than came, over the days it has counted, over all workers.",
            "Records were lost on their way: `source-short`.",
            "source",
        )
        self.source_day_share = make.gauge(
            "source_day_share",
            "Yesterday's records over the median of that weekday in the four weeks before, over all workers.",
            "A fall: a part of the source has stopped sending: `source-short`. 1 where days cannot be compared.",
            "source",
        )


_TITLE = """# The metrics

What a worker shows at `/metrics`. This page is made from the metrics themselves (`make docs`): do not edit it. No label
ever carries a staff, client or alert id. Counters begin at 0 with each process. *Over all workers* means that every
worker shows the same figure: take `max`, never `sum`. Beside these stand Prometheus' own `process_*` metrics.
"""


def manual() -> str:
    """Write the whole manual."""
    service = {one.name for one in ServiceMetrics().forms.described}
    described = Metrics().forms.described
    lines = [_TITLE, "## What came of accesses\n", *_table(one for one in described if one.name not in service)]
    lines += ["", "## The service\n", *_table(one for one in described if one.name in service)]
    lines += ["", "## Labels\n", "| label | values |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {bound} |" for name, bound in LABELS.items())]) + "\n"


def _table(described: Iterable[Described]) -> Iterator[str]:
    yield "| name | type | labels | what it says | a rise means |"
    yield "|---|---|---|---|---|"
    for one in described:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.type} | {labels} | {one.meaning} | {one.rise} |"


if __name__ == "__main__":
    sys.stdout.write(manual())
