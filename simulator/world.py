"""The one door to the simulator: an agency's reference data, and its days, access by access.

The same arguments give the same bytes, on any machine, every time, and any day can be made without the others.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

import orjson

from simulator import rates
from simulator.days import Day
from simulator.look_alikes import AGREEMENT
from simulator.population import client_id
from simulator.records import Change, Document, Played, Reference
from simulator.setting import Setting
from simulator.staffing import hr_records
from simulator.working_day import play

STAFF = 8_044
STAFF_MIN = 40
#: Old watchlist entries: one for so many clients, published so many days ago.
_CLIENTS_PER_STORY, _STORIES_OVER_DAYS = 2_400, 90
#: Days that a simulation may last.
DAYS_MAX = 400


class World:
    """One agency and some days of it."""

    def __init__(
        self, seed: int, first: date, *, days: int = 5, staff: int = STAFF, clients: int | None = None,
        intent_factor: float = 1.0, share: float = 1.0, hard: bool = False,
    ) -> None:  # fmt: skip
        """Found the agency: about 10 s and 60 MB for each million clients.

        Args:
            seed: the same seed, the same agency.
            first: the first New Zealand date.
            days: how many days, weekends included.
            staff: how many staff records.
            clients: how many client records; 149 for each staff member unless given.
            intent_factor: how many times as often as believable people look who should not.
            share: of the staff, whose ordinary work is played; for a day that has to be short.
            hard: more of what makes ordinary work look strange, and people who cover their tracks.

        Raises:
            ValueError: the agency would be too small for its units, or last too long.
        """
        if staff < STAFF_MIN or not 1 <= days <= DAYS_MAX:
            raise ValueError(f"an agency needs at least {STAFF_MIN} staff, and lasts 1 to {DAYS_MAX} days")
        self.setting = Setting(seed, first, days, staff, clients or round(staff * rates.CLIENTS_PER_STAFF), hard=hard)
        self._intent_factor = intent_factor
        self._share = share

    @property
    def days(self) -> range:
        """The numbers of the days."""
        return range(self.setting.days)

    def day(self, number: int) -> Iterator[Change | Played]:
        """Yield what becomes known and what is accessed on a day, in order of time."""
        return play(self.setting, self.setting.day(number), self._intent_factor, self._share)

    def reference(self) -> Iterator[Reference]:
        """Yield what is known before the first day."""
        setting = self.setting
        for member in setting.staff:
            for known, record in hr_records(member, setting.owned(member), setting.ties.links(member), setting.first):
                if known < 0:
                    yield _reference("staff", record)
        yield from (_reference("relationship", record) for record in self._relationships())
        for client in range(setting.population.count):
            yield _reference("client", setting.population.record(client, -1))
        yield from (_reference("work", record) for record in setting.caseloads.records(setting.staff, setting.first))
        yield from (_reference("watchlist", record) for record in self._old_stories())
        yield Reference("agreement", AGREEMENT, orjson.dumps(self._agreement()))

    def _agreement(self) -> Document:
        """Return the one agreement under which lists leave."""
        owner = next(member for member in self.setting.staff if member.role is None and member.kind == "employee")
        return {
            "agreement_id": AGREEMENT, "party": "P-inland-revenue", "sections": ["identity", "payments"],
            "records_max": 5_000, "valid_from": self.setting.day(-400).date.isoformat(), "owner": owner.staff_id,
        }  # fmt: skip

    def _old_stories(self) -> Iterator[Document]:
        """Yield what was on the watchlist a season ago; nobody asks about it any more."""
        rng, population = Random(f"old stories {self.setting.seed}"), self.setting.population
        published = self.setting.day(-_STORIES_OVER_DAYS).at(8 * 3600)
        for number in range(1, population.count // _CLIENTS_PER_STORY + 1):
            covered = [client_id(rng.randrange(population.count)) for _ in range(rng.randint(1, 4))]
            yield {
                "entry_id": f"NO{number:05d}", "client_ids": covered, "label": "an old story",
                "published_at": published, "source": "news desk",
            }  # fmt: skip

    def _relationships(self) -> Iterator[Document]:
        yield from self.setting.ties.relationships
        for number, (a, b, kind, confidence) in enumerate(self.setting.population.family_ties(), start=1):
            ends = {"a": f"client:{client_id(a)}", "b": f"client:{client_id(b)}"}
            yield {
                "relationship_id": f"RC{number:07d}", **ends, "kind": kind, "source": "cms", "confidence": confidence,
            }  # fmt: skip

    def date(self, number: int) -> Day:
        """Return a day by its number."""
        return self.setting.day(number)


_KEYS = {
    "staff": "staff_id", "client": "client_id", "relationship": "relationship_id", "work": "work_id",
    "watchlist": "entry_id",
}  # fmt: skip


def _reference(kind: str, record: Document) -> Reference:
    return Reference(kind, record[_KEYS[kind]], orjson.dumps(record))
