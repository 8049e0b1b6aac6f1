"""The agency's work items, and who opens records for which of them on the day that is played."""

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from simulator.agency import Agency, Document

#: Of the clients who are near no staff member: how many have a work item.
_WORK_SHARE = 0.3
_NEAR_WORK_SHARE = 0.3
_SECOND_ITEM_SHARE = 0.15
_CLOSED_SHARE = 0.12
_ASSISTANCE_SHARE = 0.5

#: Whose work it is: a unit kind, the kind of work, whether the unit (not a person) has it; then how often.
_WORK: tuple[tuple[str, str, bool], ...] = (
    ("cases", "case_management", False), ("cases", "application", False), ("cases", "review", False),
    ("cases", "appointment", False), ("cases", "application", True), ("cases", "review", True),
    ("calls", "call", True), ("calls", "appointment", True), ("quality", "quality_check", False),
    ("quality", "quality_check", True), ("fraud", "investigation", False), ("privacy", "investigation", True),
    ("media", "review", True),
)  # fmt: skip
_WORK_WEIGHTS = (34, 10, 6, 6, 6, 4, 22, 4, 2, 2, 3, 0.5, 0.5)


class Task(NamedTuple):
    """One open work item, as somebody at a desk has it in front of them."""

    work_id: str
    client_id: str
    #: Whether a team mate could cover: nobody near the client, no restriction.
    open_to_cover: bool


@dataclass(slots=True)
class Caseload:
    """Who can work on what, and which clients nobody has work for."""

    #: Staff at work on the day with something to do, in a fixed order.
    desks: list[Document] = field(default_factory=list)
    by_staff: dict[str, list[Task]] = field(default_factory=lambda: defaultdict(list))
    by_unit: dict[str, list[Task]] = field(default_factory=lambda: defaultdict(list))
    #: The work of a unit's people that a team mate could cover.
    to_cover: dict[str, list[Task]] = field(default_factory=lambda: defaultdict(list))
    #: Active, unrestricted clients without any work item, near no staff member.
    without_work: list[str] = field(default_factory=list)


def hand_out_work(rng: Random, agency: Agency, clients: list[Document], near: dict[str, str]) -> Caseload:
    """Open work items: for *clients*, who are near no staff member, and for some of those who are."""
    caseload = Caseload()
    office = _Office(agency)
    with_work = int(len(clients) * _WORK_SHARE)
    for client in clients[:with_work]:
        for _ in range(1 + (rng.random() < _SECOND_ITEM_SHARE)):
            _open(rng, agency, office, caseload, client)
    caseload.without_work = [
        client["client_id"]
        for client in clients[with_work:]
        if client["status"] == "active" and not client["restricted"]
    ]
    _work_near_staff(rng, agency, office, caseload, near)
    caseload.desks = [record for record in office.present if _has_work(caseload, record)]
    return caseload


class _Office:
    """Who is at work, by kind of unit and site."""

    def __init__(self, agency: Agency) -> None:
        kinds = {unit.id: unit.kind for unit in agency.units}
        self.present: list[Document] = []
        self._by_place: dict[tuple[str, str], list[Document]] = defaultdict(list)
        self._by_kind: dict[str, list[Document]] = defaultdict(list)
        for record in agency.staff:
            if record["status"] == "active" and "leave" not in record and record["kind"] != "service":
                self.present.append(record)
                self._by_place[kinds[record["org_unit"]], record["site"]].append(record)
                if record["kind"] != "third_party":
                    self._by_kind[kinds[record["org_unit"]]].append(record)

    def worker(self, rng: Random, unit_kind: str, site: str) -> Document:
        """Give somebody of this kind of unit at the client's site; where there is none, from anywhere."""
        return rng.choice(self._by_place.get((unit_kind, site)) or self._by_kind[unit_kind])


def _open(rng: Random, agency: Agency, office: _Office, caseload: Caseload, client: Document) -> None:
    unit_kind, kind, by_unit = rng.choices(_WORK, _WORK_WEIGHTS)[0]
    worker = office.worker(rng, unit_kind, client["site"])
    # A third party's people work on what names them: whether their contract covers it is then known.
    by_unit = by_unit and worker["kind"] != "third_party"
    owner = {"org_unit": worker["org_unit"]} if by_unit else {"staff_id": worker["staff_id"]}
    opened = agency.timetable.at(rng.randrange(32, 72) / 4, days=-rng.randrange(1, 40))
    if rng.random() < _CLOSED_SHARE:
        closed = agency.timetable.at(12, days=-rng.randrange(3, 90))
        opened = agency.timetable.at(9, days=-rng.randrange(91, 200))
        agency.open_work(client["client_id"], kind, opened, closed_at=closed, **owner)
        return
    work_id = agency.open_work(client["client_id"], kind, opened, **owner)
    task = Task(work_id, client["client_id"], not client["restricted"])
    if by_unit:
        caseload.by_unit[worker["org_unit"]].append(task)
    else:
        caseload.by_staff[worker["staff_id"]].append(task)
        if task.open_to_cover:
            caseload.to_cover[worker["org_unit"]].append(task)


def _work_near_staff(rng: Random, agency: Agency, office: _Office, caseload: Caseload, near: dict[str, str]) -> None:
    """Give the kin and friends of staff a case manager who is not near them, and staff the Staff Assistance Unit."""
    owned = {client_id for record in agency.staff for client_id in record["client_ids"]}
    assistance = next(unit.id for unit in agency.units if unit.kind == "assist")
    opened = agency.timetable.at(9, days=-7)
    for client_id, staff_id in near.items():
        draw = rng.random()
        if client_id in owned:
            if draw < _ASSISTANCE_SHARE:
                work_id = agency.open_work(client_id, "staff_assistance", opened, org_unit=assistance)
                caseload.by_unit[assistance].append(Task(work_id, client_id, open_to_cover=False))
        elif draw < _NEAR_WORK_SHARE:
            worker = office.worker(rng, "cases", "anywhere")
            if worker["staff_id"] != staff_id:
                work_id = agency.open_work(client_id, "case_management", opened, staff_id=worker["staff_id"])
                caseload.by_staff[worker["staff_id"]].append(Task(work_id, client_id, open_to_cover=False))


def _has_work(caseload: Caseload, record: Document) -> bool:
    return record["staff_id"] in caseload.by_staff or (
        bool(record["roles"]) and record["kind"] != "third_party" and record["org_unit"] in caseload.by_unit
    )
