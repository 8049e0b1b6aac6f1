"""The days of a world in steps, as both ways of judging get them: what became known, then the accesses."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from simulator.records import Change, Played
from simulator.world import World

_HOUR_CHARACTERS, _MINUTE_CHARACTERS = len("2026-11-16T09"), len("2026-11-16T09:15")


class Step(NamedTuple):
    """An hour, or a minute, of one day: what becomes known in it, and its accesses in order."""

    name: str
    changes: list[Change]
    accesses: list[Played]

    @property
    def ends(self) -> datetime:
        """When its last event was."""
        at = [one.known_at for one in self.changes] + [one.occurred_at for one in self.accesses]
        return datetime.fromisoformat(max(at))


def hours(world: World) -> Iterator[Step]:
    """Yield the hours of the days. What becomes known within an hour is known from its beginning."""
    return _steps(world, _HOUR_CHARACTERS)


def minutes(world: World) -> Iterator[Step]:
    """Yield the minutes of the days in which anything happens; as ``hours``, to the minute."""
    return _steps(world, _MINUTE_CHARACTERS)


def _steps(world: World, characters: int) -> Iterator[Step]:
    for number in world.days:
        step = Step("", [], [])
        for event in world.day(number):
            at = event.known_at if isinstance(event, Change) else event.occurred_at
            name = at[:characters]
            if name != step.name:
                if step.name:
                    yield step
                step = Step(name, [], [])
            if isinstance(event, Change):
                step.changes.append(event)
            else:
                step.accesses.append(event)
        if step.name:
            yield step
