"""two-places: accesses under one staff id came from two sites within minutes."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.two_places import RULE
from enrichment.schemas import Access
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import an_access, staff, work

TEN, MORE = "2026-11-20T11:50:00+13:00", "2026-11-20T11:49:59.999+13:00"
NOON, AFTER = "2026-11-20T12:00:00+13:00", "2026-11-20T12:00:00.001+13:00"


def elsewhere(at: str = TEN, **fields: Any) -> list[Access]:
    """An earlier access of S-1 from Wellington."""
    return [an_access(**({"event_id": "B-1", "occurred_at": at, "site": "WLG"} | fields))]


CASES = [
    pytest.param("medium", a_case(site="AKL", earlier=elsewhere()), id="exactly 10 minutes"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(MORE)), id="10 minutes and more"),
    pytest.param("medium", a_case(site="AKL", earlier=elsewhere(NOON)), id="at the same moment"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(AFTER)), id="the other came after"),
    pytest.param("quiet", a_case(site="WLG", earlier=elsewhere()), id="the same site"),
    pytest.param("quiet", a_case(site=None, earlier=elsewhere()), id="this one carries no site"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(site=None)), id="the other carries no site"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(staff_id="S-2")), id="another staff id"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(event_id="E-1")), id="the same event again"),
    pytest.param("medium", a_case(work(), site="AKL", earlier=elsewhere()), id="work does not excuse it"),
    pytest.param("medium", a_case(site="AKL", client_id=None, earlier=elsewhere()), id="without a client"),
    pytest.param("medium", a_case(site="AKL", earlier=elsewhere(client_id=None)), id="the other without a client"),
    pytest.param("quiet", a_case(staff(kind="service"), site="AKL", earlier=elsewhere()), id="a service account"),
    pytest.param("quiet", a_case(site="AKL", earlier=elsewhere(), actor_known=False), id="in no staff record"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_two_places(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_both_sites() -> None:
    """The newest other one, with its time."""
    answer = asked(RULE, a_case(site="AKL", earlier=elsewhere()))
    assert isinstance(answer, Hit)
    assert answer.sentence.endswith(
        "from site AKL; an access under the same staff id came from site WLG at Fri 20 Nov 2026, 11:50:00 NZDT "
        "(within 10 minutes)."
    )
    assert [fact.id for fact in answer.evidence] == ["AKL", "WLG"]
