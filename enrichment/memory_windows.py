"""Windows in process memory: for one process that judges everything itself, such as tests and trials.

Keeps everything that was noted for as long as it lives; ``RedisWindows`` is the one that forgets.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from enrichment.windows import (
    DAY,
    HOUR,
    LOOKED_THROUGH_MAX,
    NAMED_MAX,
    RECORDS_COUNTED_MAX,
    VISIT_DATES,
    Distinct,
    Earlier,
    Noted,
    Windows,
    instant,
    length_in_microseconds,
    microseconds,
)

#: An instant and what an access at it left, in order of time.
_Line = list[tuple[int, str, Noted]]


class MemoryWindows:
    """Answers the same questions as Redis does, in the plainest way."""

    def __init__(self) -> None:
        self._events: set[str] = set()
        self._of_staff: defaultdict[str, _Line] = defaultdict(list)
        self._of_client: defaultdict[str, _Line] = defaultdict(list)
        self._visits: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    async def note(self, accesses: Sequence[Noted]) -> list[Windows]:
        """Note accesses in order. Memory always answers."""
        return [self.note_one(access) for access in accesses]

    def note_one(self, access: Noted) -> Windows:
        """Note one access and answer it."""
        if access.event_id not in self._events:
            self._events.add(access.event_id)
            entry = (microseconds(access.at), access.event_id, access)
            insort(self._of_staff[access.staff_id], entry)
            if access.standing == "unexplained" and access.client_id is not None:
                insort(self._of_client[access.client_id], entry)
                self._visits[access.staff_id, access.client_id].add(access.date)
        return self._answer(access)

    def _answer(self, access: Noted) -> Windows:
        hour, day = self._back(access, HOUR), self._back(access, DAY)
        unexplained = access.standing == "unexplained"
        return Windows(
            clients_hour=_distinct(access, hour, "unexplained").count if unexplained else 0,
            visit_dates=self._dates(access) if unexplained else (),
            surge_actors=self._surge(access) if unexplained else Distinct(),
            lookup_clients=_distinct(access, day, "lookup") if access.lookup else Distinct(),
            dormant_clients=_distinct(access, day, "dormant") if access.dormant else Distinct(),
            searches_hour=sum(one.searched != "no" for one in hour) if access.searched != "no" else 0,
            explained_hour=sum(one.standing == "explained" for one in hour) if access.searched != "no" else 0,
            records_day=sum(min(one.records, RECORDS_COUNTED_MAX) for one in day) if access.records else 0,
            elsewhere=self._elsewhere(access),
            colleague_searches=tuple(self._colleague_searches(access)),
        )

    def _back(self, access: Noted, length: timedelta, staff_id: str | None = None) -> list[Noted]:
        """Give a staff member's accesses in a window that ends with this one, the newest first."""
        return _within(self._of_staff.get(staff_id or access.staff_id, []), access, length)

    def _dates(self, access: Noted) -> tuple[int, ...]:
        visits = self._visits[access.staff_id, access.client_id or ""]
        return tuple(sorted({d for d in visits if access.date - VISIT_DATES < d <= access.date} | {access.date}))

    def _surge(self, access: Noted) -> Distinct:
        line = self._of_client.get(access.client_id or "", [])
        others = {one.staff_id: one for one in reversed(_within(line, access, DAY)) if one.staff_id != access.staff_id}
        return _named(others)

    def _elsewhere(self, access: Noted) -> Earlier | None:
        if access.sites_back is None or access.site is None:
            return None
        for one in self._back(access, access.sites_back):
            if one.site not in {None, access.site} and one.event_id != access.event_id:
                return Earlier(one.site or "", instant(microseconds(one.at)))
        return None

    def _colleague_searches(self, access: Noted) -> Iterable[Earlier]:
        for colleague in access.colleagues:
            found = self._back(access, access.colleagues_back, colleague)
            newest = next((one for one in found if one.searched == "nothing"), None)
            if newest is not None:
                yield Earlier(colleague, instant(microseconds(newest.at)))


def _within(line: _Line, access: Noted, length: timedelta) -> list[Noted]:
    to = microseconds(access.at)
    first = bisect_left(line, to - length_in_microseconds(length), key=lambda entry: entry[0])
    last = bisect_right(line, to, key=lambda entry: entry[0])
    return [one for _, _, one in reversed(line[first:last])]


def _distinct(access: Noted, window: Iterable[Noted], kind: str) -> Distinct:
    """Count the distinct clients of unexplained accesses, all of them or those of one kind; the own one always."""
    others: dict[str, Noted] = {}
    looked_at = 0
    for one in window:
        if one.standing != "unexplained" or one.client_id is None:
            continue
        looked_at += 1
        if looked_at > LOOKED_THROUGH_MAX:
            break
        if one.event_id == access.event_id:
            continue
        if one.client_id != access.client_id and (kind == "unexplained" or getattr(one, kind)):
            others.setdefault(one.client_id, one)
    return _named(others)


def _named(others: dict[str, Noted]) -> Distinct:
    """Count the others and the asking access's own, and name the others in a settled order."""
    named = sorted(others)[:NAMED_MAX]
    return Distinct(len(others) + 1, tuple(Earlier(value, instant(microseconds(others[value].at))) for value in named))
