"""Windows in process memory: for one process that judges everything itself, such as tests and trials.

Keeps everything that was observed for as long as it lives; ``RedisWindows`` is the one that forgets.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from enrichment.windows.spec import (
    LOOKED_THROUGH_MAX,
    NAMED_MAX,
    NO_ANSWERS,
    OPENED,
    RECORDS_COUNTED_MAX,
    SEARCHED,
    VISIT_DATES,
    Distinct,
    Earlier,
    Observation,
    Plan,
    Window,
    Windows,
    instant,
    length_in_microseconds,
    microseconds,
)

#: An instant, the event id of an access at it, and what of it stands in the window.
_Entry = tuple[int, str, str]


class MemoryWindows:
    """Answers the same questions as Redis does, in the plainest way."""

    def __init__(self) -> None:
        self._events: set[str] = set()
        #: By window and by whose it is, in order of time.
        self._entries: defaultdict[tuple[str, str], list[_Entry]] = defaultdict(list)
        self._dates: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)

    async def observe(self, accesses: Sequence[Observation], plan: Plan) -> list[Windows]:
        """Observe accesses in order. Memory always answers."""
        return [self.observe_one(access, plan) for access in accesses]

    def observe_one(self, access: Observation, plan: Plan) -> Windows:
        """Observe one access and answer it."""
        if access.event_id not in self._events:
            self._events.add(access.event_id)
            for key in access.stands_in:
                self._put(key, plan[key], access)
        answers = {key: self._answer(key, plan[key], access) for key in access.asks}
        return {key: one for key, one in answers.items() if one not in (None, ())} or NO_ANSWERS

    def _put(self, key: str, window: Window, access: Observation) -> None:
        if window.how == "dates":
            self._dates[key, access.staff_id, access.client_id or ""].add(access.date)
        else:
            entry = (microseconds(access.at), access.event_id, _value(window, access))
            insort(self._entries[key, _whose(window, access)], entry)

    def _answer(self, key: str, window: Window, access: Observation) -> Any:  # noqa: PLR0911 one for each way
        match window.how:
            case "dates":
                visits = self._dates[key, access.staff_id, access.client_id or ""] | {access.date}
                return tuple(sorted(date for date in visits if access.date - VISIT_DATES < date <= access.date))
            case "latest_unled_of":
                found = ((name, self._unled(key, window, name, access)) for name in access.others)
                return tuple(Earlier(name, instant(searches[0])) for name, searches in found if searches)
        entries = self._within(key, window, _whose(window, access), access)
        own = _value(window, access)
        others = [one for one in entries if one[1] != access.event_id and one[2] != own]
        match window.how:
            case "number":
                return len(entries)
            case "same":
                return sum(value == own for _, _, value in entries[:LOOKED_THROUGH_MAX])
            case "entries":
                return tuple(Earlier(value, instant(at)) for at, _, value in entries[:LOOKED_THROUGH_MAX])
            case "unled":
                return len(self._unled(key, window, access.staff_id, access))
            case "sum":
                return sum(int(value) for _, _, value in entries[:LOOKED_THROUGH_MAX])
            case "latest_other":
                newest = [(value, at) for at, _, value in others if at == others[0][0]]
                return Earlier(min(newest)[0], instant(min(newest)[1])) if newest else None
            case _:
                looked_through = entries[:LOOKED_THROUGH_MAX]
                return _distinct([one for one in looked_through if one[1] != access.event_id and one[2] != own])

    def _unled(self, key: str, window: Window, whose: str, access: Observation) -> list[int]:
        """Return when the searches of a window were made that led nowhere, the newest first."""
        entries = self._within(key, window, whose, access)[:LOOKED_THROUGH_MAX]
        steps: dict[int, list[str]] = {}
        for at, _, step in entries:
            steps.setdefault(at, []).append(step)
        instants = list(steps)
        found = []
        for at, following in zip(instants, [None, *instants], strict=False):
            led = (
                following is not None
                and OPENED in steps[following]
                and following - at <= length_in_microseconds(window.follow)
            )
            found += [] if led else [at] * steps[at].count(SEARCHED)
        return found

    def _within(self, key: str, window: Window, whose: str, access: Observation) -> list[_Entry]:
        """Return the entries of a window that ends with this access, the newest first."""
        entries, to = self._entries.get((window.lies_in or key, whose), []), microseconds(access.at)
        first = bisect_left(entries, to - length_in_microseconds(window.within), key=lambda entry: entry[0])
        return entries[first : bisect_right(entries, to, key=lambda entry: entry[0])][::-1]


def _whose(window: Window, access: Observation) -> str:
    return access.staff_id if window.by == "staff" else access.client_id or ""


def _value(window: Window, access: Observation) -> str:  # noqa: PLR0911 one for each value
    match window.value:
        case "client":
            return access.client_id or ""
        case "staff":
            return access.staff_id
        case "site":
            return access.site or ""
        case "date":
            return str(access.date)
        case "step":
            return access.step
        case "trail":
            return access.trail
        case "records":
            return str(min(access.records, RECORDS_COUNTED_MAX))
        case _:
            return ""


def _distinct(others: Sequence[_Entry]) -> Distinct:
    """Count the others and the asking access's own, and name the others in a settled order."""
    newest: dict[str, int] = {}
    for at, _, value in others:
        newest.setdefault(value, at)
    return Distinct(
        len(newest) + 1, tuple(Earlier(value, instant(newest[value])) for value in sorted(newest)[:NAMED_MAX])
    )
