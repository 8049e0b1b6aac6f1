"""unknown-staff: an access was made under a staff id that the staff register does not hold."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.unknown_staff import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import related, staff, work

KNOWN = "the staff register holds the actor"

CASES = [
    pytest.param("medium: S-1", a_case(actor_known=False), id="in no staff record"),
    pytest.param("medium: S-1", a_case(actor_known=False, client_id=None), id="without a client"),
    pytest.param("medium: S-1", a_case(actor_known=False, client_known=False), id="with an unknown client"),
    pytest.param("medium: S-1", a_case(work(), actor_known=False), id="work that names them does not excuse it"),
    pytest.param(
        "medium: S-1", a_case(related("staff:S-1", "client:C-2"), actor_known=False), id="a relationship names them"
    ),
    pytest.param("medium: S-1", a_case(staff("s-1"), actor_known=False), id="an id that differs in case"),
    pytest.param("medium: S-1 ", a_case(staff("S-1"), actor_known=False, staff_id="S-1 "), id="or by a space"),
    pytest.param(KNOWN, a_case(), id="a known one"),
    pytest.param(KNOWN, a_case(staff(status="ended")), id="one who has left is known"),
    pytest.param(KNOWN, a_case(staff(kind="service")), id="a service account is known"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_unknown_staff(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


def test_what_it_says() -> None:
    """What was done, when, under which id; there is no fact behind it, and so no time of one."""
    answer = asked(RULE, a_case(actor_known=False, action="export"))
    assert isinstance(answer, Hit)
    expected = (
        "An access (export) was made on Fri 20 Nov 2026, 12:00:00 NZDT under staff id S-1, "
        "which the staff register does not hold."
    )
    assert expected == answer.sentence
    assert [(fact.source, fact.as_of) for fact in answer.evidence] == [("ref.staff.v1", None)]
