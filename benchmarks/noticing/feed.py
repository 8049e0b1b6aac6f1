"""The days of a world hour by hour, as both ways of judging get them: what became known, then the accesses."""

from collections.abc import Iterator
from typing import NamedTuple

from simulator.records import Change, Played, Reference
from simulator.world import World

_HOUR_CHARACTERS = len("2026-11-16T09")


class Hour(NamedTuple):
    """One hour of one day: reference records that become known in it, and its accesses in order."""

    name: str
    records: list[Reference]
    accesses: list[Played]


def hours(world: World, days: range | None = None) -> Iterator[Hour]:
    """Yield the hours of the days. What becomes known within an hour is known from its beginning."""
    for number in world.days if days is None else days:
        hour = Hour("", [], [])
        for event in world.day(number):
            at = event.known_at if isinstance(event, Change) else event.occurred_at
            name = at[:_HOUR_CHARACTERS]
            if name != hour.name:
                if hour.name:
                    yield hour
                hour = Hour(name, [], [])
            if isinstance(event, Change):
                hour.records.append(event.record)
            else:
                hour.accesses.append(event)
        if hour.name:
            yield hour
