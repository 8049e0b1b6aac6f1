"""A working day, access by access: the ordinary ones, with the prepared scenes strewn among them."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import orjson

from simulator.agency import Agency
from simulator.caseload import Caseload
from simulator.ordinary import Desks, Step
from simulator.scene import ORDINARY, Label, Scene

#: A day of this many accesses holds so many scenes of each rule and of each look-alike; others in proportion.
_DAY_COUNT = 36_000
_PLANTED_A_DAY = 8
_LOOK_ALIKES_A_DAY = 3
#: In however short a run there are as many as this.
_PLANTED_MIN = 3
_LOOK_ALIKES_MIN = 1
#: The first planted access comes among the first so many: within a second at 200 a second.
_FIRST_PLANTED_MAX = 150
#: A second visit comes so many accesses after the first, at most.
_AGAIN_WITHIN = 400
_SCENE_STEPS = (
    ("view", ["whole_file"]),
    ("view", ["identity", "address", "notes"]),
    ("view", ["payments", "income"]),
    ("print", ["documents", "notes"]),
)


class Played(NamedTuple):
    """One access as it goes onto the topic, and beside it what it is in truth."""

    event_id: str
    #: The staff id: the record's key.
    key: str
    value: bytes
    label: Label


def play_day(
    seed: int, count: int, agency: Agency, scenes: tuple[list[list[Scene]], list[list[Scene]]], caseload: Caseload
) -> Iterator[Played]:
    """Give *count* accesses in order of ``occurred_at``; memory does not grow with their number."""
    rng = Random(f"day {seed} {agency.timetable.day} {count}")
    prepared = _strew(rng, count, *scenes)
    desks = Desks(rng, caseload, count)
    for number in range(count):
        scene = prepared.get(number)
        step = desks.next_step() if scene is None else _scene_step(rng, scene)
        event_id = f"{rng.getrandbits(96):024x}"
        at = agency.timetable.when((number + rng.random()) / count)
        record = {"event_id": event_id, "occurred_at": at, **step}
        yield Played(event_id, step["staff_id"], orjson.dumps(record), ORDINARY if scene is None else scene.label)


def _strew(rng: Random, count: int, planted: list[list[Scene]], look_alikes: list[list[Scene]]) -> dict[int, Scene]:
    """Give the place of each scene in the day: evenly spread with some chance in it, the kinds taking turns."""
    places: dict[int, Scene] = {}
    chosen = _turns(planted, max(_PLANTED_MIN, round(_PLANTED_A_DAY * count / _DAY_COUNT)))
    for index, scene in enumerate(chosen):
        place = int((index + 0.2 + 0.6 * rng.random()) * count / len(chosen))
        _put(places, place if index else min(place, _FIRST_PLANTED_MAX), scene, count)
        for _ in range(scene.visits - 1):
            _put(places, place + rng.randint(1, _AGAIN_WITHIN), scene, count)
    chosen = _turns(look_alikes, max(_LOOK_ALIKES_MIN, round(_LOOK_ALIKES_A_DAY * count / _DAY_COUNT)))
    for index, scene in enumerate(chosen):
        _put(places, int((index + rng.random()) * count / len(chosen)), scene, count)
    return places


def _turns(kinds: list[list[Scene]], wanted: int) -> list[Scene]:
    return [kind[turn] for turn in range(min(wanted, len(kinds[0]))) for kind in kinds]


def _put(places: dict[int, Scene], place: int, scene: Scene, count: int) -> None:
    """Take the next free place from *place* on, or the last free one before it; in a full day, none."""
    after = (number for number in range(place, count) if number not in places)
    before = (number for number in range(min(place, count) - 1, -1, -1) if number not in places)
    free = next(after, None)
    free = next(before, None) if free is None else free
    if free is not None:
        places[free] = scene


def _scene_step(rng: Random, scene: Scene) -> Step:
    action, sections = rng.choice(_SCENE_STEPS)
    step: Step = {
        "staff_id": scene.staff_id,
        "action": action,
        "client_id": scene.client_id,
        "sections": sections,
        "channel": scene.channel,
        "site": scene.site,
    }
    if scene.work_id is not None:
        step["work_id"] = scene.work_id
    return step
