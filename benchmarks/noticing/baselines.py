"""Three other ways of noticing, on the same data: each written from its public description, in its simplest form.

``ministry``: every night, accesses to one's own record and to that of known family (as published by the ministry).
``siem``: what content packs of monitoring products ship with: the same address, volume, a watchlist; work is not asked.
``volume``: days on which somebody opened far more clients than the others of their role.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import mean, pstdev
from typing import Any

import orjson

from benchmarks.noticing.tally import Tally
from simulator.records import ORDINARY, Played, Reference

_FAMILY = {"partner", "parent", "child", "sibling", "grandparent", "whanau", "household"}
#: Distinct clients in one hour of the clock beyond which a content pack asks.
_CLIENTS_AN_HOUR = 40
#: Standard deviations beyond the mean of one's role at which a day is an outlier.
_DEVIATIONS = 3
#: With fewer people of a role at work there is no telling what is usual.
_PEERS_MIN = 5
_NIGHT = "T23:59:59"
_HOUR_CHARACTERS, _DATE_CHARACTERS = len("2026-11-16T09"), len("2026-11-16")
_NIGHTLY = "own record or known family"


@dataclass(slots=True)
class Baselines:
    """Takes what the judge takes, and counts what each of the three would ask about."""

    ministry: Tally = field(default_factory=Tally)
    siem: Tally = field(default_factory=Tally)
    volume: Tally = field(default_factory=Tally)
    _own: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _family: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _role: dict[str, str] = field(default_factory=dict)
    _address: dict[str, str] = field(default_factory=dict)
    _watched: set[str] = field(default_factory=set)
    _hour: str = ""
    _clients_hour: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _day: str = ""
    _clients_day: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _intended: dict[str, list[Played]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, records: Iterable[Reference]) -> None:
        """Take reference records."""
        for kind, record_id, value in records:
            if kind == "work":
                continue
            record = orjson.loads(value)
            if kind == "staff":
                self._own[record_id] = set(record["client_ids"])
                self._role[record_id] = record["roles"][0] if record["roles"] else record["kind"]
            if kind in {"staff", "client"}:
                self._address[record_id] = record["links"]["address"]
            if kind == "client" and record["restricted"]:
                self._watched.add(record_id)
            if kind == "watchlist":
                self._watched.update(record["client_ids"])
            if kind == "relationship" and record["kind"] in _FAMILY:
                self._know(record)

    def _know(self, record: dict[str, Any]) -> None:
        (a_kind, _, a), (b_kind, _, b) = record["a"].partition(":"), record["b"].partition(":")
        if (a_kind, b_kind) == ("staff", "client") and "valid_to" not in record:
            self._family[a].add(b)

    def take(self, played: Played) -> None:
        """Take one access."""
        access = orjson.loads(played.value)
        day = played.occurred_at[:_DATE_CHARACTERS]
        if day != self._day:
            self.end()
            self._day = day
        if not played.label.innocent:
            self._intended[played.key].append(played)
        client = access["client_id"]
        if client is None:
            return
        self._clients_day[played.key].add(client)
        pair = f"{played.key} {client} {day}"
        if client in self._own[played.key] or client in self._family[played.key]:
            self.ministry.hit(pair, _NIGHTLY, "medium", played._replace(occurred_at=day + _NIGHT))
        for rule in self._siem(played, client):
            alert = f"{played.key} {day}" if rule == "volume" else pair
            self.siem.hit(alert, rule, "medium", played)

    def _siem(self, played: Played, client: str) -> Iterator[str]:
        hour = played.occurred_at[:_HOUR_CHARACTERS]
        if hour != self._hour:
            self._clients_hour.clear()
            self._hour = hour
        self._clients_hour[played.key].add(client)
        if self._address.get(client) is not None and self._address.get(client) == self._address.get(played.key):
            yield "address"
        if client in self._watched:
            yield "watchlist"
        if len(self._clients_hour[played.key]) > _CLIENTS_AN_HOUR:
            yield "volume"

    def end(self) -> None:
        """End a day: whose number of clients is an outlier among the others of the role."""
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for staff_id, clients in self._clients_day.items():
            counts[self._role.get(staff_id, "")][staff_id] = len(clients)
        for of_role in counts.values():
            numbers = list(of_role.values())
            bound = mean(numbers) + _DEVIATIONS * pstdev(numbers)
            for staff_id, number in of_role.items() if len(of_role) >= _PEERS_MIN else ():
                if number > bound:
                    self._outlier(staff_id)
        self._clients_day.clear()
        self._intended.clear()

    def _outlier(self, staff_id: str) -> None:
        """Ask about a day; it counts as rightly asked when anything of that day was intended."""
        alert, at = f"{staff_id} {self._day}", self._day + _NIGHT
        for played in self._intended[staff_id] or [Played("", at, staff_id, b"", ORDINARY)]:
            self.volume.hit(alert, "outlier", "medium", played._replace(occurred_at=at))
