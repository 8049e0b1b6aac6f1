"""Days and hours of the agency: when it works, how busy each hour is, and times as texts for the wire."""

from datetime import date, datetime, timedelta

from enrichment.nz_time import ZONE, nz_date

OPENS = 7.5 * 3600
CLOSES = 18.0 * 3600
#: How busy each hour from 07:00 on is, beside the busiest: a peak in the morning, a dip at lunch.
_BUSY = (0.4, 0.7, 1.0, 1.0, 0.9, 0.55, 0.65, 0.8, 0.75, 0.6, 0.4)
_BUSY_FROM = 7
_MONDAY, _TUESDAY, _SATURDAY, _SUNDAY = 0, 1, 5, 6


def last_working_day(now: datetime) -> date:
    """Return the last weekday that is over in New Zealand at *now*; public holidays are not known here."""
    day = nz_date(now) - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day


class Day:
    """One day of the simulated time; *number* counts from the first day, 0, and may be negative."""

    def __init__(self, first: date, number: int) -> None:
        self.number = number
        self.date = first + timedelta(days=number)
        weekday = self.date.weekday()
        self.working = weekday < _SATURDAY
        self.saturday = weekday == _SATURDAY
        self.sunday = weekday == _SUNDAY
        self.benefit_day = weekday == _TUESDAY
        midnight = datetime(self.date.year, self.date.month, self.date.day, tzinfo=ZONE)
        # Daylight saving never changes in working hours, so the offset at noon serves all of them.
        offset = (midnight + timedelta(hours=12)).strftime("%z")
        self._offset = f"{offset[:3]}:{offset[3:]}"
        self._date = self.date.isoformat()

    def at(self, seconds: float) -> str:
        """Write the instant so many seconds after midnight, to the millisecond; the day's last one at the most."""
        thousandths = min(int(seconds * 1000), 86_399_999)
        minutes, rest = divmod(thousandths, 60_000)
        hours, minutes = divmod(minutes, 60)
        return f"{self._date}T{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}{self._offset}"


def busy(seconds: float) -> float:
    """Return how busy the agency is at this time of day, from 0 to 1."""
    hour = int(seconds // 3600) - _BUSY_FROM
    return _BUSY[hour] if 0 <= hour < len(_BUSY) else _BUSY[0]
