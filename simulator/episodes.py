"""An episode: what one intent, or one innocent look-alike, leads to, over a day or a week."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import orjson

from simulator import rates
from simulator.days import CLOSES, Day
from simulator.habits import SUMMARY, search_step, view_step
from simulator.population import client_id
from simulator.records import Document, Kind, Label, Reference
from simulator.setting import Setting
from simulator.staffing import Member
from simulator.ties import Tie, TieState

_TRIES = 60
_BY_PHONE = 0.5
_EVENING_SECONDS = 2.5 * 3600
_SEARCHED_FIRST = 0.6
#: What somebody looks at who is curious.
LOOKED_AT = (
    ("view", ["whole_file"]), ("view", ["identity", "address", "notes"]), ("view", ["payments", "income"]),
    ("view", ["notes", "documents"]), ("view", ["address", "contact"]), ("print", ["documents", "notes"]),
)  # fmt: skip
ADDRESS = (("view", ["address", "contact"]), ("view", ["identity", "address"]))


class Scene(NamedTuple):
    """One access, or one reference record, of an episode: on which day, when, what."""

    day: int
    seconds: float
    what: Document | Reference
    label: Label | None


@dataclass(slots=True)
class Episode:
    """One episode while it is being set."""

    setting: Setting
    rng: Random
    day: Day
    id: str
    kind: Kind
    name: str
    #: Only ties that the reference data know and are sure of, and only what certainly shows: for the demo.
    plain: bool = False
    scenes: list[Scene] = field(default_factory=list)

    def label(self, *, known: bool | None) -> Label:
        """Return the label of this episode's accesses."""
        if self.kind == "look-alike":
            return Label("look-alike", self.name, None, self.id)
        return Label("intent", self.name, known, self.id)

    def tie(self, kinds: Sequence[str], *states: TieState) -> Tie | None:
        """Return somebody at work today who is close to a client in one of these ways; None where there is nobody."""
        ties = self.setting.ties
        wanted: Sequence[TieState] = states or (("known",) if self.plain else ("known", "undeclared"))
        pools = [pool for kind in kinds for state in wanted if (pool := ties.of_kind.get((kind, state)))]
        for _ in range(_TRIES if pools else 0):
            tie = self.rng.choice(self.rng.choices(pools, [len(pool) for pool in pools])[0])
            member = self.setting.staff[tie.staff]
            if member.at_work(self.day) and (tie.sure or not self.plain):
                return tie
        return None

    def moment(self, member: Member) -> float:
        """Return a time of day at which somebody is at work, with some of it left; now and then after it has ended."""
        end = min(member.starts + member.hours, CLOSES)
        if self.kind == "intent" and not self.plain and self.rng.random() < rates.AFTER_HOURS:
            return self.rng.uniform(end, end + _EVENING_SECONDS)
        return self.rng.uniform(member.starts, end - 1800)

    def look(
        self, member: Member, client: int, label: Label, at: float | None = None, *, day: Day | None = None,
        steps: Sequence[tuple[str, list[str]]] = LOOKED_AT, work_id: str | None = None, times: int | None = None,
    ) -> None:  # fmt: skip
        """Let somebody open a record, often after a search: its first screen, and most often one to three things in it.

        Records open on their first screen whoever opens them, and half of the contact centre's on the telephone.
        """
        rng, on = self.rng, (day or self.day).number
        at = self.moment(member) if at is None else at
        channel = "phone" if member.unit.kind == "calls" and rng.random() < _BY_PHONE else "desktop"
        claims = self.kind == "intent" and work_id is None and day is None and not self.plain
        if claims and rng.random() < rates.MAKES_AN_ITEM.of(hard=self.setting.hard):
            self.work(member, client, "call", at)
        with_item = {"work_id": work_id} if work_id is not None else {}
        if rng.random() < _SEARCHED_FIRST:
            step = search_step(member, ["name"], rng.randrange(1, 12), channel)
            if rng.random() < rates.SEARCH_OPENS:
                step |= {"client_id": client_id(client)} | with_item
            self.scenes.append(Scene(on, at, step, label))
        at += rng.uniform(4, 20)
        self.scenes.append(Scene(on, at, view_step(member, client, SUMMARY, "view", channel) | with_item, label))
        if steps is not ADDRESS and times is None and not self.plain and rng.random() < rates.STOPS_AT_FIRST_SCREEN:
            return
        for _ in range(times or rng.randint(1, 3)):
            at += rng.uniform(5, 60)
            action, sections = rng.choice(steps)
            self.scenes.append(Scene(on, at, view_step(member, client, sections, action, channel) | with_item, label))

    def add(self, at: float, step: Document, label: Label, day: Day | None = None) -> None:
        """Add one access; before what is viewed of a record with an intent, its first screen."""
        if self.kind == "intent" and step["action"] == "view" and step["client_id"] is not None:
            first = Scene((day or self.day).number, at - 3, {**step, "sections": SUMMARY}, label)
            self.scenes.append(first)
        self.scenes.append(Scene((day or self.day).number, at, step, label))

    def work(self, member: Member, client: int, kind: str, at: float, **whose: str) -> str:
        """Open a work item for a client, known at once: the staff member's unless *whose* says otherwise."""
        work_id = f"WE{self.id}-{len(self.scenes)}"
        owner = whose or {"staff_id": member.staff_id}
        opened = self.day.at(max(0.0, at - 600))
        record = {"work_id": work_id, "client_id": client_id(client), "kind": kind, "opened_at": opened, **owner}
        self.scenes.append(Scene(self.day.number, at - 600, Reference("work", work_id, orjson.dumps(record)), None))
        return work_id

    def watch(self, client: int, published: float, known: float) -> None:
        """Publish a story about a client, which is on the watchlist some time later."""
        record = {
            "entry_id": f"N{self.id}", "client_ids": [client_id(client)], "label": "named in a news story",
            "published_at": self.day.at(published), "source": "news desk",
        }  # fmt: skip
        entry = Reference("watchlist", f"N{self.id}", orjson.dumps(record))
        self.scenes.append(Scene(self.day.number, known, entry, None))

    def later(self, within: int) -> Day | None:
        """Return a working day after this one; None where the days that follow are none."""
        days = [day for number in range(1, within + 1) if (day := self.setting.day(self.day.number + number)).working]
        return self.rng.choice(days) if days else None

    def somebody(self) -> int:
        """Return an active client without restriction who is nobody's own record."""
        setting = self.setting
        client = 0
        for _ in range(_TRIES):
            client = self.rng.randrange(setting.population.count)
            restricted = client in setting.population.restricted or client in setting.ties.own_records
            if setting.population.status(client) == "active" and not restricted:
                break
        return client

    def worker(self, role: str | None = None) -> Member | None:
        """Return somebody at work today."""
        return self.setting.somebody_at_work(self.rng, self.day, role)


#: Sets an episode's scenes; sets none where the agency has nobody for it.
Setter = Callable[[Episode], None]


def how_many(rng: Random, expected: float) -> int:
    """Draw how many episodes there are where so many are expected (a Poisson draw)."""
    limit, product, number = math.exp(-min(expected, 500.0)), rng.random(), 0
    while product > limit:
        product *= rng.random()
        number += 1
    return number
