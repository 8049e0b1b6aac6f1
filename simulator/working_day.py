"""A day of the agency, moment by moment: everybody's desk, and what a few intend, merged by time.

A day is made alone, whatever was made before it, and its memory does not grow with its accesses.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace
from random import Random

import orjson

from simulator import rates
from simulator.days import Day
from simulator.episodes import Episode, Scene, Setter, how_many
from simulator.habits import Desk, Moment
from simulator.intents import INTENTS, LONG, SERIES_DAYS
from simulator.look_alikes import LOOK_ALIKES
from simulator.population import client_id
from simulator.records import Change, Kind, Played, Reference
from simulator.setting import Setting
from simulator.staffing import hr_records

#: An episode may go on for so many days after its first.
_EPISODE_DAYS = 7
_MORNING = 6 * 3600.0


def play(setting: Setting, day: Day, intent_factor: float = 1.0, share: float = 1.0) -> Iterator[Change | Played]:
    """Yield what becomes known and what is accessed on a day, in order of time.

    Args:
        setting: the agency.
        day: which day.
        intent_factor: how many times as often as believable people look who should not.
        share: of the staff: who is played at all; intents and look-alikes are not thinned by it.
    """
    rng = Random(f"day {setting.seed} {day.number}")
    scenes = (Moment(*scene[1:]) for scene in _scenes(setting, day, intent_factor))
    prepared = sorted(scenes, key=lambda moment: moment.seconds)
    sources = [*desks(setting, day, share), iter(prepared), iter(morning_records(setting, day))]
    yield from told(rng, day, in_order(sources))


def desks(setting: Setting, day: Day, share: float = 1.0) -> list[Iterator[Moment]]:
    """Return everybody's day at work, or that of a share of the staff, always the same ones."""
    return [
        Desk(setting, member, day).moments()
        for member in setting.staff
        if member.at_work(day) and (share >= 1 or Random(f"{setting.seed} at desk {member.index}").random() < share)
    ]


def told(rng: Random, day: Day, moments: Iterator[Moment]) -> Iterator[Change | Played]:
    """Write moments as they go onto the topics."""
    for seconds, what, label in moments:
        at = day.at(seconds)
        if isinstance(what, Reference):
            yield Change(at, what)
        elif label is not None:
            event_id = f"{rng.getrandbits(96):024x}"
            value = orjson.dumps({"event_id": event_id, "occurred_at": at, **what})
            yield Played(event_id, at, what["staff_id"], value, label)


def in_order(sources: list[Iterator[Moment]]) -> Iterator[Moment]:
    """Merge sources by time; a record that a source gives before its time waits for it."""
    heads: list[tuple[float, int, Moment, Iterator[Moment]]] = []
    for number, source in enumerate(sources):
        head = next(source, None)
        if head is not None:
            heads.append((_turn(head), number, head, source))
    heapify(heads)
    waiting: list[tuple[float, int, Moment]] = []
    count = 0
    while heads:
        _, number, moment, source = heads[0]
        if moment.label is None:
            # The source goes on at once: what it does next may well come before this becomes known.
            count += 1
            heappush(waiting, (moment.seconds, count, moment))
        else:
            while waiting and waiting[0][0] <= moment.seconds:
                yield heappop(waiting)[2]
            yield moment
        head = next(source, None)
        if head is None:
            heappop(heads)
        else:
            heapreplace(heads, (_turn(head), number, head, source))
    while waiting:
        yield heappop(waiting)[2]


def _turn(moment: Moment) -> float:
    return 0.0 if moment.label is None else moment.seconds


def morning_records(setting: Setting, day: Day) -> list[Moment]:
    """Return what the registers learn overnight: who left, who joined, who moved."""
    found: list[Moment] = []
    for member in setting.staff:
        if member.left in {day.number, day.number - 1} and not member.left_unrecorded:
            for known, record in hr_records(member, setting.owned(member), setting.ties.links(member), setting.first):
                if known == day.number:
                    found.append(Moment(_MORNING, Reference("staff", member.staff_id, orjson.dumps(record)), None))
    for household, (_, on_record) in setting.population.moves.items():
        if on_record == day.number:
            for client in setting.population.members(household):
                record = setting.population.record(client, day.number)
                found.append(Moment(_MORNING, Reference("client", client_id(client), orjson.dumps(record)), None))
    return found


def _scenes(setting: Setting, day: Day, intent_factor: float) -> Iterator[Scene]:
    """Yield what the episodes that began today, or in the days before, do today."""
    for number in range(max(0, day.number - SERIES_DAYS), day.number + 1):
        long_ago = day.number - number > _EPISODE_DAYS
        for episode in _episodes(setting, setting.day(number), intent_factor, only=LONG if long_ago else None):
            yield from (scene for scene in episode.scenes if scene.day == day.number)


def _episodes(
    setting: Setting, day: Day, intent_factor: float, only: frozenset[str] | None = None
) -> Iterator[Episode]:
    """Set all episodes that begin on a day, or some of them; each draws from its own seed."""
    if day.sunday:
        return
    thousands = len(setting.staff) / 1_000 * (1 if day.working else rates.SATURDAY_INTENTS)
    catalogues: list[tuple[Kind, dict[str, Setter], float]] = [
        ("intent", INTENTS, intent_factor), ("look-alike", LOOK_ALIKES, 1),
    ]  # fmt: skip
    for kind, catalogue, factor in catalogues:
        for name, setter in catalogue.items():
            if only is not None and name not in only:
                continue
            rate = rates.INTENTS[name] if kind == "intent" else rates.LOOK_ALIKE
            count = how_many(Random(f"{setting.seed} {day.number} {kind} {name}"), rate * thousands * factor)
            for number in range(count):
                rng = Random(f"{setting.seed} {day.number} {kind} {name} {number}")
                episode = Episode(setting, rng, day, f"{day.number}-{_short(name)}-{number}", kind, name)
                setter(episode)
                yield episode


def _short(name: str) -> str:
    return "".join(letter for letter in name if letter.isalpha() and letter.isascii())
