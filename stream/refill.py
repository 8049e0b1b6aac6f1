"""Accesses that wait for late work, put back into Redis from ``integrity.assessment.v1`` after Redis lost them.

They lie in Redis (``agents/renewal.py``), so what waited is gone with it. Once in each epoch of the reference data, by
one worker of all, the assessments of the time in which work may still become known are read again: those that nothing
explains and nothing has explained since wait again, and those whose work has become known meanwhile are renewed. Two
readings: the first finds out which were renewed.

    late:filled   string  the epoch for which that is done
    late:filling  string  there while a worker does it
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.outputs import NotPublished
from agents.renewal import MARGIN, Renewal, Waiting
from alerts.assessment import ASSESSMENT
from alerts.detection.work_reasons import Actor
from enrichment.errors import why
from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.reference.redis import RedisReferenceStore, answer
from stream.topic_admin import TopicEnds
from stream.unreadable import poll

if TYPE_CHECKING:
    from enrichment.schemas import StaffKind

#: Seconds between looks whether it is to be done.
LOOK_SECONDS: Final = 5.0
#: Seconds after which another worker takes over from one that has not said that it goes on.
FILLING_SECONDS: Final = 60
#: Assessments kept in one step.
KEPT_PER_STEP_MAX: Final = 500
#: Renewed assessments that are remembered; past them an access may be renewed twice.
RENEWED_MAX: Final = 1_000_000
#: Milliseconds that one poll waits, and polls in a row without records after which the rest holds none.
_POLL_MS: Final = 500
_EMPTY_POLLS_MAX: Final = 6
#: How an assessment without a reason begins what it says of it, and one that was renewed: most are not unpacked.
_UNEXPLAINED: Final = b'"explanation":null'
_RENEWED: Final = b'"explained_later":true'

_log = events(__name__)


@dataclass(slots=True)
class Refill:
    """Looks whether accesses are to wait again, and lets them."""

    renewal: Renewal
    references: RedisReferenceStore
    options: Mapping[str, Any]
    topic: str
    #: Whether the reference data are complete: whoever waits is compared with them.
    complete: Callable[[], bool]

    @property
    def _redis(self) -> "redis.asyncio.Redis":
        return self.renewal.redis

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.once()
            except (NotReadable, NotPublished, KafkaError, OSError, TimeoutError) as error:
                _log.warning("late-work-not-refilled", why=why(error))

    async def once(self) -> None:
        """Fill once more where it has not been done for this epoch.

        Raises:
            NotReadable, NotPublished, KafkaError: it could not be done; it is tried again.
        """
        epoch = self.references.epoch
        if epoch is None or not self.complete():
            return
        done, doing = f"{self.renewal.namespace}late:filled", f"{self.renewal.namespace}late:filling"
        filled = await answer(self._redis.get(done))
        if filled == epoch.encode() or not await answer(self._redis.set(doing, "1", nx=True, ex=FILLING_SECONDS)):
            return
        try:
            number = await self._fill(doing)
            await answer(self._redis.set(done, epoch))
        finally:
            await answer(self._redis.delete(doing))
        if number:
            _log.info("late-work-refilled", number=number)

    async def _fill(self, doing: str) -> int:
        """Return how many accesses wait again."""
        since = datetime.now(UTC) - self.renewal.policy().work_grace - MARGIN
        renewed: set[str] = set()
        async for values in self._assessments(since):
            for value in values:
                if _RENEWED in value and len(renewed) < RENEWED_MAX:
                    renewed.add(ASSESSMENT.validate_json(value).event_id)
            await answer(self._redis.expire(doing, FILLING_SECONDS))
        number = 0
        async for values in self._assessments(since):
            waiting = [one for value in values if _UNEXPLAINED in value and (one := _waiting(value)) is not None]
            again = [one for one in waiting if one.assessment.event_id not in renewed and one.occurred_at >= since]
            for start in range(0, len(again), KEPT_PER_STEP_MAX):
                await self.renewal.keep(again[start : start + KEPT_PER_STEP_MAX])
            number += len(again)
            await answer(self._redis.expire(doing, FILLING_SECONDS))
        return number

    async def _assessments(self, since: datetime) -> AsyncIterator[list[bytes]]:
        """Yield the values published from then until now, those of each poll."""
        ends = TopicEnds(self.options)
        consumer = AIOKafkaConsumer(**self.options, enable_auto_commit=False, isolation_level="read_committed")
        try:
            await ends.start()
            await consumer.start()
            uppers = await ends.offsets([self.topic])
            partitions = await ends.partitions([self.topic])
            consumer.assign(partitions)
            at = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
            positions = {tp: found.offset for tp in partitions if (found := at.get(tp)) is not None}
            positions = {tp: offset for tp, offset in positions.items() if offset < uppers[_name(tp)]}
            consumer.assign(list(positions))
            for tp, offset in positions.items():
                consumer.seek(tp, offset)
            empty = 0
            while positions and empty < _EMPTY_POLLS_MAX:
                found = await poll(consumer, self.options, positions, _POLL_MS)
                empty = 0 if found else empty + 1
                yield [one.value for records in found.values() for one in records if one.value is not None]
                for tp in [tp for tp, position in positions.items() if position >= uppers[_name(tp)]]:
                    del positions[tp]
        finally:
            await consumer.stop()
            await ends.stop()


def _name(tp: TopicPartition) -> str:
    return f"{tp.topic}:{tp.partition}"


def _waiting(value: bytes) -> Waiting | None:
    """Return an assessment that waits for work; None where it opened no client record."""
    assessment = ASSESSMENT.validate_json(value)
    if assessment.client_id is None or assessment.explanation is not None:
        return None
    actor = assessment.actor
    return Waiting(
        assessment, None if actor is None else Actor(cast("StaffKind", actor.kind), actor.org_unit, actor.roles)
    )
