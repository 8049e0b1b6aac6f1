"""The dashboard *Volumes and alerts*: how much is looked at by how many, what is said of it, and what people answer."""

from deploy.grafana.panels import Board, Panel

#: Every worker shows the figure of all workers: the largest is taken, kinds are added up.
_ACTIVE = 'sum(max by (kind) (accesswatch_active_staff{{window="{window}"{kinds}}}{offset}))'

_VOLUMES = (
    Panel(
        "Accesses, beside the same hour last week",
        "Far below last week: is it a holiday, or does the CMS send only a part?",
        {
            "now": "sum(rate(accesswatch_accesses_total[$__rate_interval]))",
            "last week": "sum(rate(accesswatch_accesses_total[$__rate_interval] offset 1w))",
        },
        unit="ops",
    ),
    Panel(
        "Active staff within an hour, beside the same hour last week",
        "People who opened anything, over all workers.",
        {
            "now": _ACTIVE.format(window="1h", kinds="", offset=""),
            "last week": _ACTIVE.format(window="1h", kinds="", offset=" offset 1w"),
        },
    ),
    Panel(
        "Active staff by window",
        "Within 15 minutes, an hour and 24 hours.",
        {"{{window}}": "sum by (window) (max by (window, kind) (accesswatch_active_staff))"},
    ),
    Panel(
        "Active staff by kind, 24 hours",
        "Unknown: ids that the register does not hold.",
        {"{{kind}}": 'max by (kind) (accesswatch_active_staff{window="24h"})'},
    ),
    Panel(
        "Share of registered staff seen, 24 hours",
        "Of all staff records.",
        {
            "seen": _ACTIVE.format(window="24h", kinds=',kind!="unknown"', offset="")
            + " / max(accesswatch_staff_registered)"
        },
        unit="percentunit",
    ),
    Panel(
        "Accesses of one staff member in the last full hour",
        "Half of all are below the lowest line. A tail that grows: somebody opens far more than others do.",
        {
            f"{share} of 100": (
                f"histogram_quantile({share / 100}, max by (le) (accesswatch_staff_hourly_accesses_bucket))"
            )
            for share in (50, 90, 99)
        },
    ),
    Panel(
        "Accesses by channel",
        "One alone rises: a new use of it, or a program at work.",
        {"{{channel}}": "sum by (channel) (rate(accesswatch_channel_accesses_total[$__rate_interval]))"},
        unit="ops",
        stacked=True,
    ),
    Panel(
        "Accesses by action",
        "Prints and exports are rare.",
        {"{{action}}": "sum by (action) (rate(accesswatch_accesses_total[$__rate_interval]))"},
        unit="ops",
        stacked=True,
    ),
    Panel(
        "Accesses by unit",
        "The ten largest, while units are few enough to be counted.",
        {"{{org_unit}}": ("topk(10, sum by (org_unit) (rate(accesswatch_org_unit_accesses_total[$__rate_interval])))")},
        unit="ops",
    ),
    Panel(
        "Silence of the source",
        "Since the newest access; working counts Monday to Friday, 07:00 to 18:00 in New Zealand.",
        {
            "all": "max(accesswatch_source_silence_seconds)",
            "working": "max(accesswatch_source_silence_working_seconds)",
        },
        unit="s",
        threshold=900,
    ),
)
_OUTCOMES = (
    Panel(
        "Outcomes",
        "Shares of all accesses.",
        {
            "{{outcome}}": (
                "sum by (outcome) (rate(accesswatch_accesses_total[$__rate_interval]))"
                " / ignoring(outcome) group_left sum(rate(accesswatch_accesses_total[$__rate_interval]))"
            )
        },
        unit="percentunit",
        stacked=True,
    ),
    Panel(
        "Explained by work",
        "Share of the accesses to a client record. Falling at once: the feed of work has stopped.",
        {
            "explained": (
                'sum(rate(accesswatch_accesses_total{outcome="explained"}[$__rate_interval]))'
                ' / sum(rate(accesswatch_accesses_total{outcome!="no_subject"}[$__rate_interval]))'
            )
        },
        unit="percentunit",
    ),
    Panel(
        "Hits by rule",
        "Live rules that asked.",
        {
            "{{rule}}": (
                'sum by (rule) (rate(accesswatch_rule_answers_total{answer="hit",stage="live"}[$__rate_interval])) > 0'
            )
        },
        unit="ops",
    ),
    Panel(
        "Abstentions by rule",
        "A fact that the rule needs is missing.",
        {"{{rule}}": ('sum by (rule) (rate(accesswatch_rule_answers_total{answer="abstain"}[$__rate_interval])) > 0')},
        unit="ops",
    ),
    Panel(
        "Shadow answers by rule",
        "What a rule would ask were it live.",
        {"{{rule}}": ('sum by (rule) (increase(accesswatch_rule_answers_total{answer="hit",stage="shadow"}[1h])) > 0')},
    ),
)
_ALERTS = (
    Panel(
        "Alerts raised in an hour, by rule",
        "By the rule that raised them. Dozens a week can be looked at.",
        {"{{rule}}": "sum by (rule) (increase(accesswatch_alerts_total[1h])) > 0"},
        threshold=50,
    ),
    Panel(
        "Alerts raised in an hour, by severity",
        "The same by how much they weigh.",
        {"{{severity}}": "sum by (severity) (increase(accesswatch_alerts_total[1h]))"},
        stacked=True,
    ),
    Panel(
        "Questions to staff members in an hour, by rule",
        "Notices: each goes to the staff member, not to Internal Integrity.",
        {"{{rule}}": "sum by (rule) (increase(accesswatch_notices_total[1h]))"},
    ),
    Panel(
        "Assessments renewed in an hour",
        "Their work became known after the access.",
        {"renewed": "sum(increase(accesswatch_renewed_total[1h]))"},
    ),
    Panel(
        "Canaries of a week, by what became of them",
        "Each live rule must find the access that is made for it; missed says that one did not.",
        {
            "{{result}}": "sum by (result) (increase(accesswatch_canary_found_total[7d]))",
            "refused": "max(accesswatch_canaries_refused)",
        },
    ),
    Panel(
        "Time until canaries were found",
        "From the publication of the access until its alert was on Kafka: half and nine tenths of them in a week.",
        {
            said: f"histogram_quantile({share}, sum by (le) (increase(accesswatch_canary_seconds_bucket[7d])))"
            for said, share in (("half", 0.5), ("9 of 10", 0.9))
        },
        unit="s",
    ),
    Panel(
        "Open alerts",
        "New: nobody has acknowledged them.",
        {"{{severity}} {{status}}": "max by (severity, status) (accesswatch_alerts_open)"},
        stacked=True,
    ),
    Panel(
        "Age of the oldest alert that nobody has acknowledged",
        "Past a day a ticket is made of it.",
        {"{{severity}}": "max by (severity) (accesswatch_oldest_new_alert_seconds)"},
        unit="s",
        threshold=86400,
    ),
    Panel(
        "Time to acknowledge, alerts of the last 28 days",
        "Half and nine tenths of them, by severity.",
        {
            f"{{{{severity}}}} {said}": (
                f"histogram_quantile({share}, max by (le, severity) (accesswatch_time_to_acknowledge_seconds_bucket))"
            )
            for said, share in (("half", 0.5), ("9 of 10", 0.9))
        },
        unit="s",
    ),
    Panel(
        "Precision by rule",
        "Confirmed, of those that somebody decided. Low for long: the rule asks the wrong question, or too early.",
        {
            "{{rule}}": (
                "max by (rule) (accesswatch_rule_confirmed_alerts) / max by (rule) (accesswatch_rule_decided_alerts)"
            )
        },
        unit="percentunit",
    ),
)

VOLUMES = Board(
    "accesswatch-volumes",
    "accesswatch: Volumes and alerts",
    "How much is looked at by how many, what is said of it, and what people answer. Nobody is named.",
    {"Volumes": _VOLUMES, "Outcomes and answers": _OUTCOMES, "Alerts": _ALERTS},
)
