"""The way of a reference record: validate or park, then into Redis, in order per partition.

Redis knows how far each topic is applied, in the same step as the data: its word, not Kafka's commits, says where to
read on. So an emptied Redis is filled again by reading from the beginning.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agents.batch import Batch, Chunk, Record, partition_key, published_at, value_of
from agents.dead_letter import DeadLetter, DeadLetterLimit, DeadLetters
from agents.metrics import Metrics
from agents.outputs import NotPublished, Outputs
from agents.pipelining import carry_one_by_one
from agents.renewal import Renewal
from agents.retry import Hold
from enrichment.decode import Invalid, Refused, decode
from enrichment.facts import Known
from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.reference.layout import KINDS, ReferenceKind, deletes, index_entries, record_id
from enrichment.reference.redis import Change, EpochChanged, RedisReferenceStore
from enrichment.schemas import Work

#: Records applied to Redis in one step; it answers nobody else meanwhile.
RECORDS_PER_STEP_MAX = 500
#: Records decoded before others have their turn.
RECORDS_PER_TURN = 50

T = TypeVar("T")

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Reference:
    """Carries batches of reference records through."""

    references: RedisReferenceStore
    outputs: Outputs
    parking: DeadLetters
    limit: DeadLetterLimit
    hold: Hold
    metrics: Metrics
    #: Topic name -> the kind of record that it holds.
    kinds: Mapping[str, ReferenceKind]
    renewal: Renewal

    async def attach(self, batches: AsyncIterator[Batch]) -> None:
        """Take batches until there are no more, and acknowledge each when it is done."""
        await carry_one_by_one(batches, self.carry, self.metrics.batch_seconds.labels("reference"))

    async def carry(self, batch: Batch) -> None:
        """Carry one batch through; return when Redis has it and Kafka has acknowledged what was parked.

        A batch that was read for an epoch which is over is dropped: everything is being read again for the new one.
        While Redis works on one step, the next is decoded; a step begins when the one before it is done.
        """
        # Not the epoch of now: a batch that waited while Redis was emptied stands behind what must be read again.
        epoch = batch.read_for
        under_way: asyncio.Task[None] | None = None
        try:
            for step in _steps(batch):
                work: list[Known[Work]] = []
                changes = await self._changes(epoch, step, work)
                if under_way is not None:
                    await under_way
                under_way = asyncio.create_task(self._apply(epoch, step, changes, work))
            if under_way is not None:
                await under_way
        except EpochChanged:
            return
        finally:
            if under_way is not None:
                under_way.cancel()

    async def _apply(self, epoch: str, step: Chunk, changes: list[Change], work: list[Known[Work]]) -> None:
        partition, following = partition_key(step.topic, step.partition), step.records[-1].offset + 1
        applied = await self._answered(partial(self.references.apply, epoch, partition, changes, following))
        if applied.unmatched:
            self.metrics.deletions_unmatched.labels(step.topic).inc(applied.unmatched)
            _log.warning("deletion-matched-nothing", topic=step.topic, number=applied.unmatched)
        if work:
            await self.hold.until_it_works(lambda: self.renewal.renew(work), (NotReadable, NotPublished))

    async def _answered(self, asked: Callable[[], Awaitable[T]]) -> T:
        """Ask Redis until it answers."""

        async def once() -> T:
            try:
                return await asked()
            except NotReadable as error:
                raise Unanswered(str(error)) from error

        return await self.hold.until_it_works(once, (Unanswered,))

    async def _changes(self, epoch: str, step: Chunk, work: list[Known[Work]]) -> list[Change]:
        """Read the records of a step, and put the work items among them into *work*.

        What is parked is acknowledged by Kafka before Redis goes past it.
        """
        kind = self.kinds[step.topic]
        changes: list[Change] = []
        parked: list[DeadLetter] = []
        for number, record in enumerate(step.records):
            if number % RECORDS_PER_TURN == 0:
                # Whatever else is under way, above all the step before this one, has its turn.
                await asyncio.sleep(0)
            try:
                value = value_of(record)
                changes.append(
                    await self._deletion(epoch, kind, record, changes)
                    if value is None
                    else self._change(kind, record, value, work)
                )
            except Refused as refusal:
                parked.append(DeadLetter(record, refusal.stage, type(refusal).__name__, str(refusal)))
        await self.limit.admit(Batch((step,)), parked)
        await self.hold.until_it_works(lambda: self._park(parked), (NotPublished,))
        for letter in parked:
            self.parking.count(letter)
        return changes

    async def _deletion(self, epoch: str, kind: ReferenceKind, record: Record, before: list[Change]) -> Change:
        found = deletes(kind, record.key)
        if found.id is None:
            return Change(record.offset, kind, found.instead or "", None)
        # Rare enough to be asked for alone: it is parked unless a record really has such an id.
        if (
            found.unknown is not None
            and all(change.id != found.id for change in before)
            and not await self._answered(partial(self.references.holds, epoch, kind, found.id))
        ):
            raise Invalid(found.unknown)
        return Change(record.offset, kind, found.id, None, found.instead)

    def _change(self, kind: ReferenceKind, record: Record, value: bytes, work: list[Known[Work]]) -> Change:
        read = decode(KINDS[kind][0], value)
        if isinstance(read, Work):
            work.append(Known(read, published_at(record)))
        unknown = read.unknown_fields()
        if unknown:
            self.metrics.unknown_fields.labels(record.topic).inc(unknown)
        return Change(record.offset, kind, record_id(kind, read), index_entries(read, record.timestamp))

    async def _park(self, parked: list[DeadLetter]) -> None:
        for letter in parked:
            await self.parking.park(letter)
        if parked:
            await self.outputs.flush()


class Unanswered(Exception):  # noqa: N818 it names a state, which passes
    """Redis did not answer; the same step may be tried again."""


def _steps(batch: Batch) -> Iterator[Chunk]:
    for chunk in batch.chunks:
        for start in range(0, len(chunk.records), RECORDS_PER_STEP_MAX):
            yield Chunk(chunk.topic, chunk.partition, chunk.records[start : start + RECORDS_PER_STEP_MAX])
