"""The way of a reference record: validate or park, then into Redis, in order per partition.

Redis knows how far each topic is applied, in the same step as the data: its word, not Kafka's commits, says where to
read on. So an emptied Redis is filled again by reading from the beginning.
"""

from collections.abc import Callable, Mapping
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

#: Changes sent to Redis in one step; it answers nobody else meanwhile.
CHANGES_PER_STEP_MAX = 500


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
    #: Gives the epoch that the batches at hand were read for.
    epoch: Callable[[], str]

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        async for event in events.noack().events():
            await self.carry(event.value)
            event.ack()

    async def carry(self, batch: Batch) -> None:
        """Carry one batch through; return when Redis has it and Kafka has acknowledged what was parked.

        A batch that was read for an epoch which is over is dropped: everything is being read again for the new one.
        """
        parked: list[Parked] = []
        epoch = self.epoch()
        try:
            for chunk in batch.chunks:
                changes = self._changes(chunk, parked)
                await self._apply(epoch, chunk, changes)
        except EpochChanged:
            return
        await self.limit.admit(batch, parked)
        await self.hold.until_it_works(lambda: self._park(parked), (NotPublished,))
        for letter in parked:
            self.parking.count(letter)

    async def _apply(self, epoch: str, chunk: Chunk, changes: list[Change]) -> None:
        partition, end = f"{chunk.topic}:{chunk.partition}", chunk.records[-1].offset + 1
        for start in range(0, max(len(changes), 1), CHANGES_PER_STEP_MAX):
            step = changes[start : start + CHANGES_PER_STEP_MAX]
            last = start + CHANGES_PER_STEP_MAX >= len(changes)
            following = end if last else step[-1].offset + 1
            await self.hold.until_it_works(partial(self._step, epoch, partition, step, following), (Unanswered,))

    async def _step(self, epoch: str, partition: str, step: list[Change], following: int) -> None:
        try:
            await self.shelf.apply(epoch, partition, step, following)
        except EpochChanged:
            raise
        except NotReadable as error:
            raise Unanswered(str(error)) from error

    def _changes(self, chunk: Chunk, parked: list[Parked]) -> list[Change]:
        kind = self.kinds[chunk.topic]
        changes = []
        for record in chunk.records:
            try:
                changes.append(self._change(kind, record))
            except Refused as refusal:
                parked.append(Parked(record, refusal.stage, type(refusal).__name__, str(refusal)))
        return changes

    def _change(self, kind: ReferenceKind, record: Record) -> Change:
        if record.value is None:
            return Change(record.offset, kind, _id_of_tombstone(record.key), None)
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


def _id_of_tombstone(key: bytes | None) -> str:
    """Read whom a null value deletes: it stands in the key."""
    if key is None:
        raise Invalid("a null value without a key deletes nothing")
    try:
        identity = key.decode()
    except UnicodeDecodeError:
        raise NotJson("the key of a null value is not UTF-8") from None
    if not 1 <= len(identity) <= ID_LENGTH_MAX or not identity.isprintable():
        raise Invalid("the key of a null value is no id")
    return identity
