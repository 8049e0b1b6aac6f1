"""The way of an access, top to bottom: polled batch, decode or park, facts, windows, rules, outputs, batch done.

Every record of a batch ends in one of two places, assessed or parked. There is no third, and none is acknowledged to
Kafka before what was made of it is.
"""

import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import NamedTuple, TypeVar, TypeVarTuple

import orjson

from agents.batch import Batch, Record, published_at, value_of
from agents.dead_letter import DeadLetter, DeadLetterLimit, DeadLetters
from agents.metrics import Metrics
from agents.outputs import NotPublished, Outputs, TooLarge
from agents.pipelining import Turn, carry_in_turn
from agents.renewal import Renewal, Waiting
from agents.retry import Hold
from alerts.detection.engine import Judged, Place, RuleEngine
from alerts.detection.rule import Case
from alerts.detection.work_reasons import Actor, Circumstances
from enrichment.decode import Refused, decode_access
from enrichment.facts import Facts
from enrichment.log import events
from enrichment.lookup import Directory, NotReadable
from enrichment.schemas import Access
from enrichment.windows.spec import Observation, Windows, WindowStore

#: Headers of a hit: what the alert store needs beside the assessment.
TIMESTAMP_HEADER = "accesswatch.access.timestamp"
CONFLICT_HEADER = "accesswatch.conflict"
CIRCUMSTANCES_HEADER = "accesswatch.circumstances"

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = events(__name__)


class Screened(NamedTuple):
    """A record and what was said of it."""

    record: Record
    access: Access
    facts: Facts
    judged: Judged


@dataclass(frozen=True, slots=True)
class Screen:
    """Carries batches of accesses through."""

    directory: Directory
    windows: WindowStore
    rule_engine: Callable[[], RuleEngine]
    outputs: Outputs
    parking: DeadLetters
    limit: DeadLetterLimit
    hold: Hold
    metrics: Metrics
    assessment_topic: str
    hit_topic: str
    #: Called with each batch that is done, for what is counted over all workers.
    seen: Callable[[Sequence[Screened]], Awaitable[None]]
    renewal: Renewal

    async def attach(self, batches: AsyncIterator[Batch]) -> None:
        """Take batches until there are no more, and acknowledge each when it is done."""
        await carry_in_turn(batches, self._timed)

    async def _timed(self, batch: Batch, turn: Turn) -> None:
        with self.metrics.batch_seconds.labels("screen").time():
            await self.carry(batch, turn)

    async def carry(self, batch: Batch, turn: Turn) -> None:
        """Carry one batch through; return when Kafka has acknowledged everything that was made of it.

        Args:
            batch: what one poll brought.
            turn: its place behind other batches that are under way.
        """
        rule_engine = self.rule_engine()
        parked: list[DeadLetter] = []
        readable = _in_order_of_time(_each(((record,) for record in batch), _decoded, parked))
        facts = await self.hold.until_it_works(
            lambda: self.directory.facts_for([access for _, access in readable], rule_engine.limits.hops_max),
            (NotReadable,),
        )
        known = [(*one, about) for one, about in zip(readable, facts, strict=True)]
        cases = _each(known, partial(_brought_together, rule_engine), parked)
        # Noted before they are judged: a batch that is held or read again is noted again, and each access counts once.
        await turn.to_note()
        windows = await self.hold.until_it_works(
            lambda: self.windows.observe([observed for _, _, observed in cases], rule_engine.plan), (NotReadable,)
        )
        turn.noted()
        answered = [(record, case, found) for (record, case, _), found in zip(cases, windows, strict=True)]
        screened = _each(answered, partial(_judged, rule_engine), parked)
        await turn.to_publish()
        await self.limit.admit(batch, parked)
        # Published again as a whole when Kafka did not take all of it: an assessment may be repeated, never lost.
        published = await self.hold.until_it_works(lambda: self._publish(screened, parked), (NotPublished,))
        turn.published()
        unexplained = [
            Waiting(one.judged.assessment, Actor.of(one.facts))
            for one in published
            if one.access.client_id is not None and one.judged.assessment.explanation is None
        ]
        await self.hold.until_it_works(lambda: self.renewal.keep(unexplained), (NotReadable, NotPublished))
        self._count(published, parked)
        await self.seen(published)

    async def _publish(self, screened: Sequence[Screened], parked: list[DeadLetter]) -> Sequence[Screened]:
        """Publish what was said and what is parked; return what could be published, and park the rest too."""
        published: list[Screened] = []
        letters = list(parked)
        for one in screened:
            key, value = one.access.staff_id.encode(), orjson.dumps(one.judged.assessment)
            try:
                # The hit first: where its topic does not take it, nothing is said of this access until it is replayed.
                if one.judged.assessment.outcome == "hit":
                    await self.outputs.send(self.hit_topic, key, value, _hit_headers(one))
                if not self.outputs.put(self.assessment_topic, key, value):
                    await self.outputs.send(self.assessment_topic, key, value)
            except TooLarge as error:
                letters.append(DeadLetter(one.record, "screen", type(error).__name__, str(error)))
            else:
                published.append(one)
        for letter in letters:
            await self.parking.park(letter)
        await self.outputs.flush()
        parked[:] = letters
        return published

    def _count(self, screened: Sequence[Screened], parked: Sequence[DeadLetter]) -> None:
        assessments = [one.judged.assessment for one in screened]
        channels = [one.access.channel for one in screened]
        done = Counter([(one.action, one.outcome, by) for one, by in zip(assessments, channels, strict=True)])
        for (action, outcome, channel), number in done.items():
            self.metrics.accesses.labels(action, outcome).inc(number)
            self.metrics.channel_accesses.labels(channel, action, outcome).inc(number)
        said = Counter((each.rule, each.answer, each.stage) for one in assessments for each in one.answers)
        for answer, number in said.items():
            self.metrics.rule_answers.labels(*answer).inc(number)
        for one in screened:
            unknown = one.access.unknown_fields()
            if unknown:
                self.metrics.unknown_fields.labels(one.record.topic).inc(unknown)
        for letter in parked:
            self.parking.count(letter)


def _each(items: Iterable[tuple[Record, *Ts]], step: Callable[[Record, *Ts], T], parked: list[DeadLetter]) -> list[T]:
    """Take a step with each record; one that is refused or fails is parked, and its neighbours go on."""
    done: list[T] = []
    for item in items:
        record = item[0]
        try:
            done.append(step(*item))
        except Refused as refusal:
            parked.append(DeadLetter(record, refusal.stage, type(refusal).__name__, str(refusal)))
        except Exception as error:  # noqa: BLE001 a mistake in judging one access shall not take its neighbours with it
            name = type(error).__name__
            where = _where(error)
            _log.error(
                "judging-failed", topic=record.topic, partition=record.partition, offset=record.offset, where=where
            )
            parked.append(DeadLetter(record, "screen", name, f"judging this access failed with {name}"))
    return done


def _decoded(record: Record) -> tuple[Record, Access]:
    return record, decode_access(value_of(record), record.timestamp)


def _brought_together(
    rule_engine: RuleEngine, record: Record, access: Access, facts: Facts
) -> tuple[Record, Case, Observation]:
    case = rule_engine.case(access, facts)
    return record, case, rule_engine.observe(case)


def _judged(rule_engine: RuleEngine, record: Record, case: Case, windows: Windows) -> Screened:
    place = Place(published_at(record), record.partition, record.offset)
    return Screened(record, case.access, case.facts, rule_engine.judge(case.with_windows(windows), place))


def _in_order_of_time(readable: list[tuple[Record, Access]]) -> list[tuple[Record, Access]]:
    """Put accesses of different partitions into the order of their time of record, then of ``occurred_at``.

    What windows say depends on what was judged before. Accesses of one partition keep their order.
    """
    latest: dict[int, tuple[int, datetime]] = {}
    timed = []
    for one in readable:
        record, access = one
        at = (record.timestamp, access.occurred_at)
        at = latest[record.partition] = max(at, latest.get(record.partition, at))
        timed.append((at, one))
    timed.sort(key=itemgetter(0))
    return [one for _, one in timed]


def _where(error: Exception) -> str:
    """Name an error's type and place, without its text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name}, {frame.filename}:{frame.lineno}"


def _hit_headers(one: Screened) -> list[tuple[str, bytes | None]]:
    return [
        (TIMESTAMP_HEADER, str(one.record.timestamp).encode()),
        (CONFLICT_HEADER, ",".join(one.judged.conflicts).encode()),
        (
            CIRCUMSTANCES_HEADER,
            orjson.dumps(Circumstances.of(one.access, one.facts, may_be_slip=one.judged.may_be_slip)),
        ),
    ]
