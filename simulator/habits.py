"""What people do at their desks all day, by role: one piece of work after the other, nearly all with a work item."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import orjson

from simulator import rates
from simulator.caseloads import case_id
from simulator.days import CLOSES, Day, busy
from simulator.population import client_id
from simulator.records import COVERING, MISTAKE, MISTAKE_REPORTED, ORDINARY, Document, Label, Reference
from simulator.setting import Setting
from simulator.staffing import Member

#: Seconds from the beginning of one piece of work to the next, on average, at the busiest hour.
_PACE = {
    "cases": 620, "calls": 340, "quality": 900, "fraud": 900, "assist": 2_000, "integrity": 5_000,
    "privacy": 5_000, "media": 7_000, "corporate": 9_000, "platform": 150,
}  # fmt: skip
_NAME_SEARCHES = (["name"], ["name", "date_of_birth"], ["name"], ["date_of_birth"], ["address"], ["tax_number"])
_NUMBER_SEARCHES = (["client_id"], ["client_id"], ["phone"])
_SEARCHES_BY_NAME = 0.4
_FOUND_NOTHING = 0.08
#: What the first screen of a record shows.
SUMMARY = ["identity", "contact", "relationships", "notes"]
_VIEWS = (
    ["identity", "contact", "notes"], ["income", "payments"], ["notes", "documents"], ["payments"], ["whole_file"],
    ["identity", "relationships", "income"], ["payments", "notes"], ["medical", "notes"], ["documents"],
)  # fmt: skip
_FOLLOW_UPS = ("view", "view", "view", "update", "update", "create", "print")
_SERVICE_FROM, _SERVICE_TO = 6 * 3600, 20 * 3600
#: How often the work item is open in the client system while its client's record is looked at.
_WORK_OPEN = 0.7
#: Of a case manager's work: up to here the own cases, the team's, appointments; applications are the rest.
_OWN_CASES, _TEAM_CASES, _APPOINTMENTS = 0.62, 0.70, 0.85
#: Of the work that comes up: how often it is the team's, not one person's.
_TEAM_WORK = 0.3
_LATE_HOURS = (1, 6)


class Moment(NamedTuple):
    """An access without id and time, with its label; or a reference record that becomes known then, without one."""

    seconds: float
    what: Document | Reference
    label: Label | None


class Desk:
    """One staff member's day at work."""

    def __init__(self, setting: Setting, member: Member, day: Day) -> None:
        self._setting = setting
        self._member = member
        self._day = day
        self._rng = Random(f"desk {setting.seed} {day.number} {member.index}")
        self._items = 0
        self._own = setting.caseloads.of_staff.get(member.index)

    def moments(self) -> Iterator[Moment]:
        """Yield the day's moments in order; only records that become known late may stand before their time."""
        member, rng = self._member, self._rng
        service = member.kind == "service"
        at, end = member.starts, min(member.starts + member.hours, CLOSES)
        if self._day.saturday:
            end = at + member.hours / 2
        if service:
            at, end = _SERVICE_FROM, _SERVICE_TO
        pace: float = _PACE[member.unit.kind]
        if member.unit.kind == "calls" and self._day.benefit_day:
            pace /= rates.BENEFIT_DAY_SURGE
        at += rng.expovariate(1 / pace)
        while at < end:
            done = at
            for moment in self._piece(at):
                yield moment
                if moment.label is not None:
                    done = moment.seconds
            at = max(done + 5, at + rng.expovariate(1 / pace) / (1 if service else busy(at)))

    def _piece(self, at: float) -> Iterator[Moment]:
        """Do one piece of work, the way the role does it."""
        pieces = {
            "cases": self._case_work, "calls": self._call, "platform": self._batch, "assist": self._assistance,
            "fraud": self._investigation, "integrity": self._investigation, "privacy": self._investigation,
            "quality": self._quality_check,
        }  # fmt: skip
        return pieces.get(self._member.unit.kind, self._review)(at)

    def _assistance(self, at: float) -> Iterator[Moment]:
        """Help a colleague with their own record, as only the Staff Assistance Unit does."""
        assisted = self._setting.caseloads.assisted
        if not assisted:
            return iter(())
        client = self._rng.choice(assisted)
        return self._work_through(at, client, f"WA{client + 1:07d}")

    def _investigation(self, at: float) -> Iterator[Moment]:
        held = self._setting.caseloads.investigated[self._member.index]
        number = self._rng.randrange(len(held))
        return self._work_through(at, held[number], f"WI{self._member.index + 1:06d}-{number}")

    def _quality_check(self, at: float) -> Iterator[Moment]:
        return self._new_work(at, "quality_check")

    def _review(self, at: float) -> Iterator[Moment]:
        return self._new_work(at, "review")

    def _case_work(self, at: float) -> Iterator[Moment]:
        rng, draw = self._rng, self._rng.random()
        inside = self._member.kind == "employee"
        if draw < rates.UNRECORDED:
            return self._work_through(at, self._somebody(), None, search=True)
        draw -= rates.UNRECORDED
        if draw < rates.COVERING and inside:
            absent = self._setting.colleague(rng, self._member)
            cases = self._setting.caseloads.of_staff.get(absent.index) if absent is not None else None
            client = rng.choice(cases) if cases else None
            if client is not None and self._setting.caseloads.may_work_on(self._member, client):
                open_item = rng.random() < rates.COVER_ITEM_OPEN
                return self._work_through(at, client, case_id(client) if open_item else None, COVERING, work_open=1)
        draw -= rates.COVERING
        if draw < _OWN_CASES and self._own:
            client = rng.choice(self._own)
            return self._work_through(at, client, case_id(client), search=rng.random() < rates.SEARCH_FIRST)
        team = self._setting.caseloads.of_unit.get(self._member.unit.id)
        if draw < _TEAM_CASES and inside and team:
            client = rng.choice(team)
            if self._setting.caseloads.may_work_on(self._member, client, restricted=True):
                return self._work_through(at, client, case_id(client), search=rng.random() < rates.SEARCH_FIRST)
        return self._new_work(at, "appointment" if draw < _APPOINTMENTS else "application", search=True)

    def _call(self, at: float) -> Iterator[Moment]:
        if self._rng.random() < rates.UNRECORDED:
            return self._work_through(at, self._somebody(), None, search=True, channel="phone")
        return self._new_work(at, "call", search=True, channel="phone")

    def _batch(self, at: float) -> Iterator[Moment]:
        """Let a service account go over a case, as its nightly and hourly runs do."""
        cases = self._setting.caseloads.of_staff
        held = cases.get(self._rng.randrange(len(self._setting.staff)))
        if held:
            client = self._rng.choice(held)
            yield self._view(at, client, case_id(client), ["payments"], label=ORDINARY, channel="batch")

    def _new_work(self, at: float, kind: str, *, search: bool = False, channel: str = "desktop") -> Iterator[Moment]:
        """Take up work that came up today: its item becomes known at once, or now and then hours late."""
        client = self._somebody()
        self._items += 1
        work_id = f"WD{self._day.date:%m%d}-{self._member.index + 1:06d}-{self._items}"
        by_team = self._member.kind == "employee" and self._member.role is not None and self._rng.random() < _TEAM_WORK
        whose = {"org_unit": self._member.unit.id} if by_team else {"staff_id": self._member.staff_id}
        if kind == "quality_check":
            whose = {"staff_id": self._member.staff_id}
        opened = self._day.at(at)
        record = {"work_id": work_id, "client_id": client_id(client), "kind": kind, "opened_at": opened, **whose}
        late = self._rng.random() < rates.WORK_LATE
        known = at + self._rng.uniform(*_LATE_HOURS) * 3600 if late else at
        yield Moment(known, Reference("work", work_id, orjson.dumps(record)), None)
        yield from self._work_through(at + 1, client, work_id, search=search, channel=channel)

    def _work_through(
        self, at: float, client: int, work_id: str | None, label: Label = ORDINARY, *,
        search: bool = False, channel: str = "desktop", work_open: float = _WORK_OPEN,
    ) -> Iterator[Moment]:  # fmt: skip
        rng = self._rng
        if search:
            yield self._search(at, channel)
            at += rng.uniform(4, 20)
        if rng.random() < rates.WRONG_CLIENT:
            yield from self._wrong_client(at, channel)
            at += 20
        if work_id is not None and rng.random() >= work_open:
            work_id = None
        yield self._view(at, client, work_id, SUMMARY, label=label, channel=channel)
        for _ in range(rng.randrange(5)):
            at += rng.uniform(8, 90)
            action = rng.choice(_FOLLOW_UPS)
            yield self._view(at, client, work_id, rng.choice(_VIEWS), label=label, channel=channel, action=action)

    def _wrong_client(self, at: float, channel: str) -> Iterator[Moment]:
        client = self._rng.randrange(self._setting.population.count)
        reported = self._rng.random() < rates.MISTAKE_REPORTED
        label = MISTAKE_REPORTED if reported else MISTAKE
        yield self._view(at, client, None, SUMMARY, label=label, channel=channel)
        if reported:
            told = at + self._rng.uniform(600, 3 * 3600)
            yield Moment(told, self._setting.self_report(self._member, client, self._day, at, told), None)

    def _search(self, at: float, channel: str) -> Moment:
        rng = self._rng
        fields = rng.choice(_NAME_SEARCHES if rng.random() < _SEARCHES_BY_NAME else _NUMBER_SEARCHES)
        found = 0 if rng.random() < _FOUND_NOTHING else rng.randrange(1, 20)
        return Moment(at, search_step(self._member, fields, found, channel), ORDINARY)

    def _view(
        self, at: float, client: int, work_id: str | None, sections: list[str], *, label: Label, channel: str,
        action: str = "view",
    ) -> Moment:  # fmt: skip
        step = view_step(self._member, client, sections, action, channel)
        if work_id is not None:
            step["work_id"] = work_id
        return Moment(at, step, label)

    def _somebody(self) -> int:
        return self._setting.caseloads.somebody(self._rng, self._member)


def view_step(
    member: Member, client: int, sections: list[str], action: str = "view", channel: str = "desktop"
) -> Document:
    """Return an access to a client's record, without its id and time."""
    return {
        "staff_id": member.staff_id, "action": action, "client_id": client_id(client), "sections": sections,
        "channel": channel, "site": member.unit.site,
    }  # fmt: skip


def search_step(member: Member, fields: list[str], found: int, channel: str = "desktop") -> Document:
    """Return a search that opened nothing, without its id and time."""
    return {
        "staff_id": member.staff_id, "action": "search", "client_id": None, "channel": channel,
        "search": {"fields": fields, "result_count": found}, "site": member.unit.site,
    }  # fmt: skip
