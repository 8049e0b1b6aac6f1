"""staff-record: a staff member opened the client record of another staff member."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.staff_record import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import related, staff, work

COLLEAGUE = staff("S-2", client_ids=["C-1"])
NOBODYS = "the client record is no other present staff member's"
EXCUSED = "work of the unit that may open staff members' records explains it"

CASES = [
    pytest.param("high: S-2", a_case(COLLEAGUE), id="a colleague's"),
    pytest.param("high: S-2", a_case(staff("S-2", client_ids=["C-8", "C-1"])), id="one of their several"),
    pytest.param("high: S-2", a_case(staff("S-2", client_ids=["C-1"], status="suspended")), id="a suspended one's"),
    pytest.param("high: S-2", a_case(staff("S-2", client_ids=["C-1"], status="on_leave")), id="one's on leave"),
    pytest.param(NOBODYS, a_case(staff("S-2", client_ids=["C-1"], status="ended")), id="somebody's who has left"),
    pytest.param("high: S-2", a_case(COLLEAGUE, client_known=False), id="in no client record"),
    pytest.param("high: S-2", a_case(COLLEAGUE, actor_known=False), id="an unknown actor is one without roles"),
    pytest.param(NOBODYS, a_case(staff(client_ids=["C-1"])), id="their own"),
    pytest.param(
        "high: S-2", a_case(staff(client_ids=["C-1"]), COLLEAGUE), id="their own and a colleague's: the colleague's"
    ),
    pytest.param(
        "high: S-2, S-3",
        a_case(COLLEAGUE, staff("S-3", client_ids=["C-1"]), staff("S-4", client_ids=["C-1"], status="ended")),
        id="two colleagues', and one's who has left",
    ),
    pytest.param(NOBODYS, a_case(), id="nobody's"),
    pytest.param(NOBODYS, a_case(related("staff:S-2", "client:C-1"), staff("S-2")), id="a colleague's partner's"),
    pytest.param(NOBODYS, a_case(staff("S-2", client_ids=["C-2"])), id="a colleague has another record"),
    pytest.param(NOBODYS, a_case(COLLEAGUE, client_id=None), id="no client"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_staff_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


def by(role: str, kind: str, **whose: str) -> Case:
    """A colleague's record, opened by somebody of this role while such work is open."""
    return a_case(COLLEAGUE, staff(roles=[role]), work("W-1", kind=kind, **(whose or {"staff_id": "S-1"})))


ASKED = "high: S-2"

EXCUSES = [
    pytest.param(EXCUSED, by("staff_assistance", "staff_assistance"), id="staff assistance"),
    pytest.param(EXCUSED, by("fraud_investigation", "investigation"), id="a fraud investigation"),
    pytest.param(EXCUSED, by("internal_integrity", "investigation"), id="an investigation of Internal Integrity"),
    pytest.param(EXCUSED, by("internal_integrity", "investigation", org_unit="U-1"), id="their unit's work"),
    pytest.param(EXCUSED, by("staff_assistance", "investigation"), id="either kind for each of the roles"),
    pytest.param(ASKED, by("staff_assistance", "investigation", org_unit="U-1"), id="a unit's work must fit the role"),
    pytest.param(ASKED, by("staff_assistance", "case_management"), id="another kind of work"),
    pytest.param(ASKED, by("case_manager", "staff_assistance"), id="another role"),
    pytest.param(ASKED, by("privacy", "investigation"), id="privacy is not among the roles"),
    pytest.param(ASKED, by("internal_integrity", "investigation", org_unit="U-2"), id="another unit's work"),
    pytest.param(ASKED, by("internal_integrity", "investigation", staff_id="S-3"), id="another person's work"),
    pytest.param(
        ASKED,
        a_case(
            COLLEAGUE, staff(roles=["internal_integrity"]), work(kind="investigation", staff_id="S-3"), work_id="W-1"
        ),
        id="a work item that is only claimed",
    ),
    pytest.param(
        EXCUSED,
        a_case(
            COLLEAGUE, staff(roles=["staff_assistance"]), work("W-1"), work("W-2", kind="staff_assistance"),
            work("W-3", opened_at="2026-11-20T11:00:00+13:00"),
        ),
        id="such work behind stronger reasons of other kinds",
    ),
    pytest.param(
        ASKED,
        a_case(COLLEAGUE, work(kind="staff_assistance"), actor_known=False),
        id="work that names an unknown actor, who has no role",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), EXCUSES)
def test_who_may_open_it(expected: str, case: Case) -> None:
    """Every row is a role and a work item; only both together excuse."""
    assert expected == brief(asked(RULE, case))


def test_what_it_says() -> None:
    """That it is another staff member's, without naming whose: the evidence does that."""
    answer = asked(RULE, a_case(COLLEAGUE, action="print"))
    assert isinstance(answer, Hit)
    expected = (
        "Client record C-1 was printed on Fri 20 Nov 2026, 12:00:00 NZDT; "
        "the staff register names it as the client record of another staff member."
    )
    assert expected == answer.sentence
