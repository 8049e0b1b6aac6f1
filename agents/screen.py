"""The way of an access, top to bottom: polled batch, decode or park, facts, rules, outputs acknowledged, batch done.

Every record of a batch ends in one of two places, assessed or parked. There is no third, and none is acknowledged to
Kafka before what was made of it is.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agents.batch import Batch, Record
from agents.holding import Hold
from agents.metrics import Metrics
from agents.parking import Parked, Parking
from agents.ports import NotPublished, Outputs
from alerts.judging import Judged, Rulebook
from enrichment.decode import Refused, decode_access
from enrichment.directory import Directory, NotReadable
from enrichment.facts import Facts
from enrichment.wire import Access

#: Headers of a hit: what the alert store needs beside the assessment.
TIMESTAMP_HEADER = "accesswatch.access.timestamp"
CONFLICT_HEADER = "accesswatch.conflict"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Screened:
    """A record and what was said of it."""

    record: Record
    access: Access
    facts: Facts
    judged: Judged


@dataclass(frozen=True, slots=True)
class Screen:
    """Carries batches of accesses through."""

    directory: Directory
    rulebook: Callable[[], Rulebook]
    outputs: Outputs
    parking: Parking
    hold: Hold
    metrics: Metrics
    assessment_topic: str
    hit_topic: str
    #: Called with each batch that is done, for what is counted over all workers.
    seen: Callable[[Sequence[Screened]], Awaitable[None]]

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        async for event in events.noack().events():
            await self.carry(event.value)
            event.ack()

    async def carry(self, batch: Batch) -> None:
        """Carry one batch through; return when Kafka has acknowledged everything that was made of it."""
        readable, parked = _decode(batch)
        facts = await self.hold.until_it_works(
            lambda: self.directory.facts_for([access for _, access in readable]), (NotReadable,)
        )
        screened, failed = _judge(self.rulebook(), readable, facts)
        parked += failed
        # Published again as a whole when Kafka did not take all of it: an assessment may be repeated, never lost.
        await self.hold.until_it_works(lambda: self._publish(screened, parked), (NotPublished,))
        self._count(screened, parked)
        await self.seen(screened)

    async def _publish(self, screened: Sequence[Screened], parked: Sequence[Parked]) -> None:
        for one in screened:
            key, value = one.access.staff_id.encode(), orjson.dumps(one.judged.assessment)
            await self.outputs.send(self.assessment_topic, key, value)
            if one.judged.assessment.outcome == "hit":
                await self.outputs.send(self.hit_topic, key, value, _hit_headers(one))
        for letter in parked:
            await self.parking.park(letter)
        await self.outputs.flush()

    def _count(self, screened: Sequence[Screened], parked: Sequence[Parked]) -> None:
        for one in screened:
            assessment = one.judged.assessment
            self.metrics.accesses.labels(assessment.action, assessment.outcome).inc()
            for answer in assessment.answers:
                self.metrics.rule_answers.labels(answer.rule, answer.answer, answer.stage).inc()
            unknown = one.access.unknown_fields()
            if unknown:
                self.metrics.unknown_fields.labels(one.record.topic).inc(unknown)
        for letter in parked:
            self.parking.count(letter)


def _decode(batch: Batch) -> tuple[list[tuple[Record, Access]], list[Parked]]:
    readable: list[tuple[Record, Access]] = []
    parked: list[Parked] = []
    for record in batch:
        try:
            readable.append((record, decode_access(record.value, record.timestamp)))
        except Refused as refusal:
            parked.append(Parked(record, refusal.stage, type(refusal).__name__, str(refusal)))
    return readable, parked


def _judge(
    rulebook: Rulebook, readable: Sequence[tuple[Record, Access]], facts: Sequence[Facts]
) -> tuple[list[Screened], list[Parked]]:
    screened: list[Screened] = []
    parked: list[Parked] = []
    for (record, access), known in zip(readable, facts, strict=True):
        try:
            screened.append(Screened(record, access, known, rulebook.judge(access, known)))
        except Exception as error:  # noqa: BLE001 a mistake in judging one access shall not take its neighbours with it
            name = type(error).__name__
            _log.error(
                "judging failed at %s-%d offset %d: %s", record.topic, record.partition, record.offset, _where(error)
            )
            parked.append(Parked(record, "screen", name, f"judging this access failed with {name}"))
    return screened, parked


def _where(error: Exception) -> str:
    """Name an error's type and place, without its text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name}, {frame.filename}:{frame.lineno}"


def _hit_headers(one: Screened) -> list[tuple[str, bytes | None]]:
    return [
        (TIMESTAMP_HEADER, str(one.record.timestamp).encode()),
        (CONFLICT_HEADER, ",".join(one.judged.conflicts).encode()),
    ]
