"""Work that becomes known after an access was judged renews its assessment, once.

Accesses without a work reason wait in Redis, by client, for ``work_grace_hours`` and a margin. Both sides write before
they look: whoever screens writes the access and then looks at the work known by now; whoever reads reference data has
applied the work and then looks at the accesses that wait. So whichever comes first, one of the two sees the other.

    late:<client id>    hash    event id -> assessment and actor, packed

What waits is lost with Redis, and read again from Kafka (``stream/refill.py``); alerts, which are in the alert store,
are revised all the same. A crash between the publication and the forgetting renews once more, with the same content.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
import redis.asyncio
from pydantic import TypeAdapter

from agents.metrics import Metrics
from agents.outputs import Outputs, TooLarge
from alerts.assessment import Assessment
from alerts.detection.work_reasons import (
    Actor,
    Policy,
    WorkReason,
    explain,
    known_in_time,
    strongest_first,
    work_reason,
)
from enrichment.facts import Known
from enrichment.log import events
from enrichment.lookup import ReferenceStore
from enrichment.reference.redis import answer
from enrichment.relationship_graph import client_node
from enrichment.schemas import Work

#: What comes on top of the grace before an access waits no longer: for a reader that has fallen behind.
MARGIN: Final = timedelta(hours=24)
#: Accesses to one client that wait at most; those past it are not renewed.
WAITING_PER_CLIENT_MAX: Final = 1_000
_log = events(__name__)
_KEEP: Final = """
for n = 1, #KEYS do
    local at = 2 * n - 1
    if redis.call('HLEN', KEYS[n]) < tonumber(ARGV[#ARGV - 1]) then
        redis.call('HSET', KEYS[n], ARGV[at], ARGV[at + 1])
        redis.call('EXPIRE', KEYS[n], ARGV[#ARGV])
    end
end
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An assessment without a work reason, and the actor as known when it was judged."""

    assessment: Assessment
    actor: Actor | None

    @property
    def staff_id(self) -> str:
        """The actor's."""
        return self.assessment.staff_id

    @property
    def client_id(self) -> str | None:
        """The client's whose record was opened."""
        return self.assessment.client_id

    @property
    def occurred_at(self) -> datetime:
        """When it was opened."""
        return self.assessment.occurred_at

    @property
    def work_id(self) -> str | None:
        """The work item that the access carried."""
        return self.assessment.access.work_id if self.assessment.access is not None else None


_WAITING: Final = TypeAdapter(Waiting)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Keeps accesses that wait for work, and renews them; ``references`` is read past any cache."""

    redis: "redis.asyncio.Redis"
    namespace: str
    references: ReferenceStore
    outputs: Outputs
    topic: str
    policy: Callable[[], Policy]
    metrics: Metrics

    async def keep(self, unexplained: Sequence[Waiting]) -> None:
        """Let accesses without a work reason wait, and renew those of which the work has become known meanwhile.

        Raises:
            NotReadable: Redis does not answer.
            NotPublished: Kafka has not taken a renewal.
        """
        waiting = {one.assessment.event_id: one for one in unexplained}
        if not waiting:
            return
        keys = [self._key(one.client_id or "") for one in waiting.values()]
        fields = [text for event_id, one in waiting.items() for text in (event_id, _packed(one))]
        kept_seconds = int((self.policy().work_grace + MARGIN).total_seconds())
        await answer(self.redis.eval(_KEEP, len(keys), *keys, *fields, WAITING_PER_CLIENT_MAX, kept_seconds))
        found = await self.references.read({client_node(one.client_id or "") for one in waiting.values()})
        work = {node.partition(":")[2]: entity.work for node, entity in found.items() if entity.work}
        if work:
            await self._renew({key: one for key, one in waiting.items() if one.client_id in work}, work)

    async def renew(self, published: Sequence[Known[Work]]) -> None:
        """Renew what waits for these work items, which are applied already.

        Raises:
            NotReadable: Redis does not answer.
            NotPublished: Kafka has not taken a renewal.
        """
        oldest = datetime.now(UTC) - self.policy().work_grace - MARGIN
        work: dict[str, list[Known[Work]]] = {}
        for one in published:
            if one.as_of >= oldest:
                work.setdefault(one.value.client_id, []).append(one)
        if not work:
            return
        pipeline = self.redis.pipeline(transaction=False)
        for client_id in work:
            pipeline.hgetall(self._key(client_id))
        waiting: dict[str, Waiting] = {}
        for fields in await answer(pipeline.execute()):
            waiting |= {event_id.decode(): _unpacked(packed) for event_id, packed in fields.items()}
        if waiting:
            await self._renew(waiting, work)

    async def _renew(self, waiting: Mapping[str, Waiting], work: Mapping[str, Sequence[Known[Work]]]) -> None:
        policy = self.policy()
        renewed = []
        for one in waiting.values():
            reasons = [
                reason
                for item in work.get(one.client_id or "", ())
                if known_in_time(one, item, policy)
                and (reason := work_reason(one, one.actor, item, policy)) is not None
            ]
            if reasons:
                renewed.append((one, _explained(one.assessment, reasons)))
        if not renewed:
            return
        for one, assessment in renewed:
            try:
                await self.outputs.send(self.topic, one.staff_id.encode(), orjson.dumps(assessment))
            except TooLarge:
                # What was said of it first stands; the alert, if there is one, is revised all the same.
                _log.warning("assessment-not-renewed", topic=self.topic)
        await self.outputs.flush()
        pipeline = self.redis.pipeline(transaction=False)
        for one, assessment in renewed:
            pipeline.hdel(self._key(one.client_id or ""), assessment.event_id)
        self.metrics.renewed.inc(sum(await answer(pipeline.execute())))

    def _key(self, client_id: str) -> str:
        return f"{self.namespace}late:{client_id}"


def _explained(assessment: Assessment, reasons: list[WorkReason]) -> Assessment:
    """Return an assessment with the strongest of these work reasons."""
    outcome = "explained" if assessment.outcome == "unexplained" else assessment.outcome
    explanation = explain(strongest_first(reasons)[0])
    return replace(assessment, outcome=outcome, explanation=explanation, explained_later=True)


def _packed(waiting: Waiting) -> bytes:
    return zlib.compress(orjson.dumps(waiting))


def _unpacked(packed: bytes) -> Waiting:
    return _WAITING.validate_json(zlib.decompress(packed))
