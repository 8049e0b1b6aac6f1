"""The accesses of a run, drawn from its seed: ordinary ones, planted ones, and what a bad day brings with them."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults import agency

#: What may be wrong with the stream itself; each is counted when it is really sent.
SPICES = ("poison", "duplicates", "disorder", "clock-skew", "daylight-saving")

POISON_SHARE = 0.10
DUPLICATE_SHARE = 0.05
DISORDER_SHARE = 0.20
SKEW_SHARE = 0.10
SAVING_SHARE = 0.05
PLANTED_SHARE = 0.07
#: A duplicate follows its original within so many records.
DUPLICATE_WITHIN = 3_000
DISORDER_DAYS = 2
SKEW = timedelta(hours=1)

#: New Zealand's clocks go forward on 27 September 2026 at 02:00 (14:00 UTC the day before), and back on 5 April 2026
#: at 03:00. Instants around that, and at both ends of the short and of the long day: UTC, and the date as it must be.
SAVING_INSTANTS = {
    "2026-09-26T11:59:59Z": "2026-09-26", "2026-09-26T12:00:00Z": "2026-09-27",
    "2026-09-26T13:59:59Z": "2026-09-27", "2026-09-26T14:00:00Z": "2026-09-27",
    "2026-09-27T10:59:59Z": "2026-09-27", "2026-09-27T11:00:00Z": "2026-09-28",
    "2026-04-04T10:59:59Z": "2026-04-04", "2026-04-04T11:00:00Z": "2026-04-05",
    "2026-04-04T13:30:00Z": "2026-04-05", "2026-04-04T14:30:00Z": "2026-04-05",
    "2026-04-05T11:59:59Z": "2026-04-05", "2026-04-05T12:00:00Z": "2026-04-06",
}  # fmt: skip

_POISON: tuple[bytes | None, ...] = (
    b"{no json", b"\xff\xfe", b'{"a": NaN}', b"[" * 65 + b"]" * 65, None, b"[]", b'{"event_id": 7}',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it goes to Kafka."""

    key: bytes
    value: bytes | None
    timestamp_ms: int


@dataclass(slots=True)
class Workload:
    """Draws records without end, and remembers what it drew."""

    seed: int
    spices: tuple[str, ...] = SPICES
    #: How much of what is planted is sent: an ordinary day has few hits.
    planted: float = 1.0
    #: So many more staff members do what is ordinary: forty of them alone would do more in an hour than anybody can.
    crowd: int = 0
    #: The value of each good record -> the access in it. Everything else that stands in the topic is poison.
    good: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _dice: random.Random = field(init=False)
    _crowd: list[str] = field(init=False)
    _clients: list[str] = field(init=False)
    _again: list[tuple[int, Sent]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        """Seed the dice."""
        self._dice = random.Random(self.seed)  # noqa: S311 seeded on purpose
        self._crowd, self._clients = agency.crowd(self.crowd)

    def draw(self, count: int) -> list[Sent]:
        """Draw so many records, duplicates and poison among them."""
        return [record for _, record in zip(range(count), self._records(), strict=False)]

    def _records(self) -> Iterator[Sent]:
        while True:
            self._number += 1
            if self._again and self._again[0][0] <= self._number:
                self.counts["duplicates"] += 1
                yield self._again.pop(0)[1]
            elif "poison" in self.spices and self._dice.random() < POISON_SHARE:
                self.counts["poison"] += 1
                yield self._poisoned()
            else:
                yield self._access()

    def _access(self) -> Sent:
        now = datetime.now(UTC)
        occurred, sent_at = self._times(now)
        access = self._who() | {"event_id": f"e{self.seed}-{self._number}", "occurred_at": occurred}
        value = json.dumps(access).encode()
        self.good[value] = access
        sent = Sent(str(access["staff_id"]).encode(), value, int(sent_at.timestamp() * 1000))
        if "duplicates" in self.spices and self._dice.random() < DUPLICATE_SHARE:
            # Half of them under another key: in another partition, most likely.
            key = sent.key if self._dice.random() < 0.5 else b"another"
            self._again.append(
                (self._number + self._dice.randint(1, DUPLICATE_WITHIN), Sent(key, value, sent.timestamp_ms))
            )
            self._again.sort(key=lambda one: one[0])
        return sent

    def _times(self, now: datetime) -> tuple[str, datetime]:
        """Return when it occurred, and when its record says that it was made."""
        drawn = self._dice.random()
        for spice, share in (
            ("disorder", DISORDER_SHARE),
            ("clock-skew", SKEW_SHARE),
            ("daylight-saving", SAVING_SHARE),
        ):
            if spice in self.spices and drawn < share:
                self.counts[spice] += 1
                if spice == "disorder":
                    return (now - timedelta(days=self._dice.random() * DISORDER_DAYS)).isoformat(), now
                if spice == "clock-skew":
                    ahead = self._dice.random() < 0.5
                    return ((now + SKEW).isoformat(), now) if ahead else (now.isoformat(), now - SKEW)
                return self._dice.choice(list(SAVING_INSTANTS)).replace("Z", "+00:00"), now
            drawn -= share
        return now.isoformat(), now

    def _who(self) -> dict[str, Any]:
        """Draw who opened what: a share of each planted thing, and ordinary ones."""
        dice = self._dice
        staff, sibling = dice.choice(agency.STAFF), dice.choice(list(agency.SIBLINGS))
        planted = {
            0.03: _view(staff, agency.OWN[staff]),
            0.04: _view(dice.choice(agency.GHOSTS), dice.choice(agency.NEUTRAL)),
            0.05: _view(staff, dice.choice(agency.RESTRICTED)),
            0.06: _view(agency.SERVICE, None) | {"channel": "desktop"},
            0.07: _view(sibling, agency.SIBLINGS[sibling]),
            0.20: _view(staff, None),
            0.60: _view(staff, dice.choice(agency.WORK.get(staff, agency.NEUTRAL))),
            1.00: _view(staff, dice.choice(agency.NEUTRAL)),
        }
        drawn = dice.random()
        if drawn < PLANTED_SHARE and dice.random() >= self.planted:
            drawn = 1 - drawn
        if self._crowd and drawn >= PLANTED_SHARE:
            return _view(dice.choice(self._crowd), dice.choice(self._clients))
        return next(access for share, access in planted.items() if drawn < share)

    def _poisoned(self) -> Sent:
        """One that can never be read; each its own, so that bytes can be compared."""
        value = self._dice.choice(_POISON)
        if value is not None and self._dice.random() < 0.5:
            value = value + str(self._number).encode()
        key = self._dice.choice(agency.STAFF).encode()
        return Sent(key, value, int(datetime.now(UTC).timestamp() * 1000))


def _view(staff_id: str, client_id: str | None) -> dict[str, Any]:
    access = {"staff_id": staff_id, "action": "view"}
    return access | ({"client_id": client_id} if client_id is not None else {})
