"""The shape of the agency: regions, sites, org units, and the staff in them."""

from random import Random
from typing import Any, NamedTuple

from simulator.timetable import Timetable

#: Made-up regions; each has sites, each site one or more teams.
REGIONS = ("north", "harbour", "isthmus", "river", "bay", "geyser", "mountain", "valley", "strait", "plains", "fiord")
PROGRAMMES = ("job-seeker", "sole-parent", "supported-living", "pension", "housing", "student")

#: For each kind of unit: the role of its people, its share of the staff, and roughly how many belong in one unit.
_UNIT_KINDS: dict[str, tuple[str | None, float, int]] = {
    "cases": ("case_manager", 0.62, 40),
    "calls": ("contact_centre", 0.20, 45),
    "quality": ("quality_assurance", 0.03, 40),
    "fraud": ("fraud_investigation", 0.03, 40),
    "assist": ("staff_assistance", 0.004, 40),
    "integrity": ("internal_integrity", 0.004, 40),
    "privacy": ("privacy", 0.003, 40),
    "media": ("media", 0.003, 40),
    "corporate": (None, 0.096, 60),
    "platform": (None, 0.01, 100),
}
_EMPLOYMENT = ("employee", "contractor", "third_party")
_EMPLOYMENT_WEIGHTS = (93, 5, 2)
_PRESENCE = ("ended", "suspended", "on_leave", "on leave today", "present")
_PRESENCE_WEIGHTS = (4, 0.3, 1.7, 4, 90)
_EMPLOYERS = ("E-temps", "E-callhouse", "E-audit")


class Unit(NamedTuple):
    """One org unit: its id, its site, its region, the kind of work it does and the role of its people."""

    id: str
    site: str
    region: str
    kind: str
    role: str | None
    size: int


def lay_out_units(staff_count: int) -> list[Unit]:
    """Give the org units of an agency of this many staff: about 200 for 8,044."""
    units: list[Unit] = []
    for kind, (role, share, people) in _UNIT_KINDS.items():
        wanted = max(3, round(staff_count * share))
        number = max(1, round(wanted / people))
        for index in range(number):
            region = REGIONS[index % len(REGIONS)]
            site = f"site-{region}-{index // len(REGIONS) + 1:02d}"
            size = wanted // number + (index < wanted % number)
            units.append(Unit(f"{kind}-{index + 1:03d}", site, region, kind, role, size))
    return units


def hire(rng: Random, units: list[Unit], staff_count: int, timetable: Timetable) -> list[dict[str, Any]]:
    """Give exactly *staff_count* staff records; the ids say nothing about the units."""
    places = [unit for unit in units for _ in range(unit.size)]
    while len(places) < staff_count:
        places.append(units[len(places) % len(units)])
    del places[staff_count:]
    rng.shuffle(places)
    managers: dict[str, str] = {}
    staff = []
    for number, unit in enumerate(places, start=1):
        record = _member(rng, f"S{number:06d}", unit, timetable)
        record["manager_id"] = managers.setdefault(unit.id, record["staff_id"])
        staff.append(record)
    return staff


def _member(rng: Random, staff_id: str, unit: Unit, timetable: Timetable) -> dict[str, Any]:
    kind = "service" if unit.kind == "platform" else rng.choices(_EMPLOYMENT, _EMPLOYMENT_WEIGHTS)[0]
    record: dict[str, Any] = {
        "staff_id": staff_id,
        "kind": kind,
        "status": "active",
        "org_unit": unit.id,
        "site": unit.site,
        "roles": [unit.role] if unit.role else [],
        "client_ids": [],
        "links": new_links(rng),
        "start_date": timetable.date(-rng.randrange(30, 9000)),
    }
    if kind in {"contractor", "third_party"}:
        record["employer"] = rng.choice(_EMPLOYERS)
    if kind == "third_party":
        # What the contract covers: the clients of their own site.
        record["scope"] = {"sites": [unit.site], "programmes": []}
    if kind != "service":
        _presence(rng, record, timetable)
    return record


def _presence(rng: Random, record: dict[str, Any], timetable: Timetable) -> None:
    presence = rng.choices(_PRESENCE, _PRESENCE_WEIGHTS)[0]
    if presence == "ended":
        record["status"] = "ended"
        record["end_date"] = timetable.date(-rng.randrange(2, 400))
    elif presence == "suspended":
        record["status"] = "suspended"
    elif presence != "present":
        record["status"] = "on_leave" if presence == "on_leave" else "active"
        record["leave"] = [{"from": timetable.date(-rng.randrange(9)), "to": timetable.date(rng.randrange(9))}]


def new_links(rng: Random) -> dict[str, str]:
    """Give contact details that nobody else has, as opaque tokens."""
    return {field: f"{rng.getrandbits(60):015x}" for field in ("address", "phone", "email", "bank_account")}
