"""What a worker says of itself: whether it moves, what it waits for, how much lies before it, and on what it stands."""

from agents.metric_forms import Forms

#: Seconds that a batch may take from hand-over to acknowledgement; it has 5 to be well within the promise.
_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


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
            "Accesses were lost unread; where a sender writes in transactions each of its markers counts too.",
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
