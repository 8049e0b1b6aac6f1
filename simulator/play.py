"""The one door to the simulator: an agency's reference data, and the accesses of its working day.

The same seed and day give the same bytes, on any machine, every time.
"""

from collections.abc import Iterator
from datetime import date

from simulator.agency import Agency, Reference
from simulator.day import Played, play_day
from simulator.founding import CLIENTS_MIN, STAFF_MIN, found
from simulator.scene import Label
from simulator.timetable import last_working_day

__all__ = [
    "CLIENTS_MIN",
    "STAFF_MIN",
    "Label",
    "Played",
    "Reference",
    "World",
    "agency",
    "last_working_day",
    "working_day",
]

STAFF = 8_044
CLIENTS = 50_000


class World:
    """One agency on the eve of one working day; founding it takes a second or two, once."""

    def __init__(self, seed: int, day: date, staff: int = STAFF, clients: int = CLIENTS) -> None:
        self._seed = seed
        self._agency: Agency
        self._agency, self._scenes, self._caseload = found(seed, day, staff, clients)

    def reference(self) -> Iterator[Reference]:
        """Give every reference record; of two with one id, the later is in force."""
        return self._agency.records()

    def accesses(self, count: int) -> Iterator[Played]:
        """Give *count* accesses in order of ``occurred_at``, each with its label beside it."""
        return play_day(self._seed, count, self._agency, self._scenes, self._caseload)


def agency(seed: int, day: date, staff: int = STAFF, clients: int = CLIENTS) -> Iterator[Reference]:
    """Give the reference records of the agency as it stands on *day* (a New Zealand date)."""
    return World(seed, day, staff, clients).reference()


def working_day(seed: int, day: date, count: int, staff: int = STAFF, clients: int = CLIENTS) -> Iterator[Played]:
    """Give *count* accesses between 07:30 and 18:00 New Zealand time on *day*."""
    return World(seed, day, staff, clients).accesses(count)
