"""The agency as everybody in the simulation shares it: its people, its clients, their ties, their work."""

from collections import defaultdict
from datetime import date
from random import Random

import orjson

from simulator.caseloads import Caseloads
from simulator.days import Day
from simulator.population import Population, client_id
from simulator.records import Reference
from simulator.staffing import Member, hire, lay_out_units
from simulator.ties import Ties

_TRIES = 30


class Setting:
    """Founded once from its seed; nothing in it changes while days are played."""

    def __init__(self, seed: int, first: date, days: int, staff: int, clients: int, *, hard: bool = False) -> None:
        self.seed = seed
        self.hard = hard
        self.first = Day(first, 0)
        self.days = days
        units = lay_out_units(staff)
        self.staff = hire(Random(f"staff {seed}"), units, staff, days, hard=hard)
        workers = [member for member in self.staff if member.unit.kind == "cases" and member.joined <= 0]
        sites = sorted({member.unit.site for member in workers})
        self.population = Population(seed, clients, sites, days)
        self.ties = Ties(seed, self.staff, self.population, self.day(-1).date.isoformat())
        self.caseloads = Caseloads(seed, self.staff, self.population, self.ties)
        self._colleagues: dict[str, list[Member]] = defaultdict(list)
        self._in_role: dict[str, list[Member]] = defaultdict(list)
        for member in self.staff:
            self._colleagues[member.unit.id].append(member)
            self._in_role[member.role or ""].append(member)

    def day(self, number: int) -> Day:
        """Return a day, counted from the first."""
        return Day(self.first.date, number)

    def owned(self, member: Member) -> list[str]:
        """Return the client records that the staff register links to a staff member."""
        return [client_id(client) for client in self.ties.owned.get(member.index, ())]

    def colleague(self, rng: Random, member: Member) -> Member | None:
        """Return somebody else of the same unit; None where there is nobody."""
        others = self._colleagues[member.unit.id]
        for _ in range(_TRIES):
            other = rng.choice(others)
            if other is not member:
                return other
        return None

    def somebody_at_work(self, rng: Random, day: Day, role: str | None = None) -> Member | None:
        """Return a person at work that day, of a role if one is named; None where nobody was met."""
        pool = self.staff if role is None else self._in_role[role]
        for _ in range(_TRIES if pool else 0):
            member = rng.choice(pool)
            if member.kind != "service" and member.at_work(day) and member.employed(day.number):
                return member
        return None

    def self_report(self, member: Member, client: int, day: Day, opened: float, told: float) -> Reference:
        """Write down that somebody reported having opened a record by mistake."""
        report_id = f"M{day.date:%m%d}-{member.index + 1:06d}-{int(opened)}"
        report = {
            "report_id": report_id, "staff_id": member.staff_id, "client_id": client_id(client),
            "reported_at": day.at(told), "accessed_from": day.at(opened - 600), "accessed_to": day.at(opened + 600),
        }  # fmt: skip
        return Reference("self_report", report_id, orjson.dumps(report))
