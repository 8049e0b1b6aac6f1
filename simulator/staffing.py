"""The agency's staff: regions, sites and units, roles, rosters, leave, leavers and joiners, and their HR records."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from simulator import rates
from simulator.days import Day
from simulator.records import Document

#: Made-up regions; each has sites, each site a team of case managers.
REGIONS = ("north", "harbour", "isthmus", "river", "bay", "geyser", "mountain", "valley", "strait", "plains", "fiord")
PROGRAMMES = ("job-seeker", "sole-parent", "supported-living", "pension", "housing", "student")

#: For each kind of unit: the role of its people, its share of the staff, and how many belong in one unit.
_UNIT_KINDS: dict[str, tuple[str | None, float, int]] = {
    "cases": ("case_manager", 0.60, 40),
    "calls": ("contact_centre", 0.20, 45),
    "quality": ("quality_assurance", 0.03, 40),
    "fraud": ("fraud_investigation", 0.03, 40),
    "assist": ("staff_assistance", 0.004, 40),
    "integrity": ("internal_integrity", 0.004, 40),
    "privacy": ("privacy", 0.003, 40),
    "media": ("media", 0.003, 40),
    "corporate": (None, 0.12, 60),
    "platform": (None, 0.004, 100),
}
_EMPLOYERS = ("E-temps", "E-callhouse", "E-audit")
_FULL_DAY, _PART_DAY = 8 * 3600, 5 * 3600
_FIRST_START, _LAST_START = 7.5 * 3600, 9.25 * 3600
_LEAVE_DAYS = 5
_DAYS_IN_YEAR = 365


class Unit(NamedTuple):
    """One org unit: its id, its site, the kind of work it does and the role of its people."""

    id: str
    site: str
    kind: str
    role: str | None


@dataclass(slots=True)
class Member:
    """One staff member, contractor, third party or service account. Days count from the first simulated one."""

    index: int
    staff_id: str
    kind: str
    unit: Unit
    part_time: bool
    #: When they come in, in seconds after midnight.
    starts: float
    joined: int
    #: The last day of work; None while they stay.
    left: int | None = None
    #: Whether the record of having left comes too late.
    left_unrecorded: bool = False
    leave: tuple[int, int] | None = None
    leave_cancelled: bool = False
    sites: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    #: The sites that the staff record names, where they are those of before.
    sites_on_record: tuple[str, ...] | None = None
    employer: str | None = None

    @property
    def role(self) -> str | None:
        """The role of their unit."""
        return self.unit.role

    @property
    def hours(self) -> float:
        """How many seconds they work a day."""
        return _PART_DAY if self.part_time else _FULL_DAY

    def employed(self, day: int) -> bool:
        """Whether they work for the agency on this day."""
        return self.joined <= day and (self.left is None or day <= self.left)

    def at_work(self, day: Day) -> bool:
        """Whether they are at work on this day; service accounts always are."""
        if self.kind == "service":
            return True
        away = self.leave is not None and self.leave[0] <= day.number <= self.leave[1] and not self.leave_cancelled
        if away or not self.employed(day.number) or day.sunday:
            return False
        # A quarter of the contact centre works on a Saturday.
        every = round(1 / rates.SATURDAY_STAFF)
        return day.working or (self.unit.kind == "calls" and (self.index + day.number) % every == 0)

    def covers(self, site: str, programme: str) -> bool:
        """Whether their contract covers such a client; everybody else's work has no such bounds."""
        return (not self.sites or site in self.sites) and (not self.programmes or programme in self.programmes)


def lay_out_units(staff_count: int) -> list[Unit]:
    """Return the org units of an agency of this many staff: about 200 for 8,044. Case teams are on all sites."""
    units: list[Unit] = []
    for kind, (role, share, people) in _UNIT_KINDS.items():
        for index in range(max(1, round(staff_count * share / people))):
            site = f"site-{REGIONS[index % len(REGIONS)]}-{index // len(REGIONS) + 1:02d}"
            units.append(Unit(f"{kind}-{index + 1:03d}", site, kind, role))
    return units


def hire(rng: Random, units: list[Unit], count: int, days: int, *, hard: bool = False) -> list[Member]:
    """Return exactly *count* staff, at least one in each unit; *days* is how long the simulation may last."""
    of_kind: dict[str, list[Unit]] = {}
    for unit in units:
        of_kind.setdefault(unit.kind, []).append(unit)
    places = list(units)
    for kind, (_, share, _) in _UNIT_KINDS.items():
        wanted = max(0, round(count * share) - len(of_kind[kind]))
        places += [of_kind[kind][number % len(of_kind[kind])] for number in range(wanted)]
    places += [of_kind["cases"][number % len(of_kind["cases"])] for number in range(count - len(places))]
    del places[count:]
    rng.shuffle(places)
    staff = [_member(rng, index, unit, days) for index, unit in enumerate(places)]
    sites = sorted({unit.site for unit in of_kind["cases"]})
    for member in staff:
        others = [site for site in sites if site not in member.sites]
        if member.sites and others and rng.random() < rates.STALE_SCOPE.of(hard=hard):
            member.sites_on_record = (rng.choice(others),)
    return staff


def _member(rng: Random, index: int, unit: Unit, days: int) -> Member:
    draw = rng.random()
    kind = "contractor" if draw < rates.EMPLOYEES + rates.CONTRACTORS else "third_party"
    if draw < rates.EMPLOYEES or unit.kind in {"assist", "integrity", "privacy", "media"}:
        kind = "employee"
    if unit.kind == "platform":
        kind = "service"
    member = Member(
        index, f"S{index + 1:06d}", kind, unit, rng.random() < rates.PART_TIME,
        rng.uniform(_FIRST_START, _LAST_START), -rng.randrange(30, 9_000),
    )  # fmt: skip
    if kind == "service":
        return member
    if kind != "employee":
        member.employer = rng.choice(_EMPLOYERS)
        _bound(rng, member)
    turnover = rng.random() * _DAYS_IN_YEAR / rates.TURNOVER
    if turnover < days:
        member.joined = int(turnover)
    elif turnover < 2 * days:
        member.left, member.left_unrecorded = int(turnover) - days, rng.random() < rates.HR_LATE
    # Leave begins so often that the wanted share of people is away on any day.
    if rng.random() < rates.ON_LEAVE * (days + _LEAVE_DAYS) / _LEAVE_DAYS:
        first = rng.randrange(-_LEAVE_DAYS, days)
        member.leave = (first, first + _LEAVE_DAYS - 1)
        member.leave_cancelled = rng.random() < rates.LEAVE_CANCELLED * _LEAVE_DAYS
    return member


def _bound(rng: Random, member: Member) -> None:
    """Set what the contract covers: the own site, or for calls some programmes."""
    if member.kind == "contractor" and rng.random() >= rates.CONTRACTORS_WITH_SCOPE:
        return
    if member.unit.kind == "cases":
        member.sites = (member.unit.site,)
    else:
        member.programmes = tuple(rng.sample(PROGRAMMES, 4))


def hr_records(member: Member, own: list[str], links: Document, first: Day) -> Iterator[tuple[int, Document]]:
    """Yield a staff member's records, each with the day from which it is known; -1 is before the first."""

    def dated(day: int) -> str:
        return Day(first.date, day - first.number).date.isoformat()

    record: Document = {
        "staff_id": member.staff_id,
        "kind": member.kind,
        "status": "active",
        "org_unit": member.unit.id,
        "site": member.unit.site,
        "roles": [member.role] if member.role else [],
        "client_ids": own,
        "links": links,
        "start_date": dated(member.joined),
    }
    if member.employer is not None:
        record["employer"] = member.employer
        if member.sites or member.programmes:
            sites = member.sites if member.sites_on_record is None else member.sites_on_record
            record["scope"] = {"sites": list(sites), "programmes": list(member.programmes)}
    if member.leave is not None:
        record["leave"] = [{"from": dated(member.leave[0]), "to": dated(member.leave[1])}]
    yield -1, record
    if member.left is not None and not member.left_unrecorded:
        yield member.left, {**record, "end_date": dated(member.left)}
        yield member.left + 1, {**record, "status": "ended", "end_date": dated(member.left)}
