"""search-browsing: a staff member searched many times within an hour, and the searches led nowhere."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.search_browsing import RULE
from enrichment.schemas import Access
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import NOON, an_access

SEARCH: dict[str, Any] = {"action": "search", "client_id": None, "search": {"fields": ["name"], "result_count": 0}}
PHONE: dict[str, Any] = SEARCH | {"search": {"fields": ["phone", "client_id"], "result_count": 1}}
HOUR_BEFORE, LONGER = "2026-11-20T11:00:00+13:00", "2026-11-20T10:59:59.999+13:00"


def ago(seconds: float) -> str:
    """So many seconds before noon."""
    return (datetime.fromisoformat(NOON) - timedelta(seconds=seconds)).isoformat()


def browsing(searches: int, at: str = HOUR_BEFORE, **access: Any) -> Case:
    """A search after so many others."""
    return a_case(earlier=earlier_ones(searches, **(SEARCH | {"occurred_at": at})), **(SEARCH | access))


def with_one_more(*others: Access, last: float = 1_000) -> Case:
    """A search after 14 others, one more so many seconds before noon, and what was done between."""
    one = an_access(**(SEARCH | {"event_id": "L-1", "occurred_at": ago(last)}))
    return a_case(earlier=[*earlier_ones(14, **(SEARCH | {"occurred_at": HOUR_BEFORE})), one, *others], **SEARCH)


def after(seconds: float, **fields: Any) -> Access:
    """An access of S-1 to C-7 so many seconds after the fifteenth search."""
    least = {"event_id": f"N-{seconds}", "client_id": "C-7", "occurred_at": ago(1_000 - seconds)}
    return an_access(**(least | fields))


CASES = [
    pytest.param("medium", browsing(15), id="16 with this one"),
    pytest.param("quiet", browsing(14), id="exactly 15"),
    pytest.param("quiet", browsing(15, at=LONGER), id="more than an hour before"),
    pytest.param("quiet", browsing(40, **PHONE), id="this one is by phone"),
    pytest.param("quiet", browsing(40, action="view"), id="this one is no search"),
    pytest.param("quiet", browsing(40, client_id="C-1"), id="this one opened a record"),
    pytest.param(
        "quiet", a_case(earlier=earlier_ones(40, **PHONE), **SEARCH), id="the others are by phone and client id"
    ),
    pytest.param("medium", browsing(15, actor_known=False), id="in no staff record"),
    pytest.param("medium", with_one_more(), id="the fifteenth led nowhere"),
    pytest.param("quiet", with_one_more(after(120)), id="it led to a record 120 s later"),
    pytest.param("medium", with_one_more(after(120.001)), id="a record more than 120 s later"),
    pytest.param("medium", with_one_more(after(60, client_id=None)), id="the next access opened nothing"),
    pytest.param(
        "medium", with_one_more(after(60, client_id=None), after(90)), id="the next opened nothing, the second did"
    ),
    pytest.param("quiet", with_one_more(after(90), after(60)), id="in whatever order they were judged"),
    pytest.param("medium", with_one_more(after(60, staff_id="S-2")), id="somebody else opened a record"),
    pytest.param("medium", with_one_more(after(0)), id="a record at the same instant is not the next"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_search_browsing(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_the_number() -> None:
    """And never what was searched for, which nobody recorded."""
    answer = asked(RULE, browsing(15))
    assert isinstance(answer, Hit)
    assert answer.sentence == (
        "A search by name was made on Fri 20 Nov 2026, 12:00:00 NZDT; it is one of 16 searches by name, date of birth, "
        "tax number or address in an hour (the limit is 15) after which no client record was opened within 120 seconds."
    )
