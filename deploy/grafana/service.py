"""The dashboard *Service*: does it keep its promises, what is in its way, and on what does it stand."""

from deploy.grafana.panels import Board, Panel

_QUANTILES = {"half": 0.5, "99 of 100": 0.99}


def _quantiles(name: str, by: str = "") -> dict[str, str]:
    legend = f"{{{{{by}}}}} " if by else ""
    group = f"le, {by}" if by else "le"
    return {
        f"{legend}{said}": f"histogram_quantile({share}, sum by ({group}) (rate({name}_bucket[$__rate_interval])))"
        for said, share in _QUANTILES.items()
    }


_PROMISES = (
    Panel(
        "Budgets burning, over an hour",
        "How many times faster than allowed. 14.4 for an hour, or 6 for six hours, calls somebody.",
        {
            "assessed": "accesswatch:unassessed:ratio:1h / 0.001",
            "alert within 5 s": "accesswatch:slow_alerts:ratio:1h / 0.01",
            "told through {{channel}}": "accesswatch:untold:ratio:1h / 0.01",
        },
        threshold=14.4,
    ),
    Panel(
        "Budgets burning, over three days",
        "Above 1 for days: more is broken than is allowed.",
        {
            "assessed": "accesswatch:unassessed:ratio:3d / 0.001",
            "alert within 5 s": "accesswatch:slow_alerts:ratio:3d / 0.01",
            "told through {{channel}}": "accesswatch:untold:ratio:3d / 0.01",
        },
        threshold=1,
    ),
)
_RATE = (
    Panel(
        "Accesses assessed",
        "By outcome. Flat while people work: none arrive, or none are assessed.",
        {"{{outcome}}": "sum by (outcome) (rate(accesswatch_accesses_total[$__rate_interval]))"},
        unit="ops",
        stacked=True,
    ),
    Panel(
        "Records parked, offsets lost",
        "Anything above 0 wants a look.",
        {
            "{{topic}} {{stage}}": "sum by (topic, stage) (rate(accesswatch_dead_letters_total[$__rate_interval]))",
            "lost of {{topic}}": "sum by (topic) (rate(accesswatch_records_passed_over_total[$__rate_interval]))",
            "no text of {{topic}}": "sum by (topic) (rate(accesswatch_records_not_unpacked_total[$__rate_interval]))",
        },
        unit="ops",
    ),
    Panel(
        "From access to alert",
        "From the access's record in Kafka to its alert acknowledged by Kafka. The promise is 5 s.",
        _quantiles("accesswatch_access_to_alert_seconds"),
        unit="s",
        threshold=5,
    ),
    Panel(
        "Batches",
        "From taking one to the acknowledgement of all that was made of it.",
        _quantiles("accesswatch_batch_seconds", by="agent"),
        unit="s",
    ),
)
_LAG = (
    Panel(
        "Records waiting",
        "Growing for minutes: held, or too slow.",
        {"{{topic}}": "sum by (topic) (accesswatch_consumer_lag_records)"},
    ),
    Panel(
        "Age of the oldest record in hand",
        "The same in seconds.",
        {"{{topic}}": "max by (topic) (accesswatch_oldest_unprocessed_seconds)"},
        unit="s",
        threshold=60,
    ),
    Panel(
        "Since the last commit",
        "Rising under lag: no progress. Rising without lag: nothing comes.",
        {"{{topic}}": "time() - max by (topic) (accesswatch_last_commit_timestamp_seconds)"},
        unit="s",
    ),
    Panel(
        "How far behind the history is",
        "From the time to which it is complete until now. Past an hour a ticket is made of it.",
        {"behind": "time() - max(accesswatch_history_complete_to_timestamp_seconds > 0)"},
        unit="s",
        threshold=3600,
    ),
    Panel(
        "Rows added to the history",
        "Repeated assessments too. Lost: gone from Kafka before they were read.",
        {
            "added": "sum(rate(accesswatch_history_rows_total[$__rate_interval]))",
            "lost": "sum(rate(accesswatch_history_gap_records_total[$__rate_interval]))",
        },
        unit="ops",
    ),
    Panel(
        "Adding rows to the history",
        "From the decision until its table has them.",
        _quantiles("accesswatch_history_commit_seconds"),
        unit="s",
    ),
    Panel(
        "Holding",
        "1 while an agent waits for something that is away.",
        {"{{agent}} {{instance}}": "max by (agent, instance) (accesswatch_holding)"},
    ),
)
_FACTS = (
    Panel(
        "Reference records",
        "Falling at once: Redis was emptied, or a source removed records.",
        {"{{kind}}": "max by (kind) (accesswatch_reference_records)"},
    ),
    Panel(
        "Since the facts were complete",
        "Above 2 s accesses are held.",
        {"{{instance}}": "max by (instance) (accesswatch_reference_age_seconds)"},
        unit="s",
        threshold=60,
    ),
    Panel(
        "Since a record of each kind came",
        "A feed that has stopped rises alone.",
        {"{{kind}}": "time() - max by (kind) (accesswatch_reference_changed_timestamp_seconds)"},
        unit="s",
    ),
    Panel(
        "Deletions that matched no record",
        "Outside of a full load: a source deletes by keys that are no ids, and what it deleted is still known.",
        {"{{topic}}": "sum by (topic) (increase(accesswatch_deletions_unmatched_total[1h]))"},
        threshold=1,
    ),
    Panel(
        "Fields that the contract does not name",
        "A sender has changed.",
        {"{{topic}}": "sum by (topic) (rate(accesswatch_unknown_fields_total[$__rate_interval]))"},
        unit="ops",
    ),
)
_DELIVERY = (
    Panel(
        "Messages",
        "By channel and what became of them.",
        {
            "{{channel}} {{result}}": (
                "sum by (channel, result) (rate(accesswatch_notifications_total[$__rate_interval]))"
            )
        },
        unit="ops",
    ),
    Panel(
        "Messages waiting",
        "Above 0 for minutes: the channel is away.",
        {"{{channel}}": "max by (channel) (accesswatch_notifications_waiting)"},
    ),
    Panel(
        "Age of the oldest message waiting",
        "Past five minutes somebody is called.",
        {"{{channel}}": "max by (channel) (accesswatch_oldest_notification_seconds)"},
        unit="s",
        threshold=300,
    ),
    Panel(
        "Revisions waiting for Kafka",
        "Alerts that are in the store and not yet in integrity.alert.v1.",
        {"waiting": "max(accesswatch_unpublished_revisions)"},
    ),
)
_RUNTIME = (
    Panel(
        "Workers",
        "How many answer, how many are ready, and who does which agent's work.",
        {
            "up": 'sum(up{job="accesswatch"})',
            "ready": "sum(accesswatch_ready)",
            "{{agent}}": "sum by (agent) (accesswatch_agent_running)",
            "Kafka answers": "min(accesswatch_kafka_answers)",
        },
    ),
    Panel(
        "CPU",
        "Of one core; near 1 a worker can do no more.",
        {"{{instance}}": 'rate(process_cpu_seconds_total{job="accesswatch"}[$__rate_interval])'},
        unit="percentunit",
    ),
    Panel(
        "Memory",
        "Resident.",
        {"{{instance}}": 'process_resident_memory_bytes{job="accesswatch"}'},
        unit="bytes",
    ),
    Panel(
        "Event loop late by",
        "Above a second health and commits suffer.",
        {"{{instance}}": "max by (instance) (accesswatch_event_loop_delay_seconds)"},
        unit="s",
        threshold=1,
    ),
    Panel(
        "Open files",
        "Rising for ever: a leak.",
        {"{{instance}}": 'process_open_fds{job="accesswatch"}'},
    ),
    Panel(
        "Disk free",
        "Share of the disk of ACCESSWATCH_STATE_DIR.",
        {"{{instance}}": "accesswatch_disk_free_bytes / accesswatch_disk_size_bytes"},
        unit="percentunit",
        threshold=0.05,
    ),
    Panel(
        "Certificates end in",
        "Below three weeks somebody should renew them.",
        {"{{setting}}": "min by (setting) (accesswatch_certificate_not_after_timestamp_seconds) - time()"},
        unit="s",
        threshold=21 * 86400,
    ),
    Panel(
        "Releases and limits in force",
        "More than one of either: an upgrade or a change is under way. Rejected: a file with mistakes.",
        {
            "release {{version}}": "count by (version) (accesswatch_build_info)",
            "limits {{hash}}": "count by (hash) (accesswatch_limits_info)",
            "rejected limits": "sum(increase(accesswatch_limits_reload_failures_total[1h]))",
            "rejected delivery file": "sum(increase(accesswatch_delivery_reload_failures_total[1h]))",
        },
    ),
)

SERVICE = Board(
    "accesswatch-service",
    "accesswatch: Service",
    "Does it keep its promises, what is in its way, and on what does it stand.",
    {
        "Promises": _PROMISES,
        "Rate, errors, latency": _RATE,
        "Lag": _LAG,
        "Facts and their age": _FACTS,
        "Delivery": _DELIVERY,
        "Runtime": _RUNTIME,
    },
)
