"""Working days, quarters and periods in New Zealand."""

from datetime import date

import pytest

from cases.nz_calendar import (
    WORKING_DAYS_MAX,
    Period,
    add_working_days,
    is_working_day,
    quarter_beginning,
    quarter_ending,
    working_days_between,
)
from enrichment.errors import UserError

DAYS = [
    pytest.param(date(2026, 11, 20), True, id="a Friday"),
    pytest.param(date(2026, 11, 21), False, id="a Saturday"),
    pytest.param(date(2026, 7, 10), False, id="Matariki"),
    pytest.param(date(2021, 7, 9), True, id="a Friday in July before Matariki was a holiday"),
    pytest.param(date(2026, 10, 26), False, id="Labour Day"),
    pytest.param(date(2026, 4, 27), False, id="Anzac Day, observed on Monday"),
    pytest.param(date(2026, 12, 24), True, id="24 December"),
    pytest.param(date(2026, 12, 29), False, id="29 December, no holiday and no working day"),
    pytest.param(date(2027, 1, 15), False, id="15 January"),
    pytest.param(date(2027, 1, 18), True, id="the first Monday after"),
    pytest.param(date(2026, 1, 26), True, id="Auckland's anniversary is a day of a province"),
]


@pytest.mark.parametrize(("day", "expected"), DAYS)
def test_working_day(day: date, expected: bool) -> None:
    """Whether a day counts."""
    assert expected is is_working_day(day)


DUE = [
    pytest.param(date(2026, 11, 2), date(2026, 11, 30), id="four weeks without a holiday"),
    pytest.param(date(2026, 12, 1), date(2027, 1, 20), id="over the summer"),
    pytest.param(date(2026, 12, 28), date(2027, 2, 15), id="received when no day counts, and over Waitangi Day"),
    pytest.param(date(2026, 6, 15), date(2026, 7, 14), id="over Matariki"),
    pytest.param(date(2026, 11, 1), date(2026, 11, 27), id="received on a Sunday"),
]


@pytest.mark.parametrize(("received", "due"), DUE)
def test_twenty_working_days(received: date, due: date) -> None:
    """The day of receipt does not count, the last day does."""
    assert due == add_working_days(received, 20)
    assert working_days_between(received, due) == 20
    assert working_days_between(due, received) == -20


def test_counting_ends() -> None:
    """An extension, however long, ends somewhere."""
    with pytest.raises(ValueError, match="working days"):
        add_working_days(date(2026, 1, 1), WORKING_DAYS_MAX + 1)


def test_quarters() -> None:
    """A quarter is named by its last day."""
    assert quarter_ending(date(2026, 2, 28)) == date(2026, 3, 31)
    assert quarter_ending(date(2026, 12, 31)) == date(2026, 12, 31)
    assert quarter_beginning(date(2026, 12, 31)) == date(2026, 10, 1)
    period = Period(date(2025, 11, 15), date(2026, 6, 30))
    assert period.quarters() == (date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30))
    assert [period.is_part(quarter) for quarter in period.quarters()] == [True, False, False]
    assert [one.first for one in period.years()] == [date(2025, 11, 15), date(2026, 1, 1)]


def test_a_period_that_ends_before_it_begins() -> None:
    """It is refused in a sentence."""
    with pytest.raises(UserError, match="ends before it begins"):
        Period(date(2026, 1, 2), date(2026, 1, 1))
