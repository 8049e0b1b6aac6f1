"""New Zealand's calendar: which day an instant belongs to, and how it is written."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.nz_time import nz_date, nz_text, nz_time, working_seconds

DAYS = [
    pytest.param("2026-11-20", "2026-11-20T10:59:59.999999Z", id="the last microsecond of a summer's day"),
    pytest.param("2026-11-21", "2026-11-20T11:00:00Z", id="midnight in summer: 13 hours ahead"),
    pytest.param("2026-06-20", "2026-06-20T11:59:59.999999Z", id="the last microsecond of a winter's day"),
    pytest.param("2026-06-21", "2026-06-20T12:00:00Z", id="midnight in winter: 12 hours ahead"),
    pytest.param("2026-11-20", "2026-11-20T00:00:00+13:00", id="an offset of their own"),
    pytest.param("2026-11-20", "2026-11-19T01:00:00-10:00", id="yesterday elsewhere"),
    pytest.param("2026-04-05", "2026-04-04T11:00:00Z", id="the day that daylight saving ends begins in summer time"),
    pytest.param("2026-04-05", "2026-04-05T11:59:59Z", id="and has 25 hours"),
    pytest.param("2026-04-06", "2026-04-05T12:00:00Z", id="the day after it"),
    pytest.param("2026-09-27", "2026-09-26T12:00:00Z", id="the day that it begins starts in winter time"),
    pytest.param("2026-09-27", "2026-09-27T10:59:59Z", id="and has 23 hours"),
    pytest.param("2026-09-28", "2026-09-27T11:00:00Z", id="the day after that"),
    pytest.param("9999-12-31", "9999-12-31T23:59:59.999999-13:00", id="past the calendar's end: its own digits"),
    pytest.param("9999-12-31", "9999-12-31T23:59:59.999999Z", id="New Zealand is past the end already"),
    pytest.param("0001-01-01", "0001-01-01T00:00:00+13:00", id="before the calendar's beginning in UTC"),
    pytest.param("0001-01-01", "0001-01-01T00:00:00Z", id="the calendar's beginning in UTC"),
]


@pytest.mark.parametrize(("expected", "at"), DAYS)
def test_the_day_of_an_instant(expected: str, at: str) -> None:
    """Both ends of the days on which the clocks change, and of the calendar."""
    assert date.fromisoformat(expected) == nz_date(datetime.fromisoformat(at))


TEXTS = [
    pytest.param("Fri 20 Nov 2026, 09:14:07 NZDT", "2026-11-19T20:14:07.999Z", id="summer"),
    pytest.param("Mon 1 Jun 2026, 00:00:00 NZST", "2026-05-31T12:00:00Z", id="winter, a day of one digit"),
    pytest.param("Sun 5 Apr 2026, 02:30:00 NZDT", "2026-04-04T13:30:00Z", id="half past two, the first time"),
    pytest.param("Sun 5 Apr 2026, 02:30:00 NZST", "2026-04-04T14:30:00Z", id="half past two, the second time"),
    pytest.param("Sun 27 Sep 2026, 01:59:59 NZST", "2026-09-26T13:59:59Z", id="the second before the gap"),
    pytest.param("Sun 27 Sep 2026, 03:00:00 NZDT", "2026-09-26T14:00:00Z", id="the second behind it"),
]


@pytest.mark.parametrize(("expected", "at"), TEXTS)
def test_how_an_instant_is_written(expected: str, at: str) -> None:
    """As a person in New Zealand reads it."""
    assert expected == nz_text(datetime.fromisoformat(at))


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_every_instant_has_a_day_and_a_text(at: datetime) -> None:
    """None fails, and New Zealand's clock shows the same instant."""
    assert nz_time(at) - at == timedelta()
    assert nz_date(at) == nz_time(at).date()
    assert str(nz_time(at).day) in nz_text(at)


#: The day's first working hour is 07:00, the last ends at 18:00; 20 November 2026 is a Friday.
WORKING = [
    pytest.param(3600, "2026-11-20T09:00:00+13:00", "2026-11-20T10:00:00+13:00", id="within a day"),
    pytest.param(0, "2026-11-20T18:00:00+13:00", "2026-11-20T23:00:00+13:00", id="an evening"),
    pytest.param(0, "2026-11-20T18:30:00+13:00", "2026-11-23T07:00:00+13:00", id="a weekend"),
    pytest.param(2 * 60, "2026-11-20T17:59:00+13:00", "2026-11-23T07:01:00+13:00", id="a minute on each side of one"),
    pytest.param(11 * 3600, "2026-09-25T18:00:00+12:00", "2026-09-28T18:00:00+13:00", id="clocks go forward between"),
    pytest.param(0, "2026-11-20T10:00:00+13:00", "2026-11-20T09:00:00+13:00", id="the wrong way round"),
    pytest.param(3600, "2026-11-19T20:00:00Z", "2026-11-19T21:00:00Z", id="given in UTC"),
    pytest.param(
        # 26 October 2026 is Labour Day.
        23 * 11 * 3600,
        "1970-01-01T00:00:00Z",
        "2026-11-20T18:00:00+13:00",
        id="a month, however long it was",
    ),
    pytest.param(0, "2026-07-10T08:00:00+12:00", "2026-07-10T17:00:00+12:00", id="Matariki"),
    pytest.param(3600, "2026-10-23T17:00:00+13:00", "2026-10-27T07:00:00+13:00", id="a long weekend"),
]


@pytest.mark.parametrize(("expected", "since", "until"), WORKING)
def test_working_seconds(expected: int, since: str, until: str) -> None:
    """What of a silence lies in working hours."""
    assert working_seconds(datetime.fromisoformat(since), datetime.fromisoformat(until)) == expected
