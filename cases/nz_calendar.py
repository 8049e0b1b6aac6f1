"""New Zealand's calendar as the law and the reports count it: working days, quarters, periods.

A working day is no Saturday, no Sunday, no public holiday of the whole country (Matariki included; anniversary days of
provinces are working days), and no day from 25 December to 15 January.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from enrichment.errors import UserError
from enrichment.nz_time import is_weekday

#: Working days in which a request is to be decided.
DECISION_WORKING_DAYS: Final = 20
#: Working days that are counted at most: an extension, however long, ends somewhere.
WORKING_DAYS_MAX: Final = 250
_CLOSES: Final = (12, 25)
_OPENS: Final = (1, 16)
_MONTHS_OF_QUARTER: Final = 3
_DECEMBER: Final = 12


def is_working_day(day: date) -> bool:
    """Return whether a day counts towards a time limit."""
    return is_weekday(day) and _OPENS <= (day.month, day.day) < _CLOSES


def add_working_days(day: date, number: int) -> date:
    """Return the last of *number* working days after *day*, which itself does not count.

    Raises:
        ValueError: *number* is not within 1 to ``WORKING_DAYS_MAX``.
    """
    if not 1 <= number <= WORKING_DAYS_MAX:
        raise ValueError(f"working days are counted from 1 to {WORKING_DAYS_MAX}")
    while number:
        day += timedelta(days=1)
        number -= is_working_day(day)
    return day


def working_days_between(first: date, last: date) -> int:
    """Return how many working days come after *first*, up to and including *last*; negative where last is earlier."""
    if last < first:
        return -working_days_between(last, first)
    return sum(is_working_day(first + timedelta(days=one)) for one in range(1, (last - first).days + 1))


def quarter_ending(day: date) -> date:
    """Return the last day of the quarter that a day is in: 31 March, 30 June, 30 September, 31 December."""
    month = -(-day.month // _MONTHS_OF_QUARTER) * _MONTHS_OF_QUARTER
    following = date(day.year + (month == _DECEMBER), month % 12 + 1, 1)
    return following - timedelta(days=1)


def quarter_beginning(day: date) -> date:
    """Return the first day of the quarter that a day is in."""
    return date(day.year, (day.month - 1) // _MONTHS_OF_QUARTER * _MONTHS_OF_QUARTER + 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from *first* to *last*, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UserError("The period ends before it begins.")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def quarters(self) -> tuple[date, ...]:
        """Return the last day of each quarter that the period touches."""
        found = [quarter_ending(self.first)]
        while found[-1] < self.last:
            found.append(quarter_ending(found[-1] + timedelta(days=1)))
        return tuple(found)

    def is_part(self, quarter: date) -> bool:
        """Return whether the period holds only a part of a quarter, given by its last day."""
        return self.first > quarter_beginning(quarter) or self.last < quarter

    def years(self) -> Iterator["Period"]:
        """Yield the period cut at the ends of calendar years."""
        for year in range(self.first.year, self.last.year + 1):
            yield Period(max(self.first, date(year, 1, 1)), min(self.last, date(year, 12, 31)))
