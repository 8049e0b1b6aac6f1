"""New Zealand time: the calendar by which days are counted and sentences are written."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")
#: Working hours, Monday to Friday; public holidays are not known here.
OPENS, CLOSES = time(7), time(18)
_SATURDAY = 5
#: Days that are looked at for working hours; silence of a month is silence.
DAYS_LOOKED_BACK_MAX = 31


def nz_time(at: datetime) -> datetime:
    """The same instant on New Zealand's clock; at the calendar's ends, where that does not exist, *at* itself."""
    try:
        return at.astimezone(ZONE)
    except OverflowError:
        return at


def nz_date(at: datetime) -> date:
    """The New Zealand calendar date of an instant, daylight saving included."""
    return nz_time(at).date()


def nz_text(at: datetime) -> str:
    """An instant as a person in New Zealand reads it: ``Fri 20 Nov 2026, 09:14:07 NZDT``."""
    local = nz_time(at)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S} {local.tzname() or ''}".rstrip()


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
