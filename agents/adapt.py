"""The way of a source's record: mapped, skipped or parked; what is made of it goes to the topics of the contract.

A record ends in one of three places. What the mapping makes of it is published under ids that are the same however
often it comes, so a batch may be published again as a whole. What the mapping leaves out is counted by its reason. What
cannot be mapped is parked byte for byte, with the field and the reason and nothing of what stood there. A record may
hold many (a file of a cloud's log): where one of them is refused the whole is parked, and the others are published all
the same; put back after the mapping was mended, they count once.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agents.batch import Batch, Record, Unreadable, value_of
from agents.coverage import Coverage
from agents.dead_letter import DeadLetter, DeadLetterLimit, DeadLetters
from agents.metrics import Metrics
from agents.outputs import Headers, NotPublished, Outputs, TooLarge
from agents.pipelining import Turn, carry_in_turn
from agents.retry import Hold
from enrichment.log import events
from enrichment.mapping.mapping import MAPPING_HEADER
from enrichment.mapping.mapping import Mapping as SourceMapping
from enrichment.mapping.outcome import Deleted, Mapped, Outcome, Refused, Skipped

#: Stands on what is made of a raw record: where the raw record stands, as topic:partition:offset.
RAW_HEADER: Final = "accesswatch.raw"
#: Records mapped before others have their turn.
RECORDS_PER_TURN: Final = 100
#: What a dead letter names as its error: it cannot be mapped, or it says that the audit log itself was changed.
NOT_MAPPED: Final = "NotMapped"
AUDIT_LOG_CHANGED: Final = "AuditLogChanged"

Result = Literal["mapped", "deleted", "skipped", "refused"]
#: Why a value that is null makes nothing where Debezium sends it: behind each deletion, for compaction.
_NO_ROW: Final = "no row"

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class SourceWay:
    """One source: how its records are mapped, and where they go."""

    mapping: SourceMapping
    #: The topic, with the installation's prefix, of what is made of them.
    target: str

    @property
    def name(self) -> str:
        """What it is called in metrics."""
        return self.mapping.name


@dataclass(frozen=True, slots=True)
class Adapted:
    """A raw record and everything that its mapping made of it."""

    record: Record
    way: SourceWay
    outcomes: Sequence[Outcome]


async def nothing_needed(_batch: Batch) -> None:
    """Need nothing before a batch is mapped."""


@dataclass(frozen=True, slots=True)
class Adapt:
    """Carries batches of raw records through."""

    #: Raw topic, with the installation's prefix -> its source.
    ways: Mapping[str, SourceWay]
    outputs: Outputs
    parking: DeadLetters
    limit: DeadLetterLimit
    hold: Hold
    metrics: Metrics
    coverage: Coverage
    #: Awaited before a batch is mapped: gets what the mapping needs from elsewhere, such as schemas.
    prepare: Callable[[Batch], Awaitable[None]] = nothing_needed

    async def attach(self, batches: AsyncIterator[Batch]) -> None:
        """Take batches until there are no more, and acknowledge each when it is done."""
        await carry_in_turn(batches, self._timed)

    async def _timed(self, batch: Batch, turn: Turn) -> None:
        with self.metrics.batch_seconds.labels("adapt").time():
            await self.carry(batch, turn)

    async def carry(self, batch: Batch, turn: Turn) -> None:
        """Carry one batch through; return when Kafka has acknowledged everything that was made of it."""
        await self.prepare(batch)
        parked: list[DeadLetter] = []
        adapted = await self._mapped(batch, parked)
        await turn.to_publish()
        await self.limit.admit(batch, parked)
        # Published again as a whole when Kafka did not take all of it: ids are the same, so it counts once.
        await self.hold.until_it_works(lambda: self._publish(adapted, parked), (NotPublished,))
        turn.published()
        # Noted before it counts as done: what is read again is noted again, and a number counts once.
        await self.coverage.note((one.way.name, one.record.timestamp, one.outcomes) for one in adapted)
        self._count(adapted, parked)

    async def _mapped(self, batch: Batch, parked: list[DeadLetter]) -> list[Adapted]:
        adapted: list[Adapted] = []
        for number, record in enumerate(batch):
            if number % RECORDS_PER_TURN == RECORDS_PER_TURN - 1:
                await asyncio.sleep(0)
            way = self.ways[record.topic]
            try:
                outcomes = outcomes_of(record, way.mapping)
            except Unreadable as refusal:
                parked.append(DeadLetter(record, "map", type(refusal).__name__, str(refusal)))
                continue
            except Exception as error:  # noqa: BLE001 a mistake of ours in one record shall not take its neighbours with it
                name, frame = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1]
                _log.error(
                    "mapping-failed",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    where=f"{name} in {frame.name}, {frame.filename}:{frame.lineno}",
                )
                parked.append(DeadLetter(record, "map", name, f"mapping this record failed with {name}"))
                continue
            adapted.append(Adapted(record, way, outcomes))
            if (letter := _dead_letter(record, outcomes)) is not None:
                parked.append(letter)
        return adapted

    async def _publish(self, adapted: Sequence[Adapted], parked: list[DeadLetter]) -> None:
        """Publish what was made and what is parked, and park what is too large."""
        letters = list(parked)
        for one in adapted:
            headers = _headers(one)
            for outcome in one.outcomes:
                try:
                    if isinstance(outcome, Mapped):
                        await self.outputs.send(one.way.target, outcome.key.encode(), outcome.value, headers)
                    elif isinstance(outcome, Deleted):
                        await self.outputs.send(one.way.target, outcome.key.encode(), None, headers)
                except TooLarge as error:
                    letters.append(DeadLetter(one.record, "map", type(error).__name__, str(error)))
        for letter in letters:
            await self.parking.park(letter)
        await self.outputs.flush()
        parked[:] = letters

    def _count(self, adapted: Sequence[Adapted], parked: Sequence[DeadLetter]) -> None:
        results: Counter[tuple[str, Result]] = Counter()
        skipped: Counter[tuple[str, str]] = Counter()
        for one in adapted:
            for outcome in one.outcomes:
                results[one.way.name, result_of(outcome)] += 1
                if isinstance(outcome, Skipped):
                    skipped[one.way.name, outcome.because] += 1
                elif isinstance(outcome, Refused) and outcome.tampered:
                    self.metrics.source_tampered.labels(one.way.name).inc()
        for (source, result), number in results.items():
            self.metrics.source_records.labels(source, result).inc(number)
        for (source, because), number in skipped.items():
            self.metrics.source_skipped.labels(source, because).inc(number)
        for letter in parked:
            self.parking.count(letter)


def outcomes_of(record: Record, mapping: SourceMapping) -> Sequence[Outcome]:
    """Return what a mapping makes of a raw record.

    Raises:
        Unreadable: the client library cannot unpack it.
    """
    value = value_of(record)
    if value is not None:
        return list(mapping.run(value, record.timestamp))
    return [Skipped(_NO_ROW) if mapping.file.source.decode == "debezium" else Refused("record", "has no value")]


def _dead_letter(record: Record, outcomes: Sequence[Outcome]) -> DeadLetter | None:
    """Return why a record is parked: what is refused first in it, and how much else; None where nothing is."""
    refused = [one for one in outcomes if isinstance(one, Refused)]
    if not refused:
        return None
    # That the log was changed is what somebody must hear of, whatever else is wrong with the record.
    first = next((one for one in refused if one.tampered), refused[0])
    among = f" ({len(refused):,} of its {len(outcomes):,} records are refused)" if len(outcomes) > 1 else ""
    return DeadLetter(record, "map", AUDIT_LOG_CHANGED if first.tampered else NOT_MAPPED, f"{first.sentence}{among}")


def _headers(one: Adapted) -> Headers:
    record = one.record
    place = f"{record.topic}:{record.partition}:{record.offset}".encode()
    return [(MAPPING_HEADER, one.way.mapping.header), (RAW_HEADER, place)]


def result_of(outcome: Outcome) -> Result:
    """Return what became of a record of a source."""
    match outcome:
        case Mapped():
            return "mapped"
        case Deleted():
            return "deleted"
        case Skipped():
            return "skipped"
        case Refused():
            return "refused"
