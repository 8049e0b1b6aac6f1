"""New Zealand time: the calendar by which days are counted and sentences are written."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")
#: Working hours, Monday to Friday; public holidays are not known here.
OPENS, CLOSES = time(7), time(18)
_SATURDAY = 5
#: Days that are looked at for working hours; silence of a month is silence.
DAYS_LOOKED_BACK_MAX = 31
#: Answers that are kept: of dates for the accesses at hand, of texts for the work items that explain them.
DATES_MAX = 4_096
TEXTS_MAX = 65_536

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def nz_time(at: datetime) -> datetime:
    """The same instant on New Zealand's clock; at the calendar's ends, where that does not exist, *at* itself."""
    try:
        return at.astimezone(ZONE)
    except OverflowError:
        return at


def nz_date(at: datetime) -> date:
    """The New Zealand calendar date of an instant, daylight saving included. Many rules ask it of one access."""
    try:
        return _within_the_calendar(at)
    except OverflowError:
        return at.date()


@lru_cache(maxsize=DATES_MAX)
def _within_the_calendar(at: datetime) -> date:
    return at.astimezone(ZONE).date()


@lru_cache(maxsize=TEXTS_MAX)
def nz_text(at: datetime) -> str:
    """An instant as a person in New Zealand reads it: ``Fri 20 Nov 2026, 09:14:07 NZDT``."""
    local = nz_time(at)
    day = f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day}, {local.hour:02}:{local.minute:02}:{local.second:02} {local.tzname() or ''}".rstrip()


def working_seconds(since: datetime, until: datetime) -> float:
    """Seconds from *since* to *until* that lie in working hours; looks back ``DAYS_LOOKED_BACK_MAX`` days at most."""
    if until <= since:
        return 0.0
    first = max(nz_date(since), nz_date(until) - timedelta(days=DAYS_LOOKED_BACK_MAX))
    days = (first + timedelta(days=number) for number in range((nz_date(until) - first).days + 1))
    return sum(_seconds_of(day, since, until) for day in days if day.weekday() < _SATURDAY)


def _seconds_of(day: date, since: datetime, until: datetime) -> float:
    # Through UTC: two times of one zone would be subtracted as clocks show them. Clocks change on Sundays only.
    opens, closes = (datetime.combine(day, hour, ZONE).astimezone(UTC) for hour in (OPENS, CLOSES))
    return max(0.0, (min(until.astimezone(UTC), closes) - max(since.astimezone(UTC), opens)).total_seconds())
