"""The field types of the delivery file: spans of time, hours, addresses, names.

Spans of time are written as people write them: ``30m``, ``17:00``, ``weekdays 08:00-18:00``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from enrichment.nz_time import ZONE, is_weekday, nz_time

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_CLOCK: Final = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_HOURS: Final = re.compile(rf"(outside )?(weekdays|weekends|daily) {_CLOCK}-(?:{_CLOCK}|(24):(00))")
#: No interval, window or wait is longer.
DURATION_MAX: Final = timedelta(days=31)

Days = Literal["weekdays", "weekends", "daily"]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of New Zealand's clock on some days, or all but those. ``begin`` counts, ``end`` does not.

    Hours that end before they begin go on past midnight; the day is the one on which they began. A public holiday
    of the whole country is no weekday: it counts as a weekend's day.
    """

    days: Days
    begin: time
    #: None: midnight, the day's end.
    end: time | None
    outside: bool

    def hold(self, at: datetime) -> bool:
        """Return whether an instant lies in these hours."""
        local = nz_time(at)
        clock, today = local.time(), local.date()
        if self.end is None or self.begin < self.end:
            inside = self.begin <= clock and (self.end is None or clock < self.end) and self._on(today)
        else:
            yesterday = today - timedelta(days=1)
            inside = (clock >= self.begin and self._on(today)) or (clock < self.end and self._on(yesterday))
        return inside is not self.outside

    def _on(self, day: date) -> bool:
        return self.days == "daily" or is_weekday(day) is (self.days == "weekdays")


def _duration(value: Any) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if length is None or length > DURATION_MAX:
        raise ValueError(f"must be a time like 90s, 30m, 4h or 1d, at most {DURATION_MAX.days}d")
    return length


def _clock(value: Any) -> time:
    found = re.fullmatch(_CLOCK, value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time of New Zealand's day, like 08:00")
    return time(int(found[1]), int(found[2]))


def _hours(value: Any) -> Hours:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None or found.group(3, 4) == found.group(5, 6):
        raise ValueError("must look like `weekdays 08:00-18:00` or `outside weekdays 08:00-18:00` (weekends, daily)")
    end = None if found[7] else time(int(found[5]), int(found[6]))
    days: Any = found[2]
    return Hours(days, time(int(found[3]), int(found[4])), end, outside=bool(found[1]))


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("must be a time with its offset, like 2026-12-01T09:00:00+13:00")
    return moment


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Clock = Annotated[time, BeforeValidator(_clock)]
NZHours = Annotated[Hours, BeforeValidator(_hours)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


def next_at(clock: time, now: datetime) -> datetime:
    """Return the next instant after *now* at which New Zealand's clock shows this time."""
    today = nz_time(now).date()
    at = datetime.combine(today, clock, ZONE)
    return at if at > now else datetime.combine(today + timedelta(days=1), clock, ZONE)


LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def in_clear(url: str) -> bool:
    """Return whether what is sent to an address leaves this host, and does so unencrypted."""
    return url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK


def mailbox(value: str) -> str:
    """Return a plain address as it is.

    Raises:
        ValueError: it is none.
    """
    local, at, domain = value.rpartition("@")
    if not (local and at and domain and value.isprintable() and value.isascii()) or set(value) & set(" <>,;\"'"):
        raise ValueError("must be a plain address like integrity@agency.example")
    return value


def _web_address(value: str) -> str:
    if not value.startswith(("https://", "http://")) or not value.isprintable() or " " in value:
        raise ValueError("must begin with https:// or http://")
    return value


def _secure_address(value: str) -> str:
    if not value.startswith("https://") or not value.isprintable() or " " in value:
        raise ValueError("must begin with https://")
    return value


Mailbox = Annotated[str, AfterValidator(mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SecureAddress = Annotated[str, AfterValidator(_secure_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, Field(min_length=1)]
#: Also a metric's label and a part of Message-ID.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Section(BaseModel):
    """A part of the delivery file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
