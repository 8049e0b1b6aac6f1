"""Each alert rule's life in a few series: quiet, then firing, then quiet again; and what it says of no series at all.

Series are in promtool's words: `0+10x30` begins at 0 and grows by 10 thirty times, `_x30` is missing for thirty steps.
A step is a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ACCESS = 'topic="cms.access.v1"'
WORKER = 'job="accesswatch",instance="w1"'
#: Seconds since 1970 at promtool's beginning are 0: what is dated counts from there.
DAY = 86400
CERTIFICATE = 'accesswatch_certificate_not_after_timestamp_seconds{setting="ACCESSWATCH_KAFKA_CERT_FILE"}'


@dataclass(frozen=True, slots=True)
class Case:
    """One rule."""

    alert: str
    #: Series -> values.
    series: Mapping[str, str]
    #: Minutes at which it is quiet, fires, and is quiet again.
    quiet: int
    fires: int
    resolved: int
    #: Whether it fires where there are no series: only what watches for absence does.
    missing: bool = False
    #: Minutes between samples.
    step: int = 1


def _attempts(bad: str, good: str) -> dict[str, str]:
    return {
        'accesswatch_notifications_total{channel="mail",result="retried"}': bad,
        'accesswatch_notifications_total{channel="mail",result="sent"}': good,
    }


def _accesses(parked: str, assessed: str = "0+600x1000") -> dict[str, str]:
    return {
        f'accesswatch_dead_letters_total{{{ACCESS},stage="decode"}}': parked,
        f"accesswatch_records_passed_over_total{{{ACCESS}}}": "0x1000",
        'accesswatch_accesses_total{action="view",outcome="explained"}': assessed,
    }


def _alerts(slow: str) -> dict[str, str]:
    return {
        "accesswatch_access_to_alert_seconds_count": slow,
        'accesswatch_access_to_alert_seconds_bucket{le="5.0"}': "0x1000",
    }


CASES = (
    # A tenth is parked for an hour.
    Case("AccesswatchUnassessedBurn", _accesses("0x60 0+60x60 3600x600"), 59, 90, 200),
    # A third of a percent for two days, in steps of half an hour.
    Case(
        "AccesswatchUnassessedBurnSlow",
        _accesses("0x96 0+60x96 5760x400", "0+18000x600"),
        95 * 30,
        180 * 30,
        192 * 30 + 600,
        step=30,
    ),
    Case("AccesswatchSlowAlertsBurn", _alerts("0x60 0+1x30 30x600"), 59, 75, 200),
    Case("AccesswatchSlowAlertsBurnSlow", _alerts("0x96 0+1x96 96x400"), 95 * 30, 180 * 30, 192 * 30 + 600, step=30),
    Case("AccesswatchUntoldBurn", _attempts("0x60 0+1x30 30x600", "0+1x1000"), 59, 75, 200),
    Case(
        "AccesswatchUntoldBurnSlow",
        _attempts("0x96 0+1x96 96x400", "0+10x600"),
        95 * 30,
        180 * 30,
        192 * 30 + 600,
        step=30,
    ),
    Case("AccesswatchAbsent", {f"up{{{WORKER}}}": "1x10 0x10 1x10"}, 9, 15, 22, missing=True),
    Case("AccesswatchWorkerDown", {f"up{{{WORKER}}}": "1x10 0x10 1x10"}, 12, 18, 22),
    Case(
        "AccesswatchAgentAbsent",
        {
            f'accesswatch_agent_running{{agent="{agent}"}}': "1x10 stale _x9 1x10" if agent == "adapt" else "1x40"
            for agent in ("screen", "reference", "alert", "deliver", "adapt")
        },
        9,
        15,
        25,
        missing=True,
    ),
    Case("AccesswatchRestarts", {f"process_start_time_seconds{{{WORKER}}}": "1x10 2x5 3x5 4x5 5x90"}, 15, 32, 95),
    Case("AccesswatchNotReady", {'accesswatch_ready{instance="w1"}': "1x10 0x20 1x10"}, 15, 25, 33),
    # Commits every minute, then none for a quarter of an hour, then again.
    Case(
        "AccesswatchNoProgress",
        {
            f'accesswatch_consumer_lag_records{{instance="w1",{ACCESS},partition="0"}}': "100x60",
            f'accesswatch_last_commit_timestamp_seconds{{instance="w1",{ACCESS}}}': "0+60x10 600x15 1560+60x30",
        },
        10,
        20,
        30,
    ),
    Case("AccesswatchHeld", {'accesswatch_holding{instance="w1",agent="screen"}': "0x10 1x10 0x10"}, 11, 15, 23),
    Case("AccesswatchBehind", {f"accesswatch_oldest_unprocessed_seconds{{{ACCESS}}}": "1x10 90x10 1x10"}, 14, 18, 23),
    Case(
        "AccesswatchFarBehind", {f"accesswatch_oldest_unprocessed_seconds{{{ACCESS}}}": "90x10 700x10 1x9"}, 14, 18, 23
    ),
    Case("AccesswatchLostUnread", {f"accesswatch_records_passed_over_total{{{ACCESS}}}": "0x10 500x60"}, 9, 15, 40),
    Case(
        "AccesswatchDeadLetters", {f'accesswatch_dead_letters_total{{{ACCESS},stage="decode"}}': "0x10 5x60"}, 9, 15, 40
    ),
    Case(
        "AccesswatchReferenceIncomplete",
        {'accesswatch_reference_age_seconds{instance="w1"}': "0x10 0+60x5 0x20"},
        11,
        15,
        20,
    ),
    Case(
        "AccesswatchReferenceShrank",
        {'accesswatch_reference_records{kind="staff"}': "8000x30 100x20 8000x90"},
        33,
        40,
        60,
    ),
    Case(
        "AccesswatchReferenceFeedSilent",
        {'accesswatch_reference_changed_timestamp_seconds{kind="work"}': f"0x120 {6 * DAY}x20"},
        4 * 24 * 60,
        5 * 24 * 60 - 60,
        124 * 60,
        step=60,
    ),
    Case(
        "AccesswatchFactsMissing",
        {
            'accesswatch_accesses_total{outcome="abstained"}': "0x60 0+300x60 18000x100",
            'accesswatch_accesses_total{outcome="explained"}': "0+600x300",
        },
        70,
        115,
        180,
    ),
    Case(
        "AccesswatchSourceSilent",
        {
            "accesswatch_source_silence_working_seconds": "0x10 0+60x30 0x20",
            f"accesswatch_consumer_lag_records{{{ACCESS}}}": "0x90",
        },
        20,
        35,
        45,
    ),
    Case("AccesswatchSourceGap", {'accesswatch_source_gap_records{source="cms"}': "0x10 3x10 0x20"}, 10, 15, 25),
    Case("AccesswatchSourceShort", {'accesswatch_source_day_share{source="cms"}': "1x10 0.4x30 1x20"}, 20, 35, 45),
    Case(
        "AccesswatchSourceQuiet",
        {
            'accesswatch_source_quiet_working_seconds{source="cms"}': "0x10 0+600x20 0x20",
            'accesswatch_consumer_lag_records{topic="raw.cms.v1",partition="0"}': "0x90",
        },
        15,
        25,
        40,
    ),
    Case(
        "AccesswatchAuditLogChanged",
        {'accesswatch_source_log_changed_total{source="cms"}': "0x10 1x60"},
        9,
        15,
        40,
    ),
    Case(
        "AccesswatchChannelDown",
        {'accesswatch_oldest_notification_seconds{channel="mail"}': "0x10 0+60x20 0x9"},
        14,
        25,
        33,
    ),
    Case(
        "AccesswatchMessagesParked",
        {'accesswatch_notifications_total{channel="mail",result="parked"}': "0x10 1x120"},
        9,
        30,
        90,
    ),
    Case(
        "AccesswatchMessagesWithheld",
        {'accesswatch_notifications_total{channel="mail",result="withheld"}': "0x10 1x120"},
        9,
        30,
        90,
    ),
    Case("AccesswatchUnpublished", {"accesswatch_unpublished_revisions": "0x10 7x10 0x10"}, 14, 18, 23),
    Case(
        "AccesswatchAlertFlood",
        {'accesswatch_alerts_total{rule="volume",severity="medium"}': "0x10 0+5x20 100x90"},
        15,
        35,
        110,
    ),
    Case(
        "AccesswatchAlertsUnseen",
        {'accesswatch_oldest_new_alert_seconds{severity="high"}': "0+3600x30 0x9"},
        20 * 60,
        28 * 60,
        34 * 60,
        step=60,
    ),
    Case(
        "AccesswatchLimitsRejected", {'accesswatch_limits_reload_failures_total{instance="w1"}': "0x10 1x90"}, 9, 20, 90
    ),
    Case(
        "AccesswatchDeliveryRejected",
        {'accesswatch_delivery_reload_failures_total{instance="w1"}': "0x10 1x90"},
        9,
        20,
        90,
    ),
    Case(
        "AccesswatchLimitsDiffer",
        {
            'accesswatch_limits_info{instance="w1",hash="a"}': "1x60",
            'accesswatch_limits_info{instance="w2",hash="a"}': "1x10 stale _x19 1x30",
            'accesswatch_limits_info{instance="w2",hash="b"}': "_x11 1x19 stale",
        },
        20,
        28,
        40,
    ),
    Case(
        "AccesswatchCanaryMissed",
        {'accesswatch_canary_found_total{rule="volume",result="missed"}': "0x10 1x1600"},
        9,
        20,
        1500,
    ),
    Case(
        "AccesswatchHistoryBehind", {"accesswatch_history_complete_to_timestamp_seconds": "1x90 6000x60"}, 59, 89, 100
    ),
    Case("AccesswatchHistoryGap", {"accesswatch_history_gap_records_total": "0x10 5x90"}, 9, 20, 90),
    Case("AccesswatchCanaryRefused", {"accesswatch_canaries_refused": "0x10 1x20 0x30"}, 14, 20, 40),
    Case(
        "AccesswatchCertificateEnds",
        {CERTIFICATE: f"{30 * DAY}x11 {99 * DAY}x9"},
        5 * 24 * 60,
        10 * 24 * 60,
        13 * 24 * 60,
        step=24 * 60,
    ),
    Case(
        "AccesswatchCertificateEndsNow",
        {CERTIFICATE: f"{10 * DAY}x8 {99 * DAY}x9"},
        5 * 24 * 60,
        8 * 24 * 60,
        10 * 24 * 60,
        step=24 * 60,
    ),
    Case(
        "AccesswatchDiskFilling",
        {
            'accesswatch_disk_free_bytes{instance="w1"}': "900x40 400-1x100 900x200",
            'accesswatch_disk_size_bytes{instance="w1"}': "1000x400",
        },
        39 * 10,
        100 * 10,
        200 * 10,
        step=10,
    ),
    Case(
        "AccesswatchDiskFull",
        {
            'accesswatch_disk_free_bytes{instance="w1"}': "500x10 20x10 500x10",
            'accesswatch_disk_size_bytes{instance="w1"}': "1000x60",
        },
        9,
        15,
        23,
    ),
)
