"""Times of sources: nothing is guessed, no zone, no hour that a clock shows twice, no unit and no century."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.mapping.outcome import FieldRefused
from enrichment.mapping.times import MissingHour, RepeatedHour, TimeMistake, clock, date_reader, reader

AUCKLAND = "Pacific/Auckland"
WALL = "%d/%m/%Y %H:%M"


def read(
    form: str,
    value: object,
    zone: str | None = None,
    repeated: RepeatedHour | None = "refuse",
    missing: MissingHour | None = "refuse",
) -> str:
    """What a time becomes."""
    return reader(form, clock(zone, repeated, missing))(value)


READ = [
    ("iso", "2026-11-20T09:14:07.123+13:00", None, "2026-11-20T09:14:07.123+13:00"),
    ("iso", "2026-11-20T09:14:07Z", AUCKLAND, "2026-11-20T09:14:07Z"),
    ("iso", "2026-11-20 09:14", AUCKLAND, "2026-11-20T09:14:00+13:00"),
    ("iso", "2026-07-20 09:14:07,5", AUCKLAND, "2026-07-20T09:14:07.500000+12:00"),
    ("iso", "2026-11-20T09:14:07 +1300", None, "2026-11-20T09:14:07+13:00"),
    ("iso", "2026-11-20T09:14:07+13", None, "2026-11-20T09:14:07+13:00"),
    ("iso", datetime(2026, 11, 20, 9, 14, tzinfo=UTC), None, "2026-11-20T09:14:00+00:00"),
    ("iso", datetime(2026, 11, 20, 9, 14), AUCKLAND, "2026-11-20T09:14:00+13:00"),  # noqa: DTZ001 a database's
    ("epoch_ms", 1_795_119_247_123, None, "2026-11-19T20:14:07.123000+00:00"),
    ("epoch_s", "1795119247.5", None, "2026-11-19T20:14:07.500000+00:00"),
    ("epoch_us", 1_795_119_247_123_456, None, "2026-11-19T20:14:07.123456+00:00"),
    ("epoch_ns", 1_795_119_247_123_456_789, None, "2026-11-19T20:14:07.123457+00:00"),
    # What Debezium makes of a DATETIME: what the clock showed, counted as if it were UTC.
    ("wall_ms", 1_795_166_047_000, AUCKLAND, "2026-11-20T09:14:07+13:00"),
    ("%Y-%m-%d %H:%M:%S", "2026-11-20 09:14:07", AUCKLAND, "2026-11-20T09:14:07+13:00"),
    ("%d/%m/%Y %I:%M:%S %p", "20/11/2026 12:14:07 AM", AUCKLAND, "2026-11-20T00:14:07+13:00"),
    ("%d/%m/%Y %I:%M %p", "20/11/2026 12:14 p.m.", AUCKLAND, "2026-11-20T12:14:00+13:00"),
    ("%d %b %Y %H:%M:%S.%f %z", "20 Nov 2026 09:14:07.25 +1300", None, "2026-11-20T09:14:07.250000+13:00"),
    ("%A, %d %B %Y %H:%M", "Friday, 20 November 2026 09:14", "UTC", "2026-11-20T09:14:00+00:00"),
]


@pytest.mark.parametrize(("form", "value", "zone", "expected"), READ)
def test_a_time_is_read(form: str, value: object, zone: str | None, expected: str) -> None:
    """One form a row, as systems write it."""
    assert expected == read(form, value, zone)


REFUSED = [
    ("iso", "2026-11-20T09:14:07", None, "has no offset, and the mapping names no zone"),
    ("iso", "20/11/2026 09:14", AUCKLAND, "is no ISO 8601 date and time"),
    ("iso", "2026-13-20T09:14:07", AUCKLAND, "is no ISO 8601 date and time"),
    ("iso", 5, AUCKLAND, "is no text"),
    ("iso", "1890-11-20T09:14", AUCKLAND, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    ("epoch_s", 1_795_119_247_123, None, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    ("epoch_ms", 1_795_119_247, None, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    ("epoch_ms", 10**30, None, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    ("epoch_ms", float("nan"), None, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    ("epoch_ms", True, None, "is no number"),
    ("epoch_ms", "yesterday", None, "is no number"),
    (WALL, "2026-11-20 09:14", AUCKLAND, "is not of the format that the mapping names"),
    (WALL, "31/02/2026 09:14", AUCKLAND, "names a day or an hour that there is not"),
    (WALL, "20/11/2026 25:14", AUCKLAND, "names a day or an hour that there is not"),
    ("%d/%m/%Y %I:%M %p", "20/11/2026 13:14 PM", AUCKLAND, "names a day or an hour that there is not"),
    ("%d %b %Y %H:%M", "20 Foo 2026 09:14", AUCKLAND, "names a day or an hour that there is not"),
    (WALL, "20/11/1826 09:14", AUCKLAND, "lies outside the years 1990 to 2099: perhaps it has another unit"),
    (WALL, 7, AUCKLAND, "is no text"),
]


@pytest.mark.parametrize(("form", "value", "zone", "reason"), REFUSED)
def test_a_time_is_refused(form: str, value: object, zone: str | None, reason: str) -> None:
    """The reason says what was expected, and nothing of the value."""
    with pytest.raises(FieldRefused) as refused:
        read(form, value, zone)
    assert reason == str(refused.value)


# New Zealand: clocks go back on Sun 5 Apr 2026 at 03:00 NZDT, and forward on Sun 27 Sep 2026 at 02:00 NZST.
TWICE, NEVER = "05/04/2026 02:30", "27/09/2026 02:30"


def test_the_hour_that_is_shown_twice() -> None:
    """It is the first, the second or refused, as the mapping says."""
    assert read(WALL, TWICE, AUCKLAND, "first") == "2026-04-05T02:30:00+13:00"
    assert read(WALL, TWICE, AUCKLAND, "second") == "2026-04-05T02:30:00+12:00"
    with pytest.raises(FieldRefused, match="lies in the hour that the clock shows twice"):
        read(WALL, TWICE, AUCKLAND, "refuse")
    assert read(WALL, "05/04/2026 03:00", AUCKLAND, "refuse") == "2026-04-05T03:00:00+12:00"
    assert read(WALL, "05/04/2026 01:59", AUCKLAND, "refuse") == "2026-04-05T01:59:00+13:00"


def test_the_hour_that_is_left_out() -> None:
    """It is an hour later or refused, as the mapping says."""
    assert read(WALL, NEVER, AUCKLAND, missing="forward") == "2026-09-27T03:30:00+13:00"
    with pytest.raises(FieldRefused, match="lies in the hour that the clock leaves out"):
        read(WALL, NEVER, AUCKLAND, missing="refuse")


MISTAKES = [
    ("%d/%m/%y %H:%M", AUCKLAND, "years of two digits (%y) are not taken"),
    (WALL, None, "the format has no offset (%z): it needs the zone of the source's clock"),
    ("%d/%m %H:%M", AUCKLAND, "the format has no %Y"),
    ("%d/%Y %H:%M", AUCKLAND, "the format has no month"),
    ("%d/%m/%Y", AUCKLAND, "the format has no hour"),
    ("%d/%m/%Y %I:%M", AUCKLAND, "%I and %p go together"),
    ("%d/%m/%Y %H:%M %Q", AUCKLAND, "the format has %Q; known are"),
    ("%d/%d/%m/%Y %H", AUCKLAND, "the format has a part twice"),
    ("isoformat", AUCKLAND, "is no form of a time"),
    ("wall_ms", None, "wall_ms is what a clock showed: it needs the clock's zone"),
]


@pytest.mark.parametrize(("form", "zone", "sentence"), MISTAKES)
def test_a_form_that_cannot_be_used(form: str, zone: str | None, sentence: str) -> None:
    """The mapping file is told so before it reads anything."""
    with pytest.raises(TimeMistake) as mistake:
        read(form, "", zone)
    assert str(mistake.value).startswith(sentence)


def test_a_zone_whose_clocks_change_needs_both_choices() -> None:
    """UTC and zones without summer time need none."""
    with pytest.raises(TimeMistake, match="clocks change in this zone"):
        clock(AUCKLAND, "first", None)
    with pytest.raises(TimeMistake, match="clocks change in this zone"):
        clock("Europe/Berlin", None, "refuse")
    with pytest.raises(TimeMistake, match="there is no time zone of this name"):
        clock("Pacific/Atlantis", None, None)
    with pytest.raises(TimeMistake, match="there is no time zone of this name"):
        clock("../etc/passwd", None, None)
    assert clock("UTC", None, None) is not None
    assert clock("Pacific/Honolulu", None, None) is not None


@given(st.datetimes(datetime(1991, 1, 1), datetime(2098, 1, 1)), st.sampled_from([AUCKLAND, "America/St_Johns", "UTC"]))  # noqa: DTZ001 what clocks show
def test_every_clock_reading_is_an_instant(wall: datetime, zone: str) -> None:
    """Whatever a clock shows, read with its zone it shows the same again, unless that hour was left out."""
    said = datetime.fromisoformat(read("iso", wall.isoformat(), zone, "first", "forward"))
    again = said.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert again in {wall, wall + timedelta(hours=1), wall + timedelta(hours=2)}
    assert said.utcoffset() is not None


def test_dates() -> None:
    """A date has the source's form, or is one already."""
    assert date_reader("iso")("2026-11-20") == "2026-11-20"
    assert date_reader("iso")("2026-11-20 00:00:00") == "2026-11-20"
    assert date_reader("iso")(date(2026, 11, 20)) == "2026-11-20"
    assert date_reader("%d/%m/%Y")("20/11/2026") == "2026-11-20"
    assert date_reader("%d/%m/%Y")(datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=13)))) == "2026-11-20"
    assert date_reader("epoch_days")(20_777) == "2026-11-20"
    for form, value in (("%d/%m/%Y", "2026-11-20"), ("%d/%m/%Y", "31/02/2026"), ("epoch_days", 10**9), ("iso", 5)):
        with pytest.raises(FieldRefused):
            date_reader(form)(value)
    for form in ("%d/%m/%y", "%d/%m/%Y %H", "day", "%m/%Y"):
        with pytest.raises(TimeMistake):
            date_reader(form)
