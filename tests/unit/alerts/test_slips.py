"""Slips outside a scope: what may be one when it is judged, and what the actor did next."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.detection.engine import RuleEngine
from alerts.detection.rule import Case
from alerts.slips import is_slip, trail_of
from enrichment.windows.spec import Earlier
from tests.support.cases import SHIPPED, a_case
from tests.support.records import NOON, an_access, client, related, staff, work

T = datetime.fromisoformat(NOON)
POLICY = SHIPPED.policy
OUTSIDE = (staff(kind="contractor", scope={"sites": ["WLG"]}), client(site="AKL"))
ENGINE = RuleEngine(SHIPPED, "release of a test")


def opened(seconds: float, what: str) -> Earlier:
    """What the trail keeps of an access so many seconds after noon."""
    return Earlier(what, T + timedelta(seconds=seconds))


MINE = opened(0, "uC-1")

TRAILS = [
    pytest.param(True, [MINE, opened(60, "nC-2")], id="work of theirs exactly 60 s later"),
    pytest.param(False, [MINE, opened(60.001, "nC-2")], id="later than that"),
    pytest.param(False, [MINE], id="nothing after it"),
    pytest.param(False, [MINE, opened(20, "cC-2")], id="a claimed work item alone"),
    pytest.param(False, [MINE, opened(20, "uC-2")], id="without a work reason"),
    pytest.param(False, [MINE, opened(20, "uC-2"), opened(30, "nC-3")], id="the next one counts, not the second"),
    pytest.param(False, [MINE, opened(20, "nC-2"), opened(50, "uC-1")], id="back to the first client"),
    pytest.param(True, [MINE, opened(20, "nC-2"), opened(61, "uC-1")], id="back after more than 60 s"),
    pytest.param(False, [opened(-3600, "uC-1"), MINE, opened(20, "nC-2")], id="opened earlier that date, unexplained"),
    pytest.param(True, [opened(-3600, "nC-1"), MINE, opened(20, "nC-2")], id="opened earlier that date, explained"),
    pytest.param(True, [opened(-13 * 3600, "uC-1"), MINE, opened(20, "nC-2")], id="the date before is no part of it"),
    pytest.param(False, [MINE, opened(0, "nC-2")], id="at the same instant is not after"),
]


@pytest.mark.parametrize(("expected", "trail"), TRAILS)
def test_what_the_actor_did_next_makes_it_a_slip(expected: bool, trail: list[Earlier]) -> None:
    """In whatever order the trail is given."""
    assert is_slip("C-1", T, trail, POLICY) is expected
    assert is_slip("C-1", T, reversed(trail), POLICY) is expected


def before(days: int) -> list[Any]:
    """An unexplained access to the same client so many dates before."""
    return [an_access(event_id="B-1", occurred_at=(T - timedelta(days=days)).isoformat())]


MAY_BE = [
    pytest.param(True, a_case(*OUTSIDE), id="a view outside the scope"),
    pytest.param(True, a_case(*OUTSIDE, sections=["identity", "contact", "relationships", "notes"]), id="first screen"),
    pytest.param(False, a_case(*OUTSIDE, sections=["identity", "income"]), id="more than the first screen"),
    pytest.param(False, a_case(*OUTSIDE, action="update"), id="no view"),
    pytest.param(False, a_case(*OUTSIDE, work()), id="explained"),
    pytest.param(False, a_case(OUTSIDE[0], client(site="WLG")), id="inside the scope"),
    pytest.param(False, a_case(*OUTSIDE, earlier=before(29)), id="opened on another of the 30 dates"),
    pytest.param(True, a_case(*OUTSIDE, earlier=before(30)), id="opened on the date before those"),
    pytest.param(False, a_case(OUTSIDE[0], client(site="AKL", restricted=True)), id="restricted"),
    pytest.param(False, a_case(*OUTSIDE, related("staff:S-1", "client:C-1", "friend")), id="a friend's record"),
    pytest.param(
        False,
        a_case(staff(kind="contractor", scope={"sites": ["WLG"]}, status="suspended"), client(site="AKL")),
        id="while suspended",
    ),
]


@pytest.mark.parametrize(("expected", "case"), MAY_BE)
def test_what_may_be_a_slip_when_it_is_judged(expected: bool, case: Case) -> None:
    """Only what the rule scope hits, and nothing that a rule asks about which nothing excuses."""
    assert ENGINE.judge(case).may_be_slip is expected


def test_the_trail_says_how_an_access_was_explained() -> None:
    """By work that names the actor or their unit, by a claimed work item, by nothing."""
    assert trail_of(a_case()) == "uC-1"
    assert trail_of(a_case(work())) == "nC-1"
    assert trail_of(a_case(work(staff_id="S-2"), work_id="W-1")) == "cC-1"
