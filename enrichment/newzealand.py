"""New Zealand time: the calendar by which days are counted and sentences are written."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")


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
