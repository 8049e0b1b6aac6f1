"""The New Zealand working day that is played: its hours, and how busy each of them is."""

from datetime import date, datetime, timedelta
from itertools import accumulate

from enrichment.newzealand import ZONE, nz_date

OPENS_AT_HOURS = 7.5
_SLOT_HOURS = 0.5
#: How busy each half hour from 07:30 to 18:00 is, beside the others: a peak in the morning, a dip at lunch.
_BUSY = (2, 5, 9, 12, 14, 14, 13, 12, 11, 8, 7, 8, 10, 11, 11, 10, 9, 7, 5, 3, 2)
CLOSES_AT_HOURS = OPENS_AT_HOURS + _SLOT_HOURS * len(_BUSY)
_SATURDAY = 5


def last_working_day(now: datetime) -> date:
    """Give the last weekday that is over in New Zealand at *now*; public holidays are not known here."""
    day = nz_date(now) - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day


class Timetable:
    """Times and dates as texts for the wire, told from the day that is played."""

    def __init__(self, day: date) -> None:
        self.day = day
        self._midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        # Daylight saving never changes on a working day, so one offset serves all accesses of it.
        self._opens = (self._midnight + timedelta(hours=OPENS_AT_HOURS)).astimezone(ZONE)
        self._done = [0, *accumulate(_BUSY)]

    def at(self, hours: float, days: int = 0) -> str:
        """Give the instant *hours* after midnight, *days* from the day that is played."""
        return (self._midnight + timedelta(days=days, hours=hours)).isoformat(timespec="seconds")

    def date(self, days: int = 0) -> str:
        """Give the date *days* from the day that is played."""
        return (self.day + timedelta(days=days)).isoformat()

    def when(self, share: float) -> str:
        """Give the instant by which this share (0 to 1) of the day's accesses has been made."""
        weight = share * self._done[-1]
        slot = next(index for index in range(len(_BUSY)) if weight < self._done[index + 1])
        inside = (weight - self._done[slot]) / _BUSY[slot]
        at = self._opens + timedelta(hours=_SLOT_HOURS * (slot + inside))
        return at.isoformat(timespec="milliseconds")
