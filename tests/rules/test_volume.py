"""volume: the records of many clients were opened in an hour without work reasons."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.volume import RULE
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import work

HOUR_BEFORE, LONGER = "2026-11-20T11:00:00+13:00", "2026-11-20T10:59:59.999+13:00"

CASES = [
    pytest.param("quiet", a_case(earlier=earlier_ones(39)), id="exactly 40 clients"),
    pytest.param("medium", a_case(earlier=earlier_ones(40)), id="41"),
    pytest.param("medium", a_case(earlier=earlier_ones(78)), id="79"),
    pytest.param("high", a_case(earlier=earlier_ones(79)), id="80, twice the limit"),
    pytest.param("medium", a_case(earlier=earlier_ones(40, occurred_at=HOUR_BEFORE)), id="exactly an hour"),
    pytest.param("quiet", a_case(earlier=earlier_ones(40, occurred_at=LONGER)), id="more than an hour"),
    pytest.param("quiet", a_case(earlier=earlier_ones(40, client_id="C-2")), id="one client 40 times"),
    pytest.param("quiet", a_case(earlier=earlier_ones(40, staff_id="S-2")), id="another actor"),
    pytest.param("quiet", a_case(work(), earlier=earlier_ones(40)), id="excused by work"),
    pytest.param("quiet", a_case(work(client_id="C-101"), earlier=earlier_ones(40)), id="one of them has work"),
    pytest.param("medium", a_case(earlier=earlier_ones(40), actor_known=False), id="in no staff record"),
    pytest.param("medium", a_case(earlier=earlier_ones(40), client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(earlier=earlier_ones(40), client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_volume(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_how_many() -> None:
    """And the limit."""
    answer = asked(RULE, a_case(earlier=earlier_ones(40)))
    assert isinstance(answer, Hit)
    assert "opened the records of 41 clients in an hour without a work reason (the limit is 40)." in answer.sentence
