"""dormant-record: several records of former or deceased clients were opened without a work reason."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.dormant_record import RULE
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import client, work

OTHERS = (client("C-101", status="closed"), client("C-102", status="deceased"))
DAY_BEFORE, LONGER = "2026-11-19T12:00:00+13:00", "2026-11-19T11:59:59.999+13:00"


def third(*records: Any, status: str = "closed", at: str = DAY_BEFORE, number: int = 2, **access: Any) -> Case:
    """An access to C-1 after others to clients who are closed or deceased."""
    return a_case(client(status=status), *OTHERS, *records, earlier=earlier_ones(number, occurred_at=at), **access)


CASES = [
    pytest.param("low", third(), id="three, exactly 24 hours back"),
    pytest.param("low", third(status="deceased"), id="deceased"),
    pytest.param("quiet", third(status="active"), id="this one is active"),
    pytest.param("quiet", third(number=1), id="two"),
    pytest.param("quiet", third(at=LONGER), id="more than 24 hours"),
    pytest.param("quiet", third(client("C-102")), id="one of the others is active"),
    pytest.param("quiet", third(work()), id="excused by work"),
    pytest.param("quiet", third(work(client_id="C-101")), id="one of the others has work"),
    pytest.param("low", third(actor_known=False), id="in no staff record"),
    pytest.param("not known: the client record", a_case(client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(work(), client_known=False), id="in no client record, excused"),
    pytest.param("quiet", third(client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_dormant_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_how_many_and_which() -> None:
    """The clients stand in the evidence."""
    answer = asked(RULE, third())
    assert isinstance(answer, Hit)
    assert "the records of 3 clients who are closed or deceased in 24 hours without a work reason." in answer.sentence
    assert [fact.id for fact in answer.evidence] == ["C-1", "C-101", "C-102"]
