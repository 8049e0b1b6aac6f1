"""An agency of the ministry's real size: what the working day's agency has, and more of what only fills the shelves.

What is added changes no judgement of a played day: relationships between clients who are near no staff member, further
work for people who have that client's work already, and watchlist entries whose story is long over.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

from simulator.agency import Agency, Reference
from simulator.caseload import Caseload
from simulator.founding import found

#: For each client, as the ministry has them: 300,000 relationships and 400,000 open work items of 1.2 million clients.
RELATIONSHIPS_PER_CLIENT = 0.25
OPEN_WORK_PER_CLIENT = 1 / 3
WATCHLIST_ENTRIES = 500

_KINDS = ("partner", "child", "parent", "sibling", "grandparent", "whanau", "household", "friend", "acquaintance")
_CONFIDENCES = (1.0, 0.9, 0.7)
_STORY_OVER_DAYS = 90


def full_size(seed: int, day: date, staff: int, clients: int) -> Iterator[Reference]:
    """Give every reference record, as ``World.reference`` does, with the ministry's numbers of each kind.

    Raises:
        ValueError: the agency would be too small for its scenes.
    """
    agency, _, caseload = found(seed, day, staff, clients)
    rng = Random(f"full size {seed}")
    numbers = agency.numbers()
    _relate(rng, agency, caseload.without_work, round(clients * RELATIONSHIPS_PER_CLIENT) - numbers["relationship"])
    _open_work(rng, agency, caseload, round(clients * OPEN_WORK_PER_CLIENT) - numbers["open work"])
    for number in range(WATCHLIST_ENTRIES - numbers["watchlist"]):
        covered = rng.sample(caseload.without_work, rng.randint(1, 4))
        agency.watch(covered, f"an old story {number}", agency.timetable.at(8, days=-_STORY_OVER_DAYS))
    return agency.records()


def _relate(rng: Random, agency: Agency, clients: list[str], number: int) -> None:
    for _ in range(number):
        a, b = rng.sample(clients, 2)
        agency.relate(f"client:{a}", f"client:{b}", rng.choice(_KINDS), "cms", confidence=rng.choice(_CONFIDENCES))


def _open_work(rng: Random, agency: Agency, caseload: Caseload, number: int) -> None:
    held = [(staff_id, task.client_id) for staff_id, tasks in caseload.by_staff.items() for task in tasks]
    for _ in range(number):
        staff_id, client_id = rng.choice(held)
        agency.open_work(client_id, "case_management", agency.timetable.at(9, days=-3), staff_id=staff_id)
