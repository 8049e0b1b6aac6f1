"""What people do at their desks all day: one piece of work after the other, nearly all with a work item."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulator.agency import Document
from simulator.caseload import Caseload, Task

Step = dict[str, Any]

#: How many accesses one person makes before somebody else's desk is looked at.
_ACCESSES_PER_PERSON = 25
_DESKS_MIN = 20
_DESKS_MAX = 400

#: Of the pieces of work: searches that open nothing, records opened without a work item, cover for a team mate.
_SEARCH_SHARE = 0.07
_WITHOUT_WORK_SHARE = 0.03
_COVER_SHARE = 0.06
#: How often the CMS had the work item open; cover always has.
_WORK_OPEN_SHARE = 0.7

_SEARCHES = (["name"], ["name", "date_of_birth"], ["client_id"], ["phone"], ["tax_number"])
_VIEWS = (
    ["identity", "contact", "notes"], ["income", "payments"], ["notes", "documents"], ["whole_file"],
    ["identity", "relationships", "income"], ["payments", "notes"], ["medical", "notes"],
)  # fmt: skip
_FOLLOW_UPS = ("view", "view", "update", "update", "create", "print")
_FOLLOW_UPS_MAX = 4
_RESULTS_MAX = 20


@dataclass(slots=True)
class _Desk:
    """One person at work: how many accesses are left to them, and the steps of what they are at."""

    staff: Document
    left: int
    steps: list[Step] = field(default_factory=list)


class Desks:
    """Some dozens to hundreds of people working at the same time, in turns."""

    def __init__(self, rng: Random, caseload: Caseload, count: int) -> None:
        self._rng = rng
        self._caseload = caseload
        number = max(_DESKS_MIN, min(_DESKS_MAX, count // _ACCESSES_PER_PERSON))
        self._desks = [self._sit_down() for _ in range(number)]

    def next_step(self) -> Step:
        """Give the next ordinary access, without its id and time."""
        place = self._rng.randrange(len(self._desks))
        desk = self._desks[place]
        if not desk.left:
            desk = self._desks[place] = self._sit_down()
        if not desk.steps:
            desk.steps = self._next_work(desk.staff)
        desk.left -= 1
        return {
            "staff_id": desk.staff["staff_id"],
            "site": desk.staff["site"],
            **desk.steps.pop(0),
        }

    def _sit_down(self) -> _Desk:
        return _Desk(self._rng.choice(self._caseload.desks), self._rng.randint(1, 2 * _ACCESSES_PER_PERSON))

    def _next_work(self, staff: Document) -> list[Step]:
        draw = self._rng.random()
        if draw < _SEARCH_SHARE:
            return [self._search() for _ in range(self._rng.randint(1, 2))]
        draw -= _SEARCH_SHARE
        inside = staff["kind"] != "third_party"
        if draw < _WITHOUT_WORK_SHARE and inside:
            return [self._view(self._rng.choice(self._caseload.without_work))]
        draw -= _WITHOUT_WORK_SHARE
        others = self._caseload.to_cover.get(staff["org_unit"])
        if draw < _COVER_SHARE and others and inside:
            return self._work_through(self._rng.choice(others), work_open_share=1)
        return self._work_through(self._own_task(staff, inside=inside), _WORK_OPEN_SHARE)

    def _own_task(self, staff: Document, *, inside: bool) -> Task:
        own = self._caseload.by_staff.get(staff["staff_id"], [])
        team = self._caseload.by_unit.get(staff["org_unit"], []) if inside and staff["roles"] else []
        if own and team:
            return self._rng.choice(own if self._rng.random() < len(own) / (len(own) + 1) else team)
        return self._rng.choice(own or team)

    def _search(self) -> Step:
        used = self._rng.choice(_SEARCHES)
        return {
            "action": "search",
            "client_id": None,
            "search": {"fields": used, "result_count": self._rng.randrange(_RESULTS_MAX)},
        }

    def _view(self, client_id: str) -> Step:
        return {"action": "view", "client_id": client_id, "sections": self._rng.choice(_VIEWS)}

    def _work_through(self, task: Task, work_open_share: float) -> list[Step]:
        steps = [self._view(task.client_id)]
        for _ in range(self._rng.randrange(_FOLLOW_UPS_MAX)):
            action = self._rng.choice(_FOLLOW_UPS)
            steps.append({**self._view(task.client_id), "action": action})
        if self._rng.random() < work_open_share:
            for step in steps:
                step["work_id"] = task.work_id
        return steps
