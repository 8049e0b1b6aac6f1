"""The clients: households of several kinds, kin over the generations, moves. Name-free, and a few bytes for each.

Everything about a client is a function of the seed and a handful of arrays, so that 1.2 million fit into memory.
"""

from array import array
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple

from simulator import rates
from simulator.records import Document
from simulator.staffing import PROGRAMMES

_STATUSES = ("active", "closed", "deceased")
_DAYS_IN_YEAR = 365
#: Households that share one address in a motel, a hostel or a prison.
_MOTEL_HOUSEHOLDS = 30

#: Kinds of household: how many people, how they are related to the first, and how often.
_HOUSEHOLDS: tuple[tuple[tuple[str, ...], int], ...] = (
    ((), 46), (("partner",), 16), (("child",), 8), (("child", "child"), 5), (("partner", "child"), 6),
    (("partner", "child", "child"), 4), (("parent", "child"), 2), (("parent",), 3), (("sibling",), 3),
    (("household",), 4), (("household", "household"), 3),
)  # fmt: skip
_KINDS = [kind for kind, _ in _HOUSEHOLDS]
_TOTALS = list(accumulate(weight for _, weight in _HOUSEHOLDS))


class FamilyTie(NamedTuple):
    """A recorded relationship between two clients, as the client system has it."""

    a: int
    b: int
    kind: str
    confidence: float


class Population:
    """All clients, numbered from 0. Days count from the first simulated one."""

    def __init__(self, seed: int, count: int, sites: list[str], days: int) -> None:
        rng = Random(f"population {seed}")
        self._seed = seed
        self.sites = sites
        self.count = count
        #: Of each client: the household; of each household: its first client, its site and its shared address or 0.
        self.household = array("I", bytes(4 * count))
        self._first = array("I")
        self._site = array("H")
        self._motel = array("I")
        self._kind = bytearray()
        self._at_site: dict[str, array[int]] = {}
        self._status = bytearray(count)
        self._programme = bytearray(count)
        self.restricted: set[int] = set()
        #: The household of a parent of a household's first adult; its own number where there is none on record.
        self._origin = array("I")
        #: When a household moves, at most once in the simulated time, and the day on which that is on record.
        self.moves: dict[int, tuple[int, int]] = {}
        self._settle(rng, days)
        self._enrol(rng)

    def _settle(self, rng: Random, days: int) -> None:
        client = 0
        while client < self.count:
            number = len(self._first)
            kind = rng.choices(range(len(_KINDS)), cum_weights=_TOTALS)[0]
            size = min(1 + len(_KINDS[kind]), self.count - client)
            self._first.append(client)
            self._kind.append(kind)
            self._site.append(rng.randrange(len(self.sites)))
            self._motel.append(1 + number // _MOTEL_HOUSEHOLDS if rng.random() < rates.IN_MOTEL else 0)
            has_parent = number and rng.random() < rates.HAS_PARENTS_ON_RECORD
            self._origin.append(rng.randrange(number) if has_parent else number)
            if rng.random() < rates.MOVES * days / _DAYS_IN_YEAR:
                moved = rng.randrange(days)
                self.moves[number] = (moved, moved + rng.randrange(round(rates.ADDRESS_STALE_DAYS)))
            for member in range(client, client + size):
                self.household[member] = number
            client += size

    def _enrol(self, rng: Random) -> None:
        for client in range(self.count):
            draw = rng.random()
            self._status[client] = 2 if draw < rates.DECEASED else 1 if draw < rates.DECEASED + rates.CLOSED else 0
            self._programme[client] = rng.randrange(len(PROGRAMMES))
            if rng.random() < rates.RESTRICTED:
                self.restricted.add(client)

    def at_site(self, site: str) -> "array[int]":
        """Return the clients whom a site looks after."""
        if not self._at_site:
            for client in range(self.count):
                self._at_site.setdefault(self.site(client), array("I")).append(client)
        return self._at_site.get(site, array("I"))

    def site(self, client: int) -> str:
        """Return the site that looks after a client."""
        return self.sites[self._site[self.household[client]]]

    def programme(self, client: int) -> str:
        """Return the programme that a client is in."""
        return PROGRAMMES[self._programme[client]]

    def status(self, client: int) -> str:
        """Return active, closed or deceased."""
        return _STATUSES[self._status[client]]

    def of_household(self, client: int) -> range:
        """Return everybody who lives with a client, the client included."""
        return self.members(self.household[client])

    def members(self, household: int) -> range:
        """Return the clients of a household."""
        last = self._first[household + 1] if household + 1 < len(self._first) else self.count
        return range(self._first[household], last)

    def links(self, client: int, day: int) -> Document:
        """Return the contact details on record for a client on a day, as opaque tokens; a late move is not in them."""
        number = self.household[client]
        moved = number in self.moves and self.moves[number][1] <= day
        address = f"am-{self._seed}-{self._motel[number]}" if self._motel[number] else f"ah-{self._seed}-{number}"
        return {
            "address": f"{address}-b" if moved else address,
            "phone": f"p-{self._seed}-{client}",
            "email": f"e-{self._seed}-{client}",
            "bank_account": f"b-{self._seed}-{client}",
        }

    def record(self, client: int, day: int) -> Document:
        """Return a client's record as it stands on a day."""
        return {
            "client_id": client_id(client),
            "status": self.status(client),
            "site": self.site(client),
            "programme": self.programme(client),
            "restricted": client in self.restricted,
            "links": self.links(client, day),
        }

    def family_ties(self) -> Iterator[FamilyTie]:
        """Yield the family ties that the client system holds; many a real one is missing."""
        rng = Random(f"kinship {self._seed}")
        for number, first in enumerate(self._first):
            for place, kind in enumerate(_KINDS[self._kind[number]], start=1):
                if first + place < self.count and rng.random() < rates.KIN_RECORDED:
                    yield FamilyTie(first, first + place, kind, _confidence(rng))
            if self._origin[number] != number and rng.random() < rates.KIN_RECORDED:
                yield FamilyTie(first, self._first[self._origin[number]], "parent", _confidence(rng))


def client_id(client: int) -> str:
    """Name a client on the wire."""
    return f"C{client + 1:07d}"


def _confidence(rng: Random) -> float:
    return 0.3 if rng.random() < rates.WRONG_CONFIDENCE else 0.9
