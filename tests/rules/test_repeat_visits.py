"""repeat-visits: a staff member came back to the same client record on several days without a work reason."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.repeat_visits import RULE
from enrichment.schemas import Access
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import an_access, work


def visits(*times: str, client_id: str = "C-1", staff_id: str = "S-1") -> list[Access]:
    """Earlier accesses of S-1 to C-1."""
    return [
        an_access(event_id=f"B-{number}", occurred_at=at, client_id=client_id, staff_id=staff_id)
        for number, at in enumerate(times)
    ]


YESTERDAY, FIRST = "2026-11-19T23:59:59+13:00", "2026-10-22T00:00:00+13:00"
BEFORE_FIRST = "2026-10-21T23:59:59+13:00"

CASES = [
    pytest.param("medium", a_case(earlier=visits(FIRST, YESTERDAY)), id="three dates, the first of 30 included"),
    pytest.param("low", a_case(earlier=visits(BEFORE_FIRST, YESTERDAY)), id="a second before the first of 30 dates"),
    pytest.param("low", a_case(earlier=visits(YESTERDAY)), id="two dates"),
    pytest.param("low", a_case(earlier=visits(FIRST)), id="two dates, the first of 30"),
    pytest.param("quiet", a_case(earlier=visits(BEFORE_FIRST)), id="the other date lies before the first of 30"),
    pytest.param("quiet", a_case(earlier=visits("2026-11-20T08:00:00+13:00")), id="one date"),
    pytest.param("low", a_case(earlier=visits(YESTERDAY, "2026-11-19T00:00:00+13:00")), id="twice on the same date"),
    pytest.param(
        "medium",
        a_case(earlier=visits("2026-11-18T10:30:00Z", "2026-11-18T11:30:00Z")),
        id="dates are New Zealand's: midnight between 10:30 and 11:30 UTC",
    ),
    pytest.param("low", a_case(earlier=visits(YESTERDAY, "2026-11-21T00:00:00+13:00")), id="a date after it"),
    pytest.param("quiet", a_case(earlier=visits(FIRST, YESTERDAY, client_id="C-2")), id="another client"),
    pytest.param("quiet", a_case(earlier=visits(FIRST, YESTERDAY, staff_id="S-2")), id="another actor"),
    pytest.param("quiet", a_case(work(), earlier=visits(FIRST, YESTERDAY)), id="excused by work"),
    pytest.param(
        "low",
        a_case(work(opened_at=FIRST, closed_at=FIRST), earlier=visits(FIRST, YESTERDAY)),
        id="the first visit had a work reason",
    ),
    pytest.param("medium", a_case(earlier=visits(FIRST, YESTERDAY), actor_known=False), id="in no staff record"),
    pytest.param("medium", a_case(earlier=visits(FIRST, YESTERDAY), client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(earlier=visits(FIRST, YESTERDAY), client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_repeat_visits(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_names_the_dates() -> None:
    """In the sentence and as evidence."""
    answer = asked(RULE, a_case(earlier=visits(FIRST, YESTERDAY)))
    assert isinstance(answer, Hit)
    assert "on 3 dates of the 30 to then (22 Oct 2026, 19 Nov 2026, 20 Nov 2026)." in answer.sentence
    assert [fact.id for fact in answer.evidence] == ["2026-10-22", "2026-11-19", "2026-11-20"]
