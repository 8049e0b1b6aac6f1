"""The dashboard *Sources*: whether what other systems write comes whole, and what becomes of it."""

from deploy.grafana.panels import Board, Panel

_WHOLE = (
    Panel(
        "Missing numbers",
        "Numbers of a source's own sequence that have been missing for 10 minutes or more. Anything above 0 is a loss.",
        {"{{source}}": "max by (source) (accesswatch_source_gap_records)"},
        threshold=1,
    ),
    Panel(
        "Fewer than the source counts",
        "Over the days that the source has counted. Always 0 where nobody asks it.",
        {"{{source}}": "max by (source) (accesswatch_source_day_missing_records)"},
        threshold=1,
    ),
    Panel(
        "Yesterday over an ordinary such day",
        "Under a half: a part of the source has stopped. 1 where days cannot be compared.",
        {"{{source}}": "min by (source) (accesswatch_source_day_share)"},
        unit="percentunit",
        threshold=0.5,
    ),
    Panel(
        "Since the newest record",
        "All hours, and those in which people work.",
        {
            "{{source}}": "time() - max by (source) (accesswatch_source_newest_timestamp_seconds)",
            "{{source}}, working": "min by (source) (accesswatch_source_quiet_working_seconds)",
        },
        unit="s",
        threshold=3600,
    ),
)
_MADE = (
    Panel(
        "Records by what became of them",
        "Of refused: the source has changed its form, and the mapping must follow.",
        {
            "{{source}} {{result}}": (
                "sum by (source, result) (rate(accesswatch_source_records_total[$__rate_interval]))"
            )
        },
        unit="ops",
    ),
    Panel(
        "Left out, by reason",
        "What the mappings leave out and why.",
        {
            "{{source}}: {{because}}": (
                "sum by (source, because) (rate(accesswatch_source_skipped_total[$__rate_interval]))"
            )
        },
        unit="ops",
    ),
    Panel(
        "Changes of the audit log itself, in an hour",
        "Rows that were rewritten or taken out. Anything above 0 wants an answer.",
        {"{{source}}": "sum by (source) (increase(accesswatch_source_log_changed_total[1h]))"},
        threshold=1,
    ),
)

SOURCES = Board(
    "accesswatch-sources",
    "accesswatch: sources",
    "Whether what other systems write comes whole, and what becomes of it.",
    {"Whole": _WHOLE, "Mapped": _MADE},
)
