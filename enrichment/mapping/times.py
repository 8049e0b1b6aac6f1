"""Times and dates as sources write them, turned into those of the contract.

Nothing is guessed. A time without an offset needs the mapping's zone, and the mapping says what the hour means that a
clock shows twice and the one that it leaves out. A number needs its unit; one that lies far from any time that a system
would have recorded has another. Years of two digits are not taken.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from enrichment.mapping.outcome import FieldRefused

RepeatedHour = Literal["first", "second", "refuse"]
MissingHour = Literal["forward", "refuse"]

#: Years between which a system that keeps an audit log records.
YEAR_MIN: Final = 1990
YEAR_MAX: Final = 2099
#: Unit of a number since 1970 -> microseconds of one. ``wall`` is what a clock without a zone showed, counted as if it
#: were UTC: so Debezium writes a DATETIME of MySQL and a timestamp without time zone of PostgreSQL.
UNITS: Final[Mapping[str, float]] = {
    "epoch_s": 1_000_000,
    "epoch_ms": 1_000,
    "epoch_us": 1,
    "epoch_ns": 0.001,
    "wall_s": 1_000_000,
    "wall_ms": 1_000,
    "wall_us": 1,
    "wall_ns": 0.001,
}
#: Names of zones and of formats that are kept compiled, over all mappings.
_KEPT: Final = 256

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 it is shifted by the zone of what is counted from it
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))? ?([Zz]|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_RFC_3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,20}(?:\.\d{1,9})?", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Directive -> what it reads. Words are English whatever the machine's locale is.
_DIRECTIVES: Final[Mapping[str, str]] = {
    "Y": r"(?P<Y>\d{4})",
    "m": r"(?P<m>\d{1,2})",
    "d": r" ?(?P<d>\d{1,2})",
    "b": r"(?P<b>[A-Za-z]{3})",
    "B": r"(?P<b>[A-Za-z]{3,9})",
    "a": r"[A-Za-z]{3}",
    "A": r"[A-Za-z]{6,9}",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,9})",
    "z": r"(?P<z>[Zz]|[+-]\d{2}:?\d{2})",
    "%": "%",
}
_DATE_DIRECTIVES: Final = frozenset("YmdbBaA%")
_NOON: Final = 12


class TimeMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """A format, a zone or a choice that a mapping cannot use."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The zone of a source's clock, and what the hours mean that it shows twice or leaves out."""

    zone: ZoneInfo
    repeated_hour: RepeatedHour | None
    missing_hour: MissingHour | None

    def instant(self, wall: datetime) -> datetime:
        """Return what time it was when the clock showed *wall*.

        Raises:
            FieldRefused: the clock showed it twice or never, and the mapping refuses that.
        """
        time = wall.replace(tzinfo=self.zone)
        first, second = time.utcoffset(), time.replace(fold=1).utcoffset()
        if first == second:
            return time
        if first is not None and second is not None and first > second:
            if self.repeated_hour == "refuse":
                raise FieldRefused("lies in the hour that the clock shows twice")
            return time.replace(fold=int(self.repeated_hour == "second"))
        if self.missing_hour == "refuse":
            raise FieldRefused("lies in the hour that the clock leaves out")
        # With the offset before the change, as if the clock had not been put forward; then as the clock shows it.
        return time.astimezone(UTC).astimezone(self.zone)


def clock(name: str | None, repeated_hour: RepeatedHour | None, missing_hour: MissingHour | None) -> Clock | None:
    """Return the clock of a zone, None where there is no zone.

    Raises:
        TimeMistake: there is no such zone, or a choice is missing that it needs.
    """
    if name is None:
        return None
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeMistake("there is no time zone of this name, such as Pacific/Auckland") from None
    if _changes(name) and (repeated_hour is None or missing_hour is None):
        raise TimeMistake(
            "clocks change in this zone: say what the hour means that is shown twice (repeated_hour: first, second or "
            "refuse) and the one that is left out (missing_hour: forward or refuse)"
        )
    return Clock(zone, repeated_hour, missing_hour)


@lru_cache(maxsize=_KEPT)
def _changes(name: str) -> bool:
    """Return whether the offset of a zone differs over the years that records may come from."""
    zone = ZoneInfo(name)
    months = (datetime(year, month, 1, tzinfo=zone) for year in range(2015, 2038) for month in range(1, 13))
    return len({time.utcoffset() for time in months}) > 1


# -- times ---------------------------------------------------------------------------------------------------------


def reader(form: str, on: Clock | None) -> Callable[[Any], str]:
    """Return what turns a source's time of this form into one of the contract.

    Raises:
        TimeMistake: the form is none that is known, or needs a zone.
    """
    if form == "iso":
        return _Iso(on)
    if form in UNITS:
        if form.startswith("wall") and on is None:
            raise TimeMistake(f"{form} is what a clock showed: it needs the clock's zone")
        return _Number(UNITS[form], on if form.startswith("wall") else None)
    if "%" not in form:
        raise TimeMistake(
            f"is no form of a time; it is iso, one of {', '.join(UNITS)}, or a format such as %d/%m/%Y %H:%M"
        )
    pattern = _pattern(form, frozenset(_DIRECTIVES))
    if "z" not in pattern.groupindex and on is None:
        raise TimeMistake("the format has no offset (%z): it needs the zone of the source's clock")
    if not {"H", "I"} & pattern.groupindex.keys():
        raise TimeMistake("the format has no hour (%H, or %I with %p)")
    return _Formatted(pattern, on)


@dataclass(frozen=True, slots=True)
class _Iso:
    on: Clock | None

    def __call__(self, value: Any) -> str:
        if type(value) is not str:
            return _from_object(value, self.on)
        if _RFC_3339.fullmatch(value):
            # As the contract has it; the model looks whether there is such a day and such an hour.
            return value
        found = _ISO.fullmatch(value)
        if found is None:
            raise FieldRefused("is no ISO 8601 date and time")
        day, time, fraction, offset = found.groups()
        text = f"{day}T{time}{'.' + fraction[:6].ljust(6, '0') if fraction else ''}{offset or ''}"
        try:
            return _time_text(datetime.fromisoformat(text), self.on)
        except ValueError:
            raise FieldRefused("is no ISO 8601 date and time") from None


@dataclass(frozen=True, slots=True)
class _Number:
    microseconds: float
    on: Clock | None

    def __call__(self, value: Any) -> str:
        kind = type(value)
        if kind is str and _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        elif kind is not int and kind is not float:
            return _from_object(value, self.on, "is no number")
        try:
            wall = _EPOCH + timedelta(microseconds=round(value * self.microseconds))
        except (OverflowError, ValueError):
            raise _far() from None
        if not YEAR_MIN <= wall.year <= YEAR_MAX:
            raise _far()
        return (wall.replace(tzinfo=UTC) if self.on is None else self.on.instant(wall)).isoformat()


@dataclass(frozen=True, slots=True)
class _Formatted:
    pattern: "re.Pattern[str]"
    on: Clock | None

    def __call__(self, value: Any) -> str:
        if type(value) is not str:
            return _from_object(value, self.on)
        found = self.pattern.fullmatch(value)
        if found is None:
            raise FieldRefused("is not of the format that the mapping names")
        part = found.groupdict()
        fraction = part.get("f") or ""
        try:
            wall = datetime(  # noqa: DTZ001 its offset or zone is put to it below
                *_day(part),
                _hour(part),
                int(part.get("M") or 0),
                int(part.get("S") or 0),
                int(fraction[:6].ljust(6, "0")),
            )
        except ValueError:
            raise FieldRefused("names a day or an hour that there is not") from None
        return _time_text(wall if part.get("z") is None else wall.replace(tzinfo=_offset(part["z"])), self.on)


def _time_text(time: datetime, on: Clock | None) -> str:
    if time.tzinfo is None:
        if on is None:
            raise FieldRefused("has no offset, and the mapping names no zone")
        time = on.instant(time)
    if not YEAR_MIN <= time.year <= YEAR_MAX:
        raise _far()
    return time.isoformat()


def _from_object(value: Any, on: Clock | None, instead: str = "is no text") -> str:
    """Take what Avro, Parquet and databases have for a time, which needs no format."""
    if not isinstance(value, datetime):
        raise FieldRefused(instead)
    return _time_text(value, on)


def _far() -> FieldRefused:
    return FieldRefused(f"lies outside the years {YEAR_MIN} to {YEAR_MAX}: perhaps it has another unit")


# -- dates ---------------------------------------------------------------------------------------------------------


def date_reader(form: str) -> Callable[[Any], str]:
    """Return what turns a source's date of this form into one of the contract.

    Raises:
        TimeMistake: the form is none that is known.
    """
    if form == "iso":
        return _iso_date
    if form == "epoch_days":
        return _days
    if "%" not in form:
        raise TimeMistake("is no form of a date; it is iso, epoch_days, or a format such as %d/%m/%Y")
    pattern = _pattern(form, _DATE_DIRECTIVES)

    def formatted(value: Any) -> str:
        if type(value) is not str:
            return _iso_date(value)
        found = pattern.fullmatch(value)
        if found is None:
            raise FieldRefused("is not of the format that the mapping names")
        try:
            return date(*_day(found.groupdict())).isoformat()
        except ValueError:
            raise FieldRefused("names a day that there is not") from None

    return formatted


def _iso_date(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if type(value) is not str:
        raise FieldRefused("is no text")
    # A date with a time of day behind it, as exports of databases have it.
    day, _, _time = value.replace(" ", "T").partition("T")
    return day


def _days(value: Any) -> str:
    if type(value) is not int:
        return _iso_date(value)
    try:
        return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
    except OverflowError:
        raise FieldRefused("is no number of days since 1970") from None


# -- formats -------------------------------------------------------------------------------------------------------


def _pattern(form: str, allowed: frozenset[str]) -> "re.Pattern[str]":
    """Turn a format into what it reads.

    Raises:
        TimeMistake: it has a part that is not known, or twice, or no whole date.
    """
    built: list[str] = []
    rest = iter(form)
    for letter in rest:
        if letter != "%":
            built.append(re.escape(letter))
            continue
        directive = next(rest, "")
        if directive == "y":
            raise TimeMistake("years of two digits (%y) are not taken: which century they mean would be a guess")
        if directive not in _DIRECTIVES or directive not in allowed:
            raise TimeMistake(
                f"the format has %{directive}; known are {' '.join('%' + one for one in sorted(allowed))}"
            )
        built.append(_DIRECTIVES[directive])
    try:
        pattern = re.compile("".join(built), re.ASCII)
    except re.error:
        raise TimeMistake("the format has a part twice") from None
    if missing := {"Y", "d"} - pattern.groupindex.keys():
        raise TimeMistake(f"the format has no %{min(missing)}")
    if not {"m", "b"} & pattern.groupindex.keys():
        raise TimeMistake("the format has no month (%m, %b or %B)")
    if ("I" in pattern.groupindex) != ("p" in pattern.groupindex):
        raise TimeMistake("%I and %p go together: an hour up to 12 needs to say which half of the day")
    return pattern


def _day(part: Mapping[str, str | None]) -> tuple[int, int, int]:
    word = part.get("b")
    # A ValueError where it is no month.
    month = int(part["m"] or 0) if word is None else _MONTHS.index(word[:3].lower()) + 1
    return int(part["Y"] or 0), month, int(part["d"] or 0)


def _hour(part: Mapping[str, str | None]) -> int:
    half = part.get("p")
    if half is None:
        return int(part["H"] or 0)
    hour = int(part["I"] or 0)
    if not 1 <= hour <= _NOON:
        raise ValueError(hour)
    return hour % _NOON + (_NOON if half[0] in "Pp" else 0)


def _offset(text: str) -> timezone:
    if text in {"Z", "z"}:
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
