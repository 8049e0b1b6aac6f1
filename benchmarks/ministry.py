"""The ministry that every table is measured on: its reference data in Redis, its accesses on a topic.

All of it is the simulator's: the same seed gives the same records on any machine. Reference data are put into Redis as
the ``reference`` agent does, without Kafka between: how fast they are loaded is no subject here.
"""

import sys
from collections.abc import Iterator
from datetime import date
from itertools import chain, cycle, islice
from time import monotonic
from typing import cast

import orjson
import redis.asyncio

from enrichment.decode import decode
from enrichment.reference.layout import KINDS, ReferenceKind, index_entries, record_id
from enrichment.reference.redis import Change, RedisReferenceStore
from simulator.records import Played, Reference
from simulator.world import World

SEED = 1
DAY = date(2026, 11, 20)
#: When the sources published what they know, in milliseconds since 1970; before the day.
PUBLISHED_MS = 1_793_000_000_000
EPOCH = "benchmark.1"
_RECORDS_PER_STEP = 500


class Ministry:
    """How large it is, and the beginning of one working day of it."""

    def __init__(
        self, staff: int = 8_044, clients: int = 1_200_000, accesses: int = 200_000, own_records: float = 0.0
    ) -> None:
        """Found the agency and play the beginning of its day.

        Args:
            staff: how many staff records.
            clients: how many client records.
            accesses: how many accesses; what becomes known meanwhile is known from the start.
            own_records: share of the accesses whose client is made one of the actor's own, which is always a hit.
        """
        self._world = World(SEED, DAY, days=1, staff=staff, clients=clients)
        self.accesses: list[tuple[bytes, bytes]] = []
        self._news: list[Reference] = []
        for one in self._world.day(0):
            if isinstance(one, Played):
                self.accesses.append((one.key.encode(), one.value))
            else:
                self._news.append(one.record)
            if len(self.accesses) == accesses:
                break
        if own_records:
            self._look_at_their_own(round(1 / own_records))

    def _look_at_their_own(self, every: int) -> None:
        known = (orjson.loads(record.value) for record in self._world.reference() if record.kind == "staff")
        own = cycle((each["staff_id"], each["client_ids"][0]) for each in known if each.get("client_ids"))
        for at in range(0, len(self.accesses), every):
            staff_id, client_id = next(own)
            access = orjson.loads(self.accesses[at][1]) | {"staff_id": staff_id, "client_id": client_id}
            self.accesses[at] = staff_id.encode(), orjson.dumps(access)

    def reference(self) -> Iterator[tuple[ReferenceKind, bytes]]:
        """Yield every reference record."""
        for one in chain(self._world.reference(), self._news):
            yield cast("ReferenceKind", one.kind), one.value


async def put_reference(client: "redis.asyncio.Redis", namespace: str, ministry: Ministry) -> RedisReferenceStore:
    """Put all reference data into an empty Redis; the reference store that is returned reads them."""
    references = RedisReferenceStore(client, namespace)
    epoch = await references.begin(EPOCH)
    began, offset = monotonic(), 0
    records = iter(ministry.reference())
    while step := list(islice(records, _RECORDS_PER_STEP)):
        changes = []
        for number, (kind, value) in enumerate(step, start=offset):
            model = decode(KINDS[kind][0], value)
            changes.append(Change(number, kind, record_id(kind, model), index_entries(model, PUBLISHED_MS)))
        offset += len(step)
        await references.apply(epoch, "benchmark:0", changes, offset)
    references.epoch = epoch
    sys.stderr.write(f"{offset:,} reference records put into Redis in {monotonic() - began:.0f} s\n")
    return references
