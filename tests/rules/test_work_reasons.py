"""Work reasons: which work explains an access, in which of the three ways, and how that is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detection.rule import Case
from alerts.detection.work_reasons import explain
from tests.support.cases import SHIPPED, a_case
from tests.support.records import NOON, staff, work

#: 24 hours before noon and after it, and a microsecond beyond each.
DAY_BEFORE, BEYOND_BEFORE = "2026-11-19T12:00:00+13:00", "2026-11-19T11:59:59.999999+13:00"
DAY_AFTER, BEYOND_AFTER = "2026-11-21T12:00:00+13:00", "2026-11-21T12:00:00.000001+13:00"


def reasons(case: Case) -> str:
    """The reasons found, strongest first, each as its number and its work item."""
    return ", ".join(f"{reason.number} {reason.work.value.work_id}" for reason in case.work_reasons) or "none"


GRACE = [
    pytest.param("1 W-1", a_case(work()), id="open since long before"),
    pytest.param("1 W-1", a_case(work(opened_at=NOON, closed_at=NOON)), id="opened and closed at that moment"),
    pytest.param("1 W-1", a_case(work(opened_at=DAY_AFTER)), id="opened 24 hours later exactly"),
    pytest.param("none", a_case(work(opened_at=BEYOND_AFTER)), id="a microsecond later than that"),
    pytest.param("1 W-1", a_case(work(closed_at=DAY_BEFORE)), id="closed 24 hours before exactly"),
    pytest.param("none", a_case(work(closed_at=BEYOND_BEFORE)), id="a microsecond earlier than that"),
    pytest.param("1 W-1", a_case(work(closed_at=None)), id="closed at null: open"),
    pytest.param("1 W-1", a_case(work(opened_at="2026-11-20T23:00:00Z")), id="instants count, not their offsets"),
    pytest.param(
        "1 W-1", a_case(work(opened_at="9999-12-31T23:59:59Z"), occurred_at="9999-12-31T23:00:00-13:00"), id="the end"
    ),
    pytest.param(
        "1 W-1", a_case(work(opened_at="0001-01-01T00:00:00+13:00"), occurred_at="0001-01-01T00:00:00+14:00"),
        id="the calendar's beginning",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), GRACE)
def test_the_grace_at_both_ends(expected: str, case: Case) -> None:
    """Every row is when the work was open; the access is at noon."""
    assert expected == reasons(case)


def test_the_grace_is_a_limit() -> None:
    """At 0 hours, work explains from the moment it is opened to the moment it is closed."""
    policy = SHIPPED.policy.model_copy(update={"work_grace_hours": 0.0})
    assert reasons(a_case(work(opened_at=NOON, closed_at=NOON), policy=policy)) == "1 W-1"
    assert reasons(a_case(work(opened_at="2026-11-20T12:00:00.000001+13:00"), policy=policy)) == "none"
    assert reasons(a_case(work(closed_at="2026-11-20T11:59:59.999999+13:00"), policy=policy)) == "none"


MANAGER = staff(roles=["case_manager"])
UNITS = {"org_unit": "U-1"}

WAYS = [
    pytest.param("1 W-1", a_case(work()), id="it names the actor"),
    pytest.param("1 W-1", a_case(work(kind="quality_check")), id="of any kind, whatever their role"),
    pytest.param("1 W-1", a_case(work(), actor_known=False), id="it names an unknown actor"),
    pytest.param("1 W-1", a_case(work(staff_id="S-1", org_unit="U-9")), id="it names the actor and another unit"),
    pytest.param("2 W-1", a_case(MANAGER, work(**UNITS)), id="it is their unit's, and their role does such work"),
    pytest.param("2 W-1", a_case(MANAGER, work(staff_id="S-2", org_unit="U-1")), id="even if it names a colleague"),
    pytest.param(
        "2 W-1", a_case(staff(roles=["media", "case_manager"]), work(**UNITS)), id="one of their roles is enough"
    ),
    pytest.param("none", a_case(staff(), work(**UNITS)), id="their unit's, without a role"),
    pytest.param("none", a_case(staff(roles=["media"]), work(**UNITS)), id="a role that does other work"),
    pytest.param("none", a_case(staff(roles=["gardener"]), work(**UNITS)), id="a role that nobody knows"),
    pytest.param("none", a_case(MANAGER, work(org_unit="U-2")), id="another unit's"),
    pytest.param("none", a_case(work(**UNITS), actor_known=False), id="an unknown actor has no unit and no role"),
    pytest.param("none", a_case(work(staff_id="S-2")), id="a colleague's"),
    pytest.param("3 W-1", a_case(work(staff_id="S-2"), work_id="W-1"), id="the access carries its id"),
    pytest.param("1 W-1", a_case(work(), work_id="W-1"), id="it carries it, and it names the actor: the stronger way"),
    pytest.param("2 W-1", a_case(MANAGER, work(**UNITS), work_id="W-1"), id="or it is their unit's"),
    pytest.param("none", a_case(work(staff_id="S-2"), work_id="W-2"), id="it carries an id that does not exist"),
    pytest.param("none", a_case(work(staff_id="S-2"), work_id="w-1"), id="or one that differs in case"),
    pytest.param(
        "none", a_case(work(staff_id="S-2", client_id="C-2"), work_id="W-1"), id="it carries another client's work"
    ),
    pytest.param("none", a_case(work(client_id="C-2")), id="work for another client"),
    pytest.param(
        "none", a_case(work(staff_id="S-2", closed_at=BEYOND_BEFORE), work_id="W-1"), id="it carries work long closed"
    ),
    pytest.param(
        "3 W-1", a_case(work(staff_id="S-2", closed_at=DAY_BEFORE), work_id="W-1"), id="closed within the grace"
    ),
    pytest.param("none", a_case(work(), client_id=None), id="no client: nothing to explain"),
    pytest.param("1 W-1", a_case(work(), client_known=False), id="a client in no client record"),
    pytest.param(
        "1 W-8, 1 W-1, 2 W-3, 3 W-2",
        a_case(
            MANAGER, work("W-1"), work("W-2", staff_id="S-2"), work("W-3", **UNITS), work("W-4", staff_id="S-2"),
            work("W-8", opened_at=DAY_BEFORE), work_id="W-2",
        ),
        id="the lowest number first, then the latest opened",
    ),
    pytest.param("1 W-2, 1 W-1", a_case(work("W-1"), work("W-2")), id="opened together: an order that is always so"),
    pytest.param(
        "1 W-2, 1 W-1",
        a_case(work("W-1", opened_at="2026-06-02T00:00:00+12:00"), work("W-2", opened_at="2026-06-01T12:00:01Z")),
        id="the latest instant, not the latest text",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), WAYS)
def test_the_three_ways(expected: str, case: Case) -> None:
    """Every row is some work and the reasons found."""
    assert expected == reasons(case)


#: ``docs/policy.md``, "Work reasons": which kinds of work each role does for its unit.
ROLE_KINDS = {
    "case_manager": {"case_management", "application", "review", "appointment"},
    "contact_centre": {"call", "appointment"},
    "quality_assurance": {"quality_check", "review"},
    "fraud_investigation": {"investigation"},
    "staff_assistance": {"staff_assistance"},
    "internal_integrity": {"investigation"},
    "privacy": {"investigation"},
    "media": {"review"},
}
KINDS = [
    "case_management", "application", "review", "appointment", "call", "quality_check", "investigation",
    "staff_assistance",
]  # fmt: skip


@pytest.mark.parametrize("role", ROLE_KINDS)
def test_what_each_role_does_for_its_unit(role: str) -> None:
    """The shipped table, kind by kind."""
    found = {kind for kind in KINDS if reasons(a_case(staff(roles=[role]), work(kind=kind, **UNITS))) != "none"}
    assert ROLE_KINDS[role] == found


SAID = [
    pytest.param(
        "Case management W-1 (opened Mon 1 Jun 2026, 12:00:00 NZST, still open) names this staff member.",
        a_case(work()),
        id="it names them",
    ),
    pytest.param(
        "Review W-1 (opened Mon 1 Jun 2026, 12:00:00 NZST, closed Sat 21 Nov 2026, 12:00:00 NZDT) "
        "is the work of their unit U-1, and their role does such work.",
        a_case(MANAGER, work(kind="review", closed_at=DAY_AFTER, **UNITS)),
        id="their unit's",
    ),
    pytest.param(
        "Call W-1 (opened Mon 1 Jun 2026, 12:00:00 NZST, still open) "
        "was the work item open in the system, and it is for this client.",
        a_case(work(kind="call", staff_id="S-2"), work_id="W-1"),
        id="carried by the access",
    ),
]


@pytest.mark.parametrize(("expected", "case"), SAID)
def test_how_a_reason_is_said(expected: str, case: Case) -> None:
    """One plain sentence for each way."""
    said = explain(case.work_reasons[0])
    assert (expected, "W-1") == (said.sentence, said.id)


@settings(deadline=None, max_examples=60)
@given(st.permutations(["W-1", "W-2", "W-3", "W-4", "W-5"]))
def test_the_order_in_which_work_came_does_not_matter(order: list[str]) -> None:
    """The same work gives the same reasons."""
    whose: dict[str, dict[str, str]] = {"W-1": {}, "W-2": {"opened_at": DAY_BEFORE}, "W-3": UNITS, "W-4": UNITS}
    case = a_case(MANAGER, *(work(one, **whose.get(one, {"staff_id": "S-2"})) for one in order), work_id="W-5")
    assert reasons(case) == "1 W-2, 1 W-1, 2 W-4, 2 W-3, 3 W-5"
