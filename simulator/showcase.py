"""A short working day of a large agency, in which every rule has something to find and every look-alike is there.

Made for the demo: a day of some thousand accesses, whoever is at work being only a few of the staff. What is intended
comes by turns, as often for each rule, and plain enough to be found; nothing else differs from the other days.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

from simulator.days import OPENS
from simulator.episodes import ADDRESS, LOOKED_AT, Episode, Scene, Setter
from simulator.habits import Moment, view_step
from simulator.intents import INTENTS
from simulator.look_alikes import LOOK_ALIKES
from simulator.records import ORDINARY, Change, Kind, Played, Reference
from simulator.working_day import desks, in_order, morning_records, told
from simulator.world import STAFF, World

CLIENTS = 50_000
#: A day of this many accesses holds so many episodes of each intent and of each look-alike; at least so many.
_DAY_COUNT, _INTENTS_A_DAY, _LOOK_ALIKES_A_DAY = 36_000, 6, 2
_INTENTS_MIN, _LOOK_ALIKES_MIN = 2, 1
_TRIES = 200
#: At most so much of the day is not ordinary; in a short one, fewer rules have something to find.
_SPECIAL_SHARE = 0.6
#: Ordinary accesses of one person a day, about; more people than needed are at work, and what is over is left out.
_ACCESSES_A_PERSON, _TOO_MANY, _PEOPLE_MIN = 110, 1.4, 25
#: The first intent is there when the day begins, so that there is something to see.
_FIRST_AT = OPENS + 60
#: Accesses of the days before, made out of reach of the network, that arrive in the morning.
_DAYS_BEFORE = (-2, -1)


def _undeclared_self(episode: Episode) -> None:
    tie = episode.tie(("self",), "undeclared")
    if tie is not None and not episode.setting.population.links(tie.client, 0)["address"].startswith("am-"):
        episode.look(episode.setting.staff[tie.staff], tie.client, episode.label(known=False))


def _before_the_story(episode: Episode) -> None:
    client = episode.somebody()
    for _ in range(7):
        member = episode.worker()
        if member is not None:
            episode.look(member, client, episode.label(known=False))


def _on_leave(episode: Episode) -> None:
    day = episode.day.number
    away = [
        member
        for member in episode.setting.staff
        if member.leave is not None and member.leave[0] <= day <= member.leave[1] and member.employed(day)
    ]
    if away:
        episode.look(episode.rng.choice(away), episode.somebody(), episode.label(known=True))


def _comes_back(episode: Episode) -> None:
    member, client = episode.worker("case_manager"), episode.somebody()
    for number in (*_DAYS_BEFORE, 0) if member is not None else ():
        if member is not None:
            episode.look(member, client, episode.label(known=False), day=episode.setting.day(number))


def _many(number: int, seconds: float, steps: tuple[tuple[str, list[str]], ...]) -> Setter:
    def setter(episode: Episode) -> None:
        member = episode.worker()
        at = 0.0 if member is None else episode.moment(member)
        for _ in range(number if member is not None else 0):
            if member is not None:
                action, sections = episode.rng.choice(steps)
                step = view_step(member, episode.somebody(), sections, action)
                episode.add(at, step, episode.label(known=False))
                at += seconds

    return setter


#: What is played by turns; names that the intents do not have are the demo's own.
SHOWN: dict[str, Setter] = {
    **{
        name: INTENTS[name]
        for name in (
            "self", "face in the news", "close family", "colleague", "account of nobody", "friend", "own business",
            "favour", "restricted file", "first letters", "files of the dead", "mass print", "outside the contract",
            "shared password", "service account at a desk",
        )
    },
    "self, not on record": _undeclared_self,
    "face before the story": _before_the_story,
    "account during leave": _on_leave,
    "comes back on three days": _comes_back,
    "addresses of six": _many(6, 90, ADDRESS),
    "files of fifty": _many(50, 20, LOOKED_AT[:3]),
}  # fmt: skip
#: Those which no rule asks about; an analyst's list is one that it does ask about.
_QUIET = tuple(name for name in LOOK_ALIKES if name not in {"analyst's list", "print for an investigation"})


class Showcase:
    """One agency and its short day; founding it takes some seconds, once."""

    def __init__(self, seed: int, day: date, count: int, staff: int = STAFF, clients: int = CLIENTS) -> None:
        self._seed = seed
        self._count = count
        people = max(_PEOPLE_MIN, count * _TOO_MANY / _ACCESSES_A_PERSON)
        self._share = min(1.0, people / staff)
        self._world = World(seed, day, days=1, staff=staff, clients=clients)
        self._scenes = list(self._set())
        events = list(self._known_and_counted())
        self._known = [event.record for event in events if isinstance(event, Change)]
        self._ordinary = sum(event is None for event in events)
        self._special = len(events) - len(self._known) - self._ordinary

    def reference(self) -> Iterator[Reference]:
        """Yield every reference record, those of the day too; of two with one id, the later is in force."""
        yield from self._world.reference()
        yield from self._known

    def accesses(self) -> Iterator[Played]:
        """Yield the accesses in order, as many as were asked for: of the ordinary ones some are left out."""
        wanted = max(0, self._count - self._special)
        seen = kept = 0
        left = self._count
        for event in self._events():
            if isinstance(event, Played) and left:
                if event.label == ORDINARY:
                    seen += 1
                    if kept * self._ordinary >= seen * wanted:
                        continue
                    kept += 1
                left -= 1
                yield event

    def _known_and_counted(self) -> Iterator[Change | Played | None]:
        """Yield the changes and what is not ordinary; None for each ordinary access."""
        for event in self._events():
            yield None if isinstance(event, Played) and event.label == ORDINARY else event

    def _events(self) -> Iterator[Change | Played]:
        setting = self._world.setting
        rng = Random(f"showcase {self._seed}")
        for number in _DAYS_BEFORE:
            yield from told(rng, setting.day(number), iter(self._moments(number)))
        today = setting.day(0)
        sources = [*desks(setting, today, self._share), iter(self._moments(0)), iter(morning_records(setting, today))]
        yield from told(rng, today, in_order(sources))

    def _moments(self, number: int) -> list[Moment]:
        moments = (Moment(*scene[1:]) for scene in self._scenes if scene.day == number)
        return sorted(moments, key=lambda moment: moment.seconds)

    def _set(self) -> Iterator[Scene]:
        room = self._count * _SPECIAL_SHARE
        for number, scenes in enumerate(self._by_turns()):
            accesses = sum(scene.label is not None for scene in scenes)
            if accesses <= room:
                room -= accesses
                # The very first one is moved to the beginning of the day.
                yield from scenes if number else _moved(scenes, _FIRST_AT)

    def _by_turns(self) -> Iterator[list[Scene]]:
        rounds = max(_INTENTS_MIN, round(_INTENTS_A_DAY * self._count / _DAY_COUNT))
        for turn in range(rounds):
            for place, (name, setter) in enumerate(SHOWN.items()):
                yield self._episode("intent", name, setter, f"{turn}-{place}")
        rounds = max(_LOOK_ALIKES_MIN, round(_LOOK_ALIKES_A_DAY * self._count / _DAY_COUNT))
        for turn in range(rounds):
            for place, name in enumerate(_QUIET):
                yield self._episode("look-alike", name, LOOK_ALIKES[name], f"{turn}-{place}")

    def _episode(self, kind: Kind, name: str, setter: Setter, number: str) -> list[Scene]:
        """Set one episode; another seed is tried where it met nobody."""
        setting = self._world.setting
        for attempt in range(_TRIES):
            rng = Random(f"{self._seed} {kind} {name} {number} {attempt}")
            letter = kind[0].upper()
            episode = Episode(setting, rng, setting.day(0), f"{letter}{number}", kind, name, plain=True)
            setter(episode)
            if any(scene.label is not None for scene in episode.scenes):
                return [scene for scene in episode.scenes if scene.day <= 0]
        return []


def _moved(scenes: list[Scene], at: float) -> list[Scene]:
    first = min(scene.seconds for scene in scenes)
    return [scene._replace(seconds=scene.seconds - first + at) for scene in scenes]
