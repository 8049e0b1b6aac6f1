"""Who works on what: the open cases, investigations and staff assistance items at the beginning."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from random import Random

from simulator import rates
from simulator.days import Day
from simulator.population import Population, client_id
from simulator.records import Document
from simulator.staffing import Member
from simulator.ties import Ties

#: Of the open cases: how many are a team's, not one person's.
_TEAM_SHARE = 0.1
_KINDS = ("case_management",) * 7 + ("application", "review", "case_management")
_INVESTIGATIONS = {"fraud": 20, "integrity": 6, "privacy": 6}
_ASSISTED_SHARE = 0.5
_OPEN_DAYS_MAX = 300
_TRIES = 30


class Caseloads:
    """Open work at the beginning; what comes up during a day is made there."""

    def __init__(self, seed: int, staff: list[Member], population: Population, ties: Ties) -> None:
        self._rng = Random(f"caseloads {seed}")
        self._population = population
        self._ties = ties
        #: Clients with an open case, by the staff member who has it, or by the team.
        self.of_staff: dict[int, array[int]] = defaultdict(lambda: array("I"))
        self.of_unit: dict[str, array[int]] = defaultdict(lambda: array("I"))
        #: Those whose work is of another kind, with the kind.
        self.investigated: dict[int, array[int]] = defaultdict(lambda: array("I"))
        self.assisted = array("I")
        self.assist_unit = next(member.unit.id for member in staff if member.unit.kind == "assist")
        self._hand_out(staff)

    def _hand_out(self, staff: list[Member]) -> None:
        rng, at_site = self._rng, defaultdict[str, list[Member]](list)
        for member in staff:
            if member.unit.kind == "cases" and member.joined <= 0:
                at_site[member.unit.site].append(member)
        for client in range(self._population.count):
            owner = client in self._ties.own_records
            if owner and rng.random() < _ASSISTED_SHARE:
                self.assisted.append(client)
            if owner or rng.random() >= rates.CASES_PER_CLIENT or self._population.status(client) != "active":
                continue
            worker = rng.choice(at_site[self._population.site(client)])
            if not self.may_work_on(worker, client, restricted=True):
                continue
            if rng.random() < _TEAM_SHARE and worker.kind == "employee":
                self.of_unit[worker.unit.id].append(client)
            else:
                self.of_staff[worker.index].append(client)
        for member in staff:
            for _ in range(_INVESTIGATIONS.get(member.unit.kind, 0)):
                self.investigated[member.index].append(self.somebody(rng, member))

    def may_work_on(self, member: Member, client: int, *, restricted: bool = False) -> bool:
        """Whether a client may come before this staff member: nobody they know, no colleague, inside the contract."""
        population = self._population
        return (
            client not in self._ties.own_records
            and client not in self._ties.avoided.get(member.index, ())
            and (restricted or client not in population.restricted)
            and (
                not (member.sites or member.programmes)
                or member.covers(population.site(client), population.programme(client))
            )
        )

    def somebody(self, rng: Random, member: Member) -> int:
        """Return an active client who may come before this staff member."""
        population = self._population
        client = 0
        for attempt in range(2 * _TRIES):
            # Of many sites the contract names one: after some tries, only its clients are looked at.
            at_sites = population.at_site(member.sites[0]) if member.sites and attempt >= _TRIES else None
            client = rng.choice(at_sites) if at_sites else rng.randrange(population.count)
            if population.status(client) == "active" and self.may_work_on(member, client):
                break
        return client

    def records(self, staff: list[Member], first: Day) -> Iterator[Document]:
        """Yield the work items that are open at the beginning."""
        for index, clients in self.of_staff.items():
            for client in clients:
                kind = _KINDS[client % len(_KINDS)]
                yield _item(case_id(client), client, kind, first, staff_id=staff[index].staff_id)
        for unit, clients in self.of_unit.items():
            for client in clients:
                yield _item(case_id(client), client, _KINDS[client % len(_KINDS)], first, org_unit=unit)
        for index, clients in self.investigated.items():
            for number, client in enumerate(clients):
                work_id = f"WI{index + 1:06d}-{number}"
                yield _item(work_id, client, "investigation", first, staff_id=staff[index].staff_id)
        for client in self.assisted:
            yield _item(f"WA{client + 1:07d}", client, "staff_assistance", first, org_unit=self.assist_unit)


def case_id(client: int) -> str:
    """Name a client's open case."""
    return f"WC{client + 1:07d}"


def _item(work_id: str, client: int, kind: str, first: Day, **whose: str) -> Document:
    opened = Day(first.date, -2 - client % _OPEN_DAYS_MAX).at(9 * 3600)
    return {"work_id": work_id, "client_id": client_id(client), "kind": kind, "opened_at": opened, **whose}
