"""Work that becomes known after an access: which hits it explains, by rule, by way, and by when it was published."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, get_args

import pytest

from alerts.assessment import Severity
from alerts.detection.registry import RULES
from alerts.detection.rule import Occasion
from alerts.detection.work_reasons import Actor, Number, WorkReason
from alerts.late_evidence import PastHit, covers, explaining, versions
from enrichment.facts import Known
from enrichment.schemas import SelfReport, WorkKind
from tests.support.cases import SHIPPED
from tests.support.records import NOON, work

T = datetime.fromisoformat(NOON).astimezone(UTC)
HOUR = timedelta(hours=1)
POLICY = SHIPPED.policy

#: ``docs/policy.md``, "Excused": by any work, by work that names the actor or their unit, on conditions of its own,
#: or never.
ANY = {"colleague-circle", "proxy-lookup", "media-surge", "repeat-visits", "contact-lookup", "volume", "dormant-record"}
NAMED = {"media-watchlist"}
OWN = {"restricted-record", "staff-record", "shared-contact", "bulk-extract", "off-duty"}

PLAIN = Actor("employee", "U-1", ())
ASSISTING = Actor("employee", "U-1", ("staff_assistance",))
OUTSIDE = Actor("third_party", "U-1", ("fraud_investigation",))
SERVICE = Actor("service", "U-1", ())

EXCUSED = [
    *[(True, rule, number, "application", PLAIN, "medium") for rule in ANY for number in (1, 2, 3)],
    *[(number < 3, rule, number, "application", PLAIN, "high") for rule in NAMED for number in (1, 2, 3)],
    *[
        (False, rule, number, kind, ASSISTING, severity)
        for rule in RULES.keys() - ANY - NAMED - OWN
        for number, kind, severity in product((1, 2, 3), get_args(WorkKind), ("medium", "high"))
    ],
    *[
        (number < 3, "restricted-record", number, "review", actor, "high")
        for number in (1, 2, 3)
        for actor in (PLAIN, SERVICE)
    ],
    (True, "shared-contact", 2, "call", PLAIN, "medium"),
    (False, "shared-contact", 3, "call", PLAIN, "medium"),
    (False, "shared-contact", 1, "call", PLAIN, "high"),
    (True, "staff-record", 1, "staff_assistance", ASSISTING, "high"),
    (True, "staff-record", 2, "investigation", ASSISTING, "high"),
    (False, "staff-record", 3, "investigation", ASSISTING, "high"),
    (False, "staff-record", 1, "review", ASSISTING, "high"),
    (False, "staff-record", 1, "investigation", PLAIN, "high"),
    (False, "staff-record", 1, "investigation", None, "high"),
    *[(True, "off-duty", number, "call", PLAIN, "medium") for number in (1, 2, 3)],
    *[(False, "off-duty", number, "call", PLAIN, "high") for number in (1, 2, 3)],
    (True, "bulk-extract", 1, "investigation", PLAIN, "critical"),
    (True, "bulk-extract", 2, "quality_check", None, "high"),
    (False, "bulk-extract", 3, "quality_check", PLAIN, "high"),
    (False, "bulk-extract", 1, "review", PLAIN, "high"),
    (False, "bulk-extract", 1, "investigation", OUTSIDE, "high"),
]


@pytest.mark.parametrize("row", EXCUSED, ids=str)
def test_what_excuses_a_hit(row: tuple[bool, str, Number, WorkKind, Actor | None, Severity]) -> None:
    """One row: the answer, the rule, the way in which work explains and its kind, the actor, the hit's severity."""
    expected, rule, number, kind, actor, severity = row
    reason = WorkReason(number, Known(work(kind=kind), T))
    assert RULES[rule].excused_by(reason, Occasion(actor, severity)) is expected


@pytest.mark.parametrize(
    ("expected", "actor", "channel", "action"),
    [
        (True, SERVICE, "batch", "view"),
        (False, SERVICE, "api", "view"),
        (False, SERVICE, "batch", "export"),
        (False, PLAIN, "batch", "view"),
        (False, None, "batch", "view"),
    ],
)
def test_the_work_item_of_a_batch_run_excuses_a_restricted_record(
    expected: bool, actor: Actor | None, channel: str, action: str
) -> None:
    """Where a service account views it in a batch run, and nowhere else."""
    reason = WorkReason(3, Known(work(), T))
    assert RULES["restricted-record"].excused_by(reason, Occasion(actor, "high", channel, action)) is expected


def a_past_hit(**fields: Any) -> PastHit:
    """S-1 opened C-1 at noon, many times before too, and was judged at once."""
    least: dict[str, Any] = {
        "rule": "repeat-visits", "severity": "medium", "staff_id": "S-1", "client_id": "C-1", "occurred_at": T,
        "judged_at": T, "work_id": None, "actor": PLAIN,
    }  # fmt: skip
    return PastHit(**(least | fields))


WHEN = [
    pytest.param("W-1", a_past_hit(), [(1 * HOUR, {})], id="published after the access"),
    pytest.param("W-1", a_past_hit(), [(24 * HOUR, {})], id="exactly at the end of the grace"),
    pytest.param(None, a_past_hit(), [(24 * HOUR + timedelta(milliseconds=1), {})], id="a millisecond later"),
    pytest.param("W-1", a_past_hit(), [(-HOUR, {})], id="published before, and not known when it was judged"),
    pytest.param(None, a_past_hit(), [(HOUR, {"client_id": "C-2"})], id="for another client"),
    pytest.param(None, a_past_hit(), [(HOUR, {"staff_id": "S-2"})], id="another's"),
    pytest.param(None, a_past_hit(), [(HOUR, {"closed_at": "2026-11-19T11:59:59+13:00"})], id="closed too long before"),
    pytest.param(
        None, a_past_hit(), [(HOUR, {"opened_at": "2026-11-21T12:00:01+13:00"})], id="opened more than the grace after"
    ),
    pytest.param("W-1", a_past_hit(work_id="W-1"), [(HOUR, {"staff_id": "S-2"})], id="another's, but it was open"),
    pytest.param(
        None,
        a_past_hit(rule="restricted-record", work_id="W-1"),
        [(HOUR, {"staff_id": "S-2"})],
        id="which a restricted record does not take",
    ),
    pytest.param(
        "W-1",
        a_past_hit(actor=Actor("employee", "U-1", ("case_manager",))),
        [(HOUR, {"org_unit": "U-1"})],
        id="of the unit that the actor was in when it was judged",
    ),
    pytest.param(None, a_past_hit(actor=None), [(HOUR, {"org_unit": "U-1"})], id="whose unit was not known"),
    pytest.param(
        "W-1", a_past_hit(), [(HOUR, {}), (2 * HOUR, {"staff_id": "S-2"})], id="given to another when it was known"
    ),
    pytest.param(
        None,
        a_past_hit(judged_at=T + 2 * HOUR),
        [(HOUR, {}), (2 * HOUR, {"staff_id": "S-2"})],
        id="given to another before the access was judged",
    ),
    pytest.param(
        "W-1",
        a_past_hit(),
        [(2 * HOUR, {"staff_id": "S-2"}), (HOUR, {})],
        id="versions in whatever order they are read",
    ),
    pytest.param(None, a_past_hit(rule="own-record", severity="high"), [(HOUR, {})], id="a rule that nothing excuses"),
    pytest.param(None, a_past_hit(rule="tomorrow"), [(HOUR, {})], id="a rule of a newer worker"),
    pytest.param(
        None, a_past_hit(occurred_at=datetime(1, 1, 1, tzinfo=UTC)), [(HOUR, {})], id="at the calendar's beginning"
    ),
]


@pytest.mark.parametrize(("expected", "hit", "published"), WHEN)
def test_when_work_explains_a_hit(
    expected: str | None, hit: PastHit, published: list[tuple[timedelta, dict[str, Any]]]
) -> None:
    """One row, one hit and the versions of W-1, each with when it was published after noon."""
    known = versions(Known(work(**fields), T + after) for after, fields in published)
    assert expected == explaining(hit, known, RULES, POLICY)


def a_report(before: timedelta, after: timedelta, reported: timedelta) -> SelfReport:
    """S-1 reports accesses to C-1 around noon."""
    times: dict[str, Any] = {"accessed_from": T - before, "accessed_to": T + after, "reported_at": T + reported}
    return SelfReport.model_construct(report_id="P-1", staff_id="S-1", client_id="C-1", **times)


ZERO, TICK = timedelta(), timedelta(microseconds=1)
COVERED = [
    pytest.param(True, a_report(HOUR, HOUR, HOUR), "S-1", "C-1", id="around it, soon"),
    pytest.param(True, a_report(ZERO, ZERO, 24 * HOUR), "S-1", "C-1", id="exactly then, exactly a day later"),
    pytest.param(False, a_report(HOUR, HOUR, 24 * HOUR + TICK), "S-1", "C-1", id="later than a day"),
    pytest.param(True, a_report(HOUR, HOUR, -24 * HOUR), "S-1", "C-1", id="a day before"),
    pytest.param(False, a_report(HOUR, HOUR, -24 * HOUR - TICK), "S-1", "C-1", id="earlier than a day before"),
    pytest.param(False, a_report(-TICK, HOUR, HOUR), "S-1", "C-1", id="from just after it"),
    pytest.param(False, a_report(HOUR, -TICK, HOUR), "S-1", "C-1", id="to just before it"),
    pytest.param(False, a_report(HOUR, HOUR, HOUR), "S-2", "C-1", id="another's access"),
    pytest.param(False, a_report(HOUR, HOUR, HOUR), "S-1", "C-2", id="another client"),
    pytest.param(False, a_report(HOUR, HOUR, HOUR), "S-1", None, id="no client"),
]


@pytest.mark.parametrize(("expected", "report", "staff_id", "client_id"), COVERED)
def test_what_a_self_report_covers(expected: bool, report: SelfReport, staff_id: str, client_id: str | None) -> None:
    """One row, one report, and an access at noon."""
    assert covers(report, staff_id, client_id, T) is expected
