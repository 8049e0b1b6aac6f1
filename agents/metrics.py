"""All metrics: name, type, labels with bounded values, and what a rise means. The core never counts; agents do.

No label ever carries a staff, client or alert id. ``docs/metrics.md`` is written from here (``make docs``).
"""

from agents.service_metrics import ServiceMetrics

#: Seconds; fine where the promise is (1 s, 5 s), coarse beyond.
_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)

#: Every label there is, and what bounds its values.
LABELS = {
    "action": "the 6 actions of the contract",
    "agent": "`screen`, `reference`, `alert`, `hindsight`, `deliver`",
    "answer": "`hit`, `abstain`",
    "channel": "of an access: the 5 of the contract; of a notification: the channels of the delivery file",
    "hash": "the limits in force: one, two while they change",
    "kind": "the 6 kinds of reference record; of staff: the 4 of the contract and `unknown`",
    "org_unit": "at most `ACCESSWATCH_ORG_UNITS_MAX` (100), or none at all",
    "outcome": "the 5 outcomes of the contract",
    "partition": "the partitions of the topics read",
    "python": "one",
    "result": "`sent`, `retried`, `parked`, `withheld`",
    "rule": "the 22 rules",
    "setting": "the settings that name a certificate",
    "severity": "`low`, `medium`, `high`, `critical`",
    "stage": "of an answer: `live`, `shadow`; of a dead letter: `decode`, `validate`, `screen`",
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
        self.dead_letters = make.counter(
            "dead_letters_total",
            "Records parked.",
            "A sender's form has changed, or a rule fails.",
            "topic",
            "stage",
        )
        self.alerts = make.counter(
            "alerts_total",
            "Alerts raised, by the rule that raised them.",
            "A story in the news, or a limit set too tight.",
            "rule",
            "severity",
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
        self.notifications = make.counter(
            "notifications_total",
            "Notifications by what became of them.",
            "Of retried or parked: a channel is away.",
            "channel",
            "result",
        )
        self._of_the_store()
        self._of_staff()

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
            "The same, of which only New Zealand working hours count (Monday to Friday, 07:00 to 18:00).",
            "The CMS sends nothing while people work; public holidays are not known.",
        )
