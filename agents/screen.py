"""The way of an access, top to bottom: polled batch, decode or park, facts, windows, rules, outputs, batch done.

Every record of a batch ends in one of two places, assessed or parked. There is no third, and none is acknowledged to
Kafka before what was made of it is.
"""

import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

import orjson

from agents.batch import Batch, Record
from agents.holding import Hold
from agents.metrics import Metrics
from agents.park_limit import ParkLimit
from agents.parking import Parked, Parking
from agents.ports import NotPublished, Outputs
from agents.turns import Turn, carry_in_turn
from alerts.case import Case
from alerts.explanation import Circumstances
from alerts.judging import Judged, Rulebook
from enrichment.decode import Refused, decode_access
from enrichment.directory import Directory, NotReadable
from enrichment.events import events
from enrichment.facts import Facts
from enrichment.windows import Noted, Windows, WindowStore
from enrichment.wire import Access

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
    rulebook: Callable[[], Rulebook]
    outputs: Outputs
    parking: Parking
    limit: ParkLimit
    hold: Hold
    metrics: Metrics
    assessment_topic: str
    hit_topic: str
    #: Called with each batch that is done, for what is counted over all workers.
    seen: Callable[[Sequence[Screened]], Awaitable[None]]

    async def attach(self, events: Any) -> None:
        """Take events from Faust until it stops."""
        await carry_in_turn(events.noack().events(), self._timed)

    async def _timed(self, batch: Batch, turn: Turn) -> None:
        with self.metrics.batch_seconds.labels("screen").time():
            await self.carry(batch, turn)

    async def carry(self, batch: Batch, turn: Turn) -> None:
        """Carry one batch through; return when Kafka has acknowledged everything that was made of it.

        Args:
            batch: what one poll brought.
            turn: its place behind other batches that are under way.
        """
        rulebook = self.rulebook()
        parked: list[Parked] = []
        readable = _in_order_of_time(_each(((record,) for record in batch), _decoded, parked))
        facts = await self.hold.until_it_works(
            lambda: self.directory.facts_for([access for _, access in readable], rulebook.limits.hops_max),
            (NotReadable,),
        )
        known = [(*one, about) for one, about in zip(readable, facts, strict=True)]
        cases = _each(known, partial(_brought_together, rulebook), parked)
        # Noted before they are judged: a batch that is held or read again is noted again, and each access counts once.
        await turn.to_note()
        windows = await self.hold.until_it_works(
            lambda: self.windows.note([noted for _, _, noted in cases]), (NotReadable,)
        )
        turn.noted()
        answered = [(record, case, found) for (record, case, _), found in zip(cases, windows, strict=True)]
        screened = _each(answered, partial(_judged, rulebook), parked)
        await turn.to_publish()
        await self.limit.admit(batch, parked)
        # Published again as a whole when Kafka did not take all of it: an assessment may be repeated, never lost.
        await self.hold.until_it_works(lambda: self._publish(screened, parked), (NotPublished,))
        turn.published()
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


def _each(items: Iterable[tuple[Record, *Ts]], step: Callable[[Record, *Ts], T], parked: list[Parked]) -> list[T]:
    """Take a step with each record; one that is refused or fails is parked, and its neighbours go on."""
    done: list[T] = []
    for item in items:
        record = item[0]
        try:
            done.append(step(*item))
        except Refused as refusal:
            parked.append(Parked(record, refusal.stage, type(refusal).__name__, str(refusal)))
        except Exception as error:  # noqa: BLE001 a mistake in judging one access shall not take its neighbours with it
            name = type(error).__name__
            where = _where(error)
            _log.error(
                "judging-failed", topic=record.topic, partition=record.partition, offset=record.offset, where=where
            )
            parked.append(Parked(record, "screen", name, f"judging this access failed with {name}"))
    return done


def _decoded(record: Record) -> tuple[Record, Access]:
    return record, decode_access(record.value, record.timestamp)


def _brought_together(rulebook: Rulebook, record: Record, access: Access, facts: Facts) -> tuple[Record, Case, Noted]:
    case = rulebook.case(access, facts)
    return record, case, rulebook.noted(case)


def _judged(rulebook: Rulebook, record: Record, case: Case, windows: Windows) -> Screened:
    return Screened(record, case.access, case.facts, rulebook.judge(case.with_windows(windows)))


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
        (CIRCUMSTANCES_HEADER, orjson.dumps(Circumstances.of(one.access, one.facts))),
    ]
