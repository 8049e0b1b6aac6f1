"""What people do at their desks all day, by role: one piece of work after the other, nearly all with a work item."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

import orjson

from simulator import rates
from simulator.caseloads import case_id
from simulator.days import CLOSES, Day, busy
from simulator.population import client_id
from simulator.records import COVERING, HUDDLE, MISTAKE, MISTAKE_REPORTED, ORDINARY, Document, Label, Reference
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
    ["address", "contact"], ["identity", "address"],
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
        elif rng.random() < rates.STAYS_LATE:
            end += rng.uniform(0.5, 2.5) * 3600
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
        rng, draw, hard = self._rng, self._rng.random(), self._setting.hard
        inside = self._member.kind == "employee"
        odd: list[tuple[float, Callable[[], Iterator[Moment] | None]]] = [
            (rates.UNRECORDED.of(hard=hard), lambda: self._work_through(at, self._somebody(), None, search=True)),
            (rates.COVERING if inside else 0.0, lambda: self._cover(at)),
            (rates.HUDDLE.of(hard=hard) if inside else 0.0, lambda: self._help(at)),
            (rates.REOPENED.of(hard=hard), lambda: self._reopen(at)),
            (rates.WALK_IN.of(hard=hard), lambda: self._new_work(at, "appointment", search=True, unannounced=True)),
        ]
        for share, piece in odd:
            if draw < share and (found := piece()) is not None:
                return found
            draw -= share
        if draw < _OWN_CASES and self._own:
            client = rng.choice(self._own)
            return self._own_case(at, client)
        team = self._setting.caseloads.of_unit.get(self._member.unit.id)
        if draw < _TEAM_CASES and inside and team:
            client = rng.choice(team)
            if self._setting.caseloads.may_work_on(self._member, client, restricted=True):
                return self._work_through(at, client, case_id(client), search=rng.random() < rates.SEARCH_FIRST)
        return self._new_work(at, "appointment" if draw < _APPOINTMENTS else "application", search=True)

    def _own_case(self, at: float, client: int) -> Iterator[Moment]:
        """Work on a case of one's own, and now and then look at the record of somebody of the household too."""
        rng = self._rng
        for moment in self._work_through(at, client, case_id(client), search=rng.random() < rates.SEARCH_FIRST):
            yield moment
            at = moment.seconds
        others = [one for one in self._setting.population.of_household(client) if one != client]
        if others and rng.random() < rates.RELATED_PARTY.of(hard=self._setting.hard):
            other = rng.choice(others)
            if self._setting.caseloads.may_work_on(self._member, other):
                yield self._view(at + rng.uniform(10, 60), other, None, SUMMARY, label=ORDINARY, channel="desktop")

    def _cover(self, at: float) -> Iterator[Moment] | None:
        """Work on the case of a colleague who is away."""
        absent = self._setting.colleague(self._rng, self._member)
        client = self._case_of(absent)
        if client is None:
            return None
        open_item = self._rng.random() < rates.COVER_ITEM_OPEN
        return self._work_through(at, client, case_id(client) if open_item else None, COVERING, work_open=1)

    def _help(self, at: float) -> Iterator[Moment] | None:
        """Open the record that a colleague beside has a question about; no work item is for that."""
        client = self._case_of(self._setting.colleague(self._rng, self._member))
        return None if client is None else self._work_through(at, client, None, HUDDLE)

    def _case_of(self, colleague: Member | None) -> int | None:
        cases = self._setting.caseloads.of_staff.get(colleague.index) if colleague is not None else None
        client = self._rng.choice(cases) if cases else None
        return client if client is not None and self._setting.caseloads.may_work_on(self._member, client) else None

    def _reopen(self, at: float) -> Iterator[Moment]:
        """Go back to a case that was closed some days ago; an item for it comes later or never."""
        client, rng = self._somebody(), self._rng
        self._items += 1
        work_id = f"WR{self._day.date:%m%d}-{self._member.index + 1:06d}-{self._items}"
        opened, closed = (
            self._setting.day(self._day.number - number).at(9 * 3600) for number in (60, rng.randint(3, 20))
        )
        item = {"work_id": work_id, "client_id": client_id(client), "kind": "application", "opened_at": opened}
        item |= {"closed_at": closed, "staff_id": self._member.staff_id}
        yield Moment(at - 1, Reference("work", work_id, orjson.dumps(item)), None)
        yield from self._work_through(at, client, None, search=True)

    def _call(self, at: float) -> Iterator[Moment]:
        if self._rng.random() < rates.UNRECORDED.of(hard=self._setting.hard):
            return self._work_through(at, self._somebody(), None, search=True, channel="phone")
        return self._new_work(at, "call", search=True, channel="phone", unannounced=True)

    def _batch(self, at: float) -> Iterator[Moment]:
        """Let a service account go over a case, as its nightly and hourly runs do."""
        cases = self._setting.caseloads.of_staff
        held = cases.get(self._rng.randrange(len(self._setting.staff)))
        if held:
            client = self._rng.choice(held)
            corrects = self._rng.random() < rates.BATCH_CORRECTION.of(hard=self._setting.hard)
            work_id, action = (None, "update") if corrects else (case_id(client), "view")
            yield self._view(at, client, work_id, ["payments"], label=ORDINARY, channel="batch", action=action)

    def _new_work(
        self, at: float, kind: str, *, search: bool = False, channel: str = "desktop", unannounced: bool = False
    ) -> Iterator[Moment]:
        """Take up work that came up today: its item becomes known at once, or now and then hours late.

        Of what comes *unannounced*, a call or somebody at the counter, people often open the record first, and make the
        item when they know what it is about.
        """
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
        after = unannounced and self._rng.random() < rates.ITEM_AFTER_VIEW.of(hard=self._setting.hard)
        if after and not late:
            known = at + self._rng.uniform(0, rates.ITEM_MINUTES * 60)
        yield Moment(known, Reference("work", work_id, orjson.dumps(record)), None)
        # What is not there yet cannot be open in the system.
        yield from self._work_through(at + 1, client, None if after else work_id, search=search, channel=channel)

    def _work_through(
        self, at: float, client: int, work_id: str | None, label: Label = ORDINARY, *,
        search: bool = False, channel: str = "desktop", work_open: float = _WORK_OPEN,
    ) -> Iterator[Moment]:  # fmt: skip
        rng = self._rng
        opened = work_id if rng.random() < work_open else None
        if search:
            found: Document = {"client_id": client_id(client)} if rng.random() < rates.SEARCH_OPENS else {}
            if found and opened is not None:
                found["work_id"] = opened
            yield self._search(at, channel, found)
            at += rng.uniform(4, 20)
        if rng.random() < rates.WRONG_CLIENT.of(hard=self._setting.hard):
            yield from self._wrong_client(at, client, channel)
            at += 4 + rng.expovariate(1 / rates.WRONG_SECONDS)
        yield self._view(at, client, opened, SUMMARY, label=label, channel=channel)
        for _ in range(rng.randrange(5)):
            at += rng.uniform(8, 90)
            action = rng.choice(_FOLLOW_UPS)
            yield self._view(at, client, opened, rng.choice(_VIEWS), label=label, channel=channel, action=action)

    def _wrong_client(self, at: float, meant: int, channel: str) -> Iterator[Moment]:
        """Open the record of somebody else than meant: often of a namesake at home, or of the same site."""
        rng = self._rng
        client = self._taken_for(meant)
        reported = rng.random() < rates.MISTAKE_REPORTED
        label = MISTAKE_REPORTED if reported else MISTAKE
        yield self._view(at, client, None, SUMMARY, label=label, channel=channel)
        if rng.random() < rates.WRONG_LOOKS_FURTHER:
            yield self._view(at + rng.uniform(1, 4), client, None, rng.choice(_VIEWS), label=label, channel=channel)
        if reported:
            told = at + rng.uniform(600, 3 * 3600)
            yield Moment(told, self._setting.self_report(self._member, client, self._day, at, told), None)

    def _taken_for(self, meant: int) -> int:
        rng, population, draw = self._rng, self._setting.population, self._rng.random()
        others: Sequence[int] = ()
        if draw < rates.WRONG_NAMESAKE:
            others = [one for one in population.of_household(meant) if one != meant]
        elif draw < rates.WRONG_NAMESAKE + rates.WRONG_NEAR:
            others = population.at_site(self._member.unit.site)
        return rng.choice(others) if len(others) else rng.randrange(population.count)

    def _search(self, at: float, channel: str, opens: Document) -> Moment:
        """Search for somebody; *opens* names the record that it opened, where it did."""
        rng = self._rng
        fields = rng.choice(_NAME_SEARCHES if rng.random() < _SEARCHES_BY_NAME else _NUMBER_SEARCHES)
        found = 0 if not opens and rng.random() < _FOUND_NOTHING else rng.randrange(1, 20)
        return Moment(at, search_step(self._member, fields, found, channel) | opens, ORDINARY)

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
