"""search-browsing: a staff member searched many times within an hour, with little recorded work beside it."""

from typing import Any

import pytest

from alerts.case import Case
from alerts.rules.form import Hit
from alerts.rules.search_browsing import RULE
from enrichment.wire import Access
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import an_access, work

SEARCH: dict[str, Any] = {"action": "search", "client_id": None, "search": {"fields": ["name"], "result_count": 0}}
PHONE: dict[str, Any] = SEARCH | {"search": {"fields": ["phone", "client_id"], "result_count": 1}}
HOUR_BEFORE, LONGER = "2026-11-20T11:00:00+13:00", "2026-11-20T10:59:59.999+13:00"


def explained(number: int, at: str = HOUR_BEFORE) -> list[Access]:
    """So many accesses with a work reason (W-1 is for C-1)."""
    return [an_access(event_id=f"X-{one}", occurred_at=at) for one in range(number)]


def browsing(searches: int, explained_ones: int = 0, at: str = HOUR_BEFORE, **access: Any) -> Case:
    """A search after so many others and so many explained accesses."""
    earlier = [*earlier_ones(searches, **(SEARCH | {"occurred_at": at})), *explained(explained_ones)]
    return a_case(work(), earlier=earlier, **(SEARCH | access))


CASES = [
    pytest.param("medium", browsing(30), id="31 with this one"),
    pytest.param("quiet", browsing(29), id="exactly 30"),
    pytest.param("quiet", browsing(30, at=LONGER), id="more than an hour before"),
    pytest.param("medium", browsing(30, 10), id="31 and 10 explained: less than a third"),
    pytest.param("medium", browsing(32, 11), id="33 and 11 explained: exactly a third"),
    pytest.param("quiet", browsing(31, 11), id="32 and 11 explained: more than a third"),
    pytest.param("quiet", browsing(40, **PHONE), id="this one is by phone"),
    pytest.param("quiet", browsing(40, action="view"), id="this one is no search"),
    pytest.param(
        "quiet", a_case(earlier=earlier_ones(40, **PHONE), **SEARCH), id="the others are by phone and client id"
    ),
    pytest.param("medium", browsing(32, 10, client_id="C-1"), id="this one opened a record with a work reason"),
    pytest.param("medium", browsing(30, actor_known=False), id="in no staff record"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_search_browsing(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_both_numbers() -> None:
    """And never what was searched for, which nobody recorded."""
    answer = asked(RULE, browsing(30, 1))
    assert isinstance(answer, Hit)
    assert answer.sentence == (
        "A search by name was made on Fri 20 Nov 2026, 12:00:00 NZDT; it is one of 31 searches by name, date of birth, "
        "tax number or address in an hour (the limit is 30), beside 1 access with a work reason."
    )
