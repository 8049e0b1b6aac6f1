"""media-surge: several staff members opened the same client record within a day, none with a work reason."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.media_surge import RULE
from enrichment.schemas import Access
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import an_access, watched, work

DAY_BEFORE = "2026-11-19T12:00:00+13:00"


def others(number: int, **fields: Any) -> list[Access]:
    """So many other actors (S-11, S-12, ...) who opened C-1 exactly a day before."""
    return [
        an_access(**({"event_id": f"B-{one}", "staff_id": f"S-{10 + one}", "occurred_at": DAY_BEFORE} | fields))
        for one in range(1, number + 1)
    ]


LATE = others(1, event_id="B-9", staff_id="S-19", occurred_at="2026-11-19T11:59:59.999+13:00")

CASES = [
    pytest.param("high", a_case(earlier=others(4)), id="five with this one, exactly a day back"),
    pytest.param("quiet", a_case(earlier=others(3)), id="four"),
    pytest.param("quiet", a_case(earlier=[*others(3), *LATE]), id="the fifth came before that day"),
    pytest.param("quiet", a_case(earlier=[*others(3), *others(1, event_id="B-8")]), id="one came twice"),
    pytest.param("quiet", a_case(earlier=others(4, occurred_at="2026-11-20T12:00:01+13:00")), id="all came after it"),
    pytest.param("quiet", a_case(earlier=others(4, client_id="C-2")), id="another client"),
    pytest.param("quiet", a_case(work("W-9", staff_id="S-14"), earlier=others(4)), id="one of them has a work reason"),
    pytest.param("quiet", a_case(work(), earlier=others(9)), id="excused by work"),
    pytest.param("quiet", a_case(work(staff_id="S-2"), work_id="W-1", earlier=others(9)), id="by claimed work"),
    pytest.param("quiet", a_case(watched(), earlier=others(9)), id="a watchlist entry covers it"),
    pytest.param(
        "high",
        a_case(watched(published_at="2026-11-10T12:00:00+13:00"), earlier=others(4)),
        id="an entry without enough weight does not",
    ),
    pytest.param("high", a_case(earlier=others(4), actor_known=False), id="in no staff record"),
    pytest.param("high", a_case(earlier=others(4), client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(earlier=others(4), client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_media_surge(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_how_many_and_names_the_others_in_its_evidence() -> None:
    """Each with the time of their access."""
    answer = asked(RULE, a_case(earlier=others(4)))
    assert isinstance(answer, Hit)
    assert "with this one, 5 staff members opened this client record in 24 hours" in answer.sentence
    assert [fact.id for fact in answer.evidence] == ["S-11", "S-12", "S-13", "S-14"]
