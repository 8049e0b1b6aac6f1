"""A random agency and a random day of it: small, crowded, and full of what rules ask about."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.plain_rules import Doc, World

#: Friday 20 November 2026, 08:00 in Auckland.
MORNING = datetime(2026, 11, 19, 19, tzinfo=UTC)
SITES = ["AKL", "WLG", "CHC", "DUD"]
PROGRAMMES = ["jobs", "housing", "super"]
ROLES = ["case_manager", "contact_centre", "quality_assurance", "fraud_investigation", "staff_assistance", "media"]
WORK = [
    "case_management", "application", "review", "appointment", "call", "quality_check", "investigation",
    "staff_assistance",
]  # fmt: skip
KINDS = [
    "partner", "former_partner", "parent", "child", "sibling", "grandparent", "whanau", "household", "friend",
    "acquaintance", "club", "business", "colleague",
]  # fmt: skip
SECTIONS = ["identity", "address", "contact", "income", "tax_number", "notes"]
STAFF, UNITS, CLIENTS, ACCESSES = 300, 40, 600, 10_000


def at(moment: datetime) -> str:
    """A time as a document has it."""
    return moment.isoformat()


class RandomDay:
    """Everything from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 a seeded day
        self.clients = [f"C{number}" for number in range(CLIENTS)]
        self.world = World(
            staff=[self._staff(number) for number in range(STAFF)],
            client=[self._client(one) for one in self.clients],
            relationship=[self._relationship(number) for number in range(400)],
            work=[self._work(number) for number in range(4_000)],
            watchlist=[self._entry(number) for number in range(12)],
            agreement=[self._agreement(number) for number in range(8)],
        )
        self.known: dict[str, list[str]] = {}
        for one in self.world.relationship:
            for staff, client in ((one["a"], one["b"]), (one["b"], one["a"])):
                if staff.startswith("staff:") and client.startswith("client:"):
                    self.known.setdefault(staff.removeprefix("staff:"), []).append(client.removeprefix("client:"))
        self.accesses = self._day()

    def _maybe(self, share: float, name: str, value: Any) -> Doc:
        return {name: value} if self.chance.random() < share else {}

    def _links(self) -> Doc:
        tokens = {"address": 60, "phone": 150, "email": 300, "bank_account": 250}
        return {
            kind: f"{kind}-{self.chance.randint(1, many)}"
            for kind, many in tokens.items()
            if self.chance.random() < 0.3
        }

    def _staff(self, number: int) -> Doc:
        pick = self.chance.choices
        return {
            "staff_id": f"S{number}",
            "kind": pick(["employee", "contractor", "third_party", "service"], [80, 8, 6, 6])[0],
            "status": pick(["active", "on_leave", "suspended", "ended"], [92, 3, 2, 3])[0],
            "org_unit": f"U{number % UNITS}",
            "roles": self.chance.sample(ROLES, self.chance.choice([0, 1, 1, 2])),
            # Nobody shares a record with another staff member: each has their own part of the clients.
            "client_ids": [f"C{number}"] if number % 2 else [],
            "links": self._links(),
            **self._maybe(0.8, "employer", f"P{number % 3}"),
            **self._maybe(0.05, "start_date", self.chance.choice(["2026-11-20", "2026-11-21", "2020-01-01"])),
            **self._maybe(0.05, "end_date", self.chance.choice(["2026-11-19", "2026-11-20", "2030-01-01"])),
            **self._maybe(0.05, "leave", [{"from": "2026-11-16", "to": f"2026-11-{self.chance.choice([19, 20])}"}]),
            **self._maybe(
                0.6, "scope", {"sites": self.chance.sample(SITES, self.chance.randint(0, 2)), "programmes": ["jobs"]}
            ),
        }  # fmt: skip

    def _client(self, client_id: str) -> Doc:
        return {
            "client_id": client_id,
            "status": self.chance.choices(["active", "closed", "deceased"], [80, 12, 8])[0],
            "links": self._links(),
            **self._maybe(0.7, "site", self.chance.choice(SITES)),
            **self._maybe(0.7, "programme", self.chance.choice(PROGRAMMES)),
            **self._maybe(0.03, "restricted", True),
        }

    def _node(self) -> str:
        if self.chance.random() < 0.4:
            return f"staff:S{self.chance.randint(0, STAFF - 1)}"
        return f"client:{self._anyone()}"

    def _anyone(self) -> str:
        """A client, now and then one in no client record."""
        if self.chance.random() < 0.02:
            return f"X{self.chance.randint(1, 20)}"
        return self.chance.choice(self.clients)

    def _relationship(self, number: int) -> Doc:
        return {
            "relationship_id": f"R{number}",
            "a": self._node(),
            "b": self._node(),
            "kind": self.chance.choice(KINDS),
            "source": "declared",
            **self._maybe(0.5, "confidence", self.chance.choice([0.4, 0.5, 0.7, 0.8, 0.9])),
            **self._maybe(0.2, "valid_from", self.chance.choice(["2026-11-20", "2026-11-21", "2020-01-01"])),
            **self._maybe(0.2, "valid_to", self.chance.choice(["2026-11-19", "2026-11-20", "2030-01-01"])),
        }

    def _work(self, number: int) -> Doc:
        opened = MORNING - timedelta(hours=self.chance.randint(-40, 2_000))
        mine = self.chance.random() < 0.6
        return {
            "work_id": f"W{number}",
            "client_id": self._anyone(),
            "kind": self.chance.choice(WORK),
            "opened_at": at(opened),
            **({"staff_id": f"S{self.chance.randint(0, 59)}"} if mine else {"org_unit": f"U{number % UNITS}"}),
            **self._maybe(0.4, "closed_at", at(opened + timedelta(hours=self.chance.randint(1, 1_000)))),
        }

    def _entry(self, number: int) -> Doc:
        published = MORNING - timedelta(hours=self.chance.randint(-8, 300))
        return {
            "entry_id": f"M{number}",
            "client_ids": [self._anyone() for _ in range(2)],
            "label": "In the news",
            "published_at": at(published),
            **self._maybe(0.3, "expires_at", at(published + timedelta(hours=100))),
            **self._maybe(0.3, "half_life_hours", self.chance.choice([1, 24, 500])),
        }

    def _agreement(self, number: int) -> Doc:
        return {
            "agreement_id": f"A{number}",
            "party": f"P{number % 3}",
            "records_max": self.chance.choice([100, 200, 10_000]),
            "valid_from": self.chance.choice(["2026-01-01", "2026-01-01", "2026-11-20"]),
            "owner": "S1",
            **self._maybe(0.3, "valid_to", self.chance.choice(["2026-11-19", "2026-11-20"])),
            **self._maybe(0.3, "sections", ["identity", "income"]),
        }

    def _day(self) -> list[Doc]:
        """Accesses in the order of their arrival: some late by days, some twice, a few bursts."""
        chance = self.chance
        arrivals = []
        for number in range(ACCESSES):
            second = chance.uniform(0, 9 * 3600)
            late = timedelta(0)
            if chance.random() < 0.15:
                late = timedelta(minutes=chance.randint(1, 90))
            elif chance.random() < 0.05:
                late = timedelta(days=chance.randint(1, 31))
            arrivals.append((second, self._access(f"E{number}", MORNING + timedelta(seconds=second) - late)))
        for burst in range(6):
            begin, staff = chance.uniform(0, 8 * 3600), f"S{chance.randint(0, STAFF - 1)}"
            for number in range(chance.randint(45, 110)):
                second = begin + number * 25
                access = self._access(f"B{burst}-{number}", MORNING + timedelta(seconds=second)) | {"staff_id": staff}
                if burst % 2:
                    access |= {"action": "search", "client_id": None, "search": {"fields": ["name"], "result_count": 2}}
                arrivals.append((second, access))
        arrivals += self._partners_former()
        for pair in range(15):
            staff, client = f"S{chance.randint(0, STAFF - 1)}", self._anyone()
            for number in range(5):
                second, late = chance.uniform(0, 9 * 3600), timedelta(days=chance.randint(0, 31))
                access = self._access(f"V{pair}-{number}", MORNING + timedelta(seconds=second) - late)
                arrivals.append((second, access | {"staff_id": staff, "client_id": client}))
        arrivals += [(second + chance.uniform(0, 3_600), access) for second, access in chance.sample(arrivals, 300)]
        arrivals.sort(key=lambda one: one[0])
        return [access for _, access in arrivals]

    def _partners_former(self) -> Iterator[tuple[float, Doc]]:
        """Accesses to the former partners of partners."""
        former = [one for one in self.world.relationship if one["kind"] == "former_partner"]
        for number, first in enumerate(one for one in self.world.relationship if one["kind"] == "partner"):
            for near, shared in ((first["a"], first["b"]), (first["b"], first["a"])):
                ends = [{one["a"]: one["b"], one["b"]: one["a"]}.get(shared, "") for one in former]
                for far in [end for end in ends if near.startswith("staff:") and end.startswith("client:")]:
                    second = self.chance.uniform(0, 9 * 3600)
                    access = self._access(f"P{number}-{far}", MORNING + timedelta(seconds=second))
                    whom = {"staff_id": near.removeprefix("staff:"), "client_id": far.removeprefix("client:")}
                    yield second, access | whom

    def _access(self, event_id: str, moment: datetime) -> Doc:
        chance = self.chance
        action = chance.choices(["view", "search", "update", "print", "export"], [70, 15, 8, 5, 2])[0]
        busy = chance.random() < 0.5
        staff = f"S{chance.randint(0, 59 if busy else STAFF - 1)}" if chance.random() > 0.01 else "nobody"
        search = {"fields": chance.sample(["name", "address", "phone", "client_id"], 2), "result_count": 1}
        opened = chance.random() > (0.5 if action in {"search", "export"} else 0.02)
        return {
            "event_id": event_id,
            "occurred_at": at(moment),
            "staff_id": staff,
            "action": action,
            "client_id": self._whom(staff, busy=busy) if opened else None,
            "sections": chance.sample(SECTIONS, chance.choice([0, 1, 1, 2])),
            "channel": chance.choices(["desktop", "mobile", "api", "batch"], [60, 10, 15, 15])[0],
            "site": chance.choices([None, "AKL", "WLG"], [30, 68, 2])[0],
            **self._maybe(0.3, "work_id", f"W{chance.randint(0, 4_200)}"),
            **({"search": search} if action == "search" else {}),
            **({"record_count": chance.choice([1, 5, 20, 100, 200, 5_000])} if action in {"print", "export"} else {}),
            **(self._maybe(0.5, "agreement_id", f"A{chance.randint(0, 9)}") if action in {"print", "export"} else {}),
        }  # fmt: skip

    def _whom(self, staff: str, *, busy: bool) -> str:
        """Anyone; some whom many open; now and then somebody whom the actor, or one of their unit, knows."""
        if self.chance.random() < 0.08:
            unit = range(int(staff[1:]) % UNITS, STAFF, UNITS) if staff != "nobody" else ()
            near = [
                client for one in ([staff] if busy else [f"S{n}" for n in unit]) for client in self.known.get(one, [])
            ]
            if near:
                return self.chance.choice(near)
        return self._anyone() if busy else self.chance.choice(self.clients[STAFF:])
