"""New Zealand time: the calendar by which days are counted and sentences are written."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")
#: Working hours, Monday to Friday but for public holidays.
OPENS, CLOSES = time(7), time(18)
_SATURDAY = 5
#: Days that are looked at for working hours; silence of a month is silence.
DAYS_LOOKED_BACK_MAX = 31
#: Days that are looked at for a deadline.
DAYS_LOOKED_AHEAD_MAX = 62
#: Answers that are kept: of dates for the accesses at hand, of texts for the work items that explain them.
DATES_MAX = 4_096
TEXTS_MAX = 65_536
#: Years whose public holidays are kept.
YEARS_MAX = 64

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


@lru_cache(maxsize=YEARS_MAX)
def _public_holidays(year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415 a tenth of a second, and most commands ask for no holiday

    return frozenset(holidays.country_holidays("NZ", years=year))


def is_public_holiday(day: date) -> bool:
    """Return whether it is a public holiday of the whole country, Matariki included; anniversary days are none."""
    return day in _public_holidays(day.year)


def is_weekday(day: date) -> bool:
    """Return whether people work on it: Monday to Friday, but for public holidays."""
    return day.weekday() < _SATURDAY and not is_public_holiday(day)


def working_seconds(since: datetime, until: datetime) -> float:
    """Seconds from *since* to *until* that lie in working hours; looks back ``DAYS_LOOKED_BACK_MAX`` days at most."""
    if until <= since:
        return 0.0
    first = max(nz_date(since), nz_date(until) - timedelta(days=DAYS_LOOKED_BACK_MAX))
    days = (first + timedelta(days=number) for number in range((nz_date(until) - first).days + 1))
    return sum(_seconds_of(day, since, until) for day in days if is_weekday(day))


def working_deadline(start: datetime, hours: float) -> datetime:
    """Return when so many hours of working days have passed, each with all its hours.

    Weekends and public holidays do not count: from noon on a Friday 24 hours end at noon on Monday.
    """
    left = timedelta(hours=hours)
    at = start.astimezone(UTC)
    for _ in range(DAYS_LOOKED_AHEAD_MAX):
        day = nz_date(at)
        midnight = datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC)
        if is_weekday(day):
            if at + left <= midnight:
                return at + left
            left -= midnight - at
        at = midnight
    return at


def _seconds_of(day: date, since: datetime, until: datetime) -> float:
    # Through UTC: two times of one zone would be subtracted as clocks show them. Clocks change on Sundays only.
    opens, closes = (datetime.combine(day, hour, ZONE).astimezone(UTC) for hour in (OPENS, CLOSES))
    return max(0.0, (min(until.astimezone(UTC), closes) - max(since.astimezone(UTC), opens)).total_seconds())
