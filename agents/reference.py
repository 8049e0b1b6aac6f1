"""The way of a reference record: validate or park, then into Redis, in order per partition.

Redis knows how far each topic is applied, in the same step as the data: its word, not Kafka's commits, says where to
read on. So an emptied Redis is filled again by reading from the beginning.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.batch import Batch, Chunk, Record
from agents.holding import Hold
from agents.metrics import Metrics
from agents.park_limit import ParkLimit
from agents.parking import Parked, Parking
from agents.ports import NotPublished, Outputs
from enrichment.decode import Invalid, NotJson, Refused, decode
from enrichment.directory import NotReadable
from enrichment.dossier import KINDS, ReferenceKind, placed, record_id
from enrichment.kinds import ID_LENGTH_MAX
from enrichment.redis_shelf import Change, EpochChanged, RedisShelf

#: Records applied to Redis in one step; it answers nobody else meanwhile.
RECORDS_PER_STEP_MAX = 500
#: Records decoded before others have their turn.
RECORDS_PER_TURN = 50


@dataclass(frozen=True, slots=True)
class Reference:
    """Carries batches of reference records through."""

    shelf: RedisShelf
    outputs: Outputs
    parking: Parking
    limit: ParkLimit
    hold: Hold
    metrics: Metrics
    #: Topic name -> the kind of record that it holds.
    kinds: Mapping[str, ReferenceKind]

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        async for event in events.noack().events():
            with self.metrics.batch_seconds.labels("reference").time():
                await self.carry(event.value)
            event.ack()

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
                changes = await self._changes(step)
                if under_way is not None:
                    await under_way
                under_way = asyncio.create_task(self._apply(epoch, step, changes))
            if under_way is not None:
                await under_way
        except EpochChanged:
            return
        finally:
            if under_way is not None:
                under_way.cancel()

    async def _apply(self, epoch: str, step: Chunk, changes: list[Change]) -> None:
        partition, following = f"{step.topic}:{step.partition}", step.records[-1].offset + 1
        await self.hold.until_it_works(partial(self._step, epoch, partition, changes, following), (Unanswered,))

    async def _step(self, epoch: str, partition: str, step: list[Change], following: int) -> None:
        try:
            await self.shelf.apply(epoch, partition, step, following)
        except EpochChanged:
            raise
        except NotReadable as error:
            raise Unanswered(str(error)) from error

    async def _changes(self, step: Chunk) -> list[Change]:
        """Read the records of a step. What is parked is acknowledged by Kafka before Redis goes past it."""
        kind = self.kinds[step.topic]
        changes: list[Change] = []
        parked: list[Parked] = []
        for number, record in enumerate(step.records):
            if number % RECORDS_PER_TURN == 0:
                # Whatever else is under way, above all the step before this one, has its turn.
                await asyncio.sleep(0)
            try:
                changes.append(self._change(kind, record))
            except Refused as refusal:
                parked.append(Parked(record, refusal.stage, type(refusal).__name__, str(refusal)))
        await self.limit.admit(Batch((step,)), parked)
        await self.hold.until_it_works(lambda: self._park(parked), (NotPublished,))
        for letter in parked:
            self.parking.count(letter)
        return changes

    def _change(self, kind: ReferenceKind, record: Record) -> Change:
        if record.value is None:
            return Change(record.offset, kind, id_of_tombstone(record.key), None)
        read = decode(KINDS[kind][0], record.value)
        unknown = read.unknown_fields()
        if unknown:
            self.metrics.unknown_fields.labels(record.topic).inc(unknown)
        return Change(record.offset, kind, record_id(kind, read), placed(read, record.timestamp))

    async def _park(self, parked: list[Parked]) -> None:
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


def id_of_tombstone(key: bytes | None) -> str:
    """Read whom a null value deletes: it stands in the key.

    Raises:
        Refused: there is no key, or it is no id.
    """
    if key is None:
        raise Invalid("a null value without a key deletes nothing")
    try:
        identity = key.decode()
    except UnicodeDecodeError:
        raise NotJson("the key of a null value is not UTF-8") from None
    if not 1 <= len(identity) <= ID_LENGTH_MAX or not identity.isprintable():
        raise Invalid("the key of a null value is no id")
    return identity
