"""Founding the agency: its people first, then the prepared scenes, then everybody else's lives and work."""

from datetime import date
from random import Random

from simulator.agency import Agency, Document
from simulator.caseload import Caseload, hand_out_work
from simulator.circles import draw_circles
from simulator.lookalikes import LOOK_ALIKES
from simulator.organisation import PROGRAMMES, hire, lay_out_units, new_links
from simulator.planted import PLANTED
from simulator.scene import Cast, Scene
from simulator.timetable import Timetable

#: Below these there are not enough people for everybody to play in one scene only.
STAFF_MIN = 1_500
CLIENTS_MIN = 5_000

#: How many scenes are prepared of each rule, and of each look-alike; a long day plays them all.
PLANTED_PER_RULE = 24
SCENES_PER_LOOK_ALIKE = 12

_CLIENT_STATUSES = ("active", "closed", "deceased")
_CLIENT_STATUS_WEIGHTS = (92, 7, 1)
_RESTRICTED_SHARE = 0.01

#: The prepared scenes: of each rule, and of each look-alike, in the order in which they are used.
Scenes = tuple[list[list[Scene]], list[list[Scene]]]


def found(seed: int, day: date, staff_count: int, client_count: int) -> tuple[Agency, Scenes, Caseload]:
    """Give the agency on the eve of *day*, its prepared scenes, and the day's ordinary work.

    Raises:
        ValueError: the agency would be too small for its scenes.
    """
    if staff_count < STAFF_MIN or client_count < CLIENTS_MIN:
        raise ValueError(f"an agency needs at least {STAFF_MIN} staff and {CLIENTS_MIN} clients")
    rng = Random(f"agency {seed}")
    timetable = Timetable(day)
    units = lay_out_units(staff_count)
    staff = hire(rng, units, staff_count, timetable)
    agency = Agency(timetable, units, staff, _enrol(rng, client_count, sorted({unit.site for unit in units})))
    cast = Cast(rng, agency)
    planted = [
        [settings[number % len(settings)](cast) for number in range(PLANTED_PER_RULE)] for settings in PLANTED.values()
    ]
    look_alikes = [[setting(cast) for _ in range(SCENES_PER_LOOK_ALIKE)] for setting in LOOK_ALIKES]
    kin = draw_circles(rng, agency, cast)
    caseload = hand_out_work(rng, agency, cast.remaining_clients(), kin)
    return agency, (planted, look_alikes), caseload


def _enrol(rng: Random, count: int, sites: list[str]) -> list[Document]:
    statuses = rng.choices(_CLIENT_STATUSES, _CLIENT_STATUS_WEIGHTS, k=count)
    places = rng.choices(sites, k=count)
    programmes = rng.choices(PROGRAMMES, k=count)
    return [
        {
            "client_id": f"C{number:07d}",
            "status": statuses[number - 1],
            "site": places[number - 1],
            "programme": programmes[number - 1],
            "restricted": rng.random() < _RESTRICTED_SHARE,
            "links": new_links(rng),
        }
        for number in range(1, count + 1)
    ]
