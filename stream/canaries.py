"""Canaries: one run through Kafka, the schedule of runs, and the look whether anybody else uses a reserved id.

A run publishes the reference records of the reserved ids, waits until Redis has them, publishes what must have been
judged before, waits until it is assessed, publishes what is looked for, and waits until each rule has hit and the
alert says so. What it reads it reads without a group, from where the topics ended when it began.

    canary:run        string  there while a run is under way, so that there is one at a time
    canary:last       string  when the schedule last began one, in seconds since 1970
    canary:misused    hash    "staff id X" or "client id Y" -> accesses that mixed it with an id that is not reserved
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any, Final, Literal, Self

import orjson
import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.metrics import Metrics
from agents.screen import Screened
from alerts.alert import ALERT as READS_ALERT
from alerts.alert import alert_id
from alerts.assessment import ASSESSMENT as READS_ASSESSMENT
from alerts.canaries import Expected, Plan, plan, used_by_others
from alerts.detection.config import LoadedLimits
from enrichment.errors import UserError, why
from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.nz_time import nz_date
from enrichment.reference.layout import EntityRecord, record_id
from enrichment.reference.redis import UNREADABLE, RedisReferenceStore, answer
from enrichment.relationship_graph import client_node, staff_node
from enrichment.schemas import Access, Client, Relationship, Staff, WatchlistEntry
from stream.connections import aiokafka_options
from stream.producer import Publisher, PublishError
from stream.redis_connection import connect, namespace
from stream.settings import Settings
from stream.topic_admin import TopicEnds
from stream.topics import ACCESS, ALERT, ASSESSMENT, reference_topic
from stream.unreadable import poll

#: Seconds that one run takes at most, unless it is told otherwise.
RUN_SECONDS_MAX: Final = 60.0
#: Seconds between looks whether Redis has the canaries' records.
LOOK_SECONDS: Final = 0.1
#: Seconds until each worker has heard that records have changed (``enrichment/reference/cache.py``).
HEARD_SECONDS: Final = 1.0
#: Milliseconds that one poll waits.
_POLL_MS: Final = 250
#: Seconds between looks whether a run is due.
DUE_SECONDS: Final = 30.0
#: Seconds for which an access that mixes ids stops the canaries.
MISUSED_SECONDS: Final = 24 * 3600
_HOUR: Final = 3600

Result = Literal["found", "missed", "not_asked"]
RESULTS: Final[tuple[Result, ...]] = ("found", "missed", "not_asked")

_log = events(__name__)


class CanariesRefused(UserError):  # noqa: N818 it names a state, which a person puts right
    """No run may begin: no ids are reserved, or somebody else uses one; a sentence for each reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule's canary."""

    rule: str
    result: Result
    #: From its publication until the alert with it was read; None where there is none.
    seconds: float | None
    #: Why it was not found, or not asked.
    because: str | None


@dataclass(frozen=True, slots=True)
class ReservedIds:
    """The ids that are reserved for canaries."""

    staff: frozenset[str]
    clients: frozenset[str]

    def misused(self, staff_id: str, client_id: str | None) -> str | None:
        """Return which reserved id an access mixes with one that is not; None where it mixes none."""
        if client_id is None or (staff_id in self.staff) == (client_id in self.clients):
            return None
        return f"staff id {staff_id}" if staff_id in self.staff else f"client id {client_id}"


@dataclass(frozen=True, slots=True)
class Misuse:
    """Notes accesses that mix a reserved id with one that is not, and says so; at most one field a reserved id."""

    redis: "redis.asyncio.Redis"
    namespace: str
    reserved: ReservedIds

    async def note(self, screened: Iterable[Screened]) -> None:
        """Note what a batch holds. Where Redis does not answer it is the next batch's matter."""
        mixed = [
            found
            for one in screened
            if (found := self.reserved.misused(one.access.staff_id, one.access.client_id)) is not None
        ]
        if not mixed:
            return
        pipeline = self.redis.pipeline(transaction=False)
        for one in mixed:
            pipeline.hincrby(self._key, one, 1)
        pipeline.expire(self._key, MISUSED_SECONDS)
        try:
            await answer(pipeline.execute())
        except NotReadable as error:
            _log.warning("canary-use-not-noted", why=str(error))

    async def sentences(self) -> list[str]:
        """Return a sentence for each reserved id that was used with others in the last 24 hours.

        Raises:
            NotReadable: Redis does not answer.
        """
        found = await answer(self.redis.hgetall(self._key))
        return [
            f"The {name.decode()} is reserved for canaries, and accesses with ids that are not reserved used it "
            f"({int(number)} in the last 24 hours): reserve another."
            for name, number in sorted(found.items())
        ]

    @property
    def _key(self) -> str:
        return f"{self.namespace}canary:misused"


@dataclass(slots=True)
class CanaryRun:
    """One run against the services that the settings name."""

    settings: Settings
    redis: "redis.asyncio.Redis"
    limits: LoadedLimits
    seconds_max: float = RUN_SECONDS_MAX
    #: Told what is waited for.
    progress: Callable[[str], None] = lambda _: None
    _deadline: float = field(default=0.0, init=False)

    async def run(self) -> list[Finding]:
        """Return what became of each live rule's canary, in the order of the rules.

        Raises:
            CanariesRefused: nothing was published; the sentences say why.
            NotReadable: Redis does not answer, or the reference data are not complete.
            PublishError, KafkaError: Kafka does not take or give records.
        """
        space = namespace(self.settings)
        staff, clients = self.settings.canary_staff_ids, self.settings.canary_client_ids
        if not staff:
            raise CanariesRefused("No ids are reserved for canaries: set ACCESSWATCH_CANARY_STAFF and _CLIENTS.")
        made = plan(staff, clients, self.limits, datetime.now(UTC), secrets.token_hex(4))
        references = RedisReferenceStore(self.redis, space)
        nodes = {*map(staff_node, staff), *map(client_node, clients)}
        reserved = ReservedIds(frozenset(staff), frozenset(clients))
        strange = used_by_others(await _known(references, nodes))
        strange += await Misuse(self.redis, space, reserved).sentences()
        if strange:
            raise CanariesRefused(strange)
        lock = f"{space}canary:run"
        if not await answer(self.redis.set(lock, "1", nx=True, ex=int(2 * self.seconds_max) + 1)):
            raise CanariesRefused("Another run of the canaries is under way: wait until it has ended.")
        try:
            return await self._published(made, references, nodes)
        finally:
            await answer(self.redis.delete(lock))

    async def remove(self) -> int:
        """Delete the canaries' reference records, and return how many.

        Raises:
            CanariesRefused, PublishError, KafkaError: as ``run``.
        """
        staff, clients = self.settings.canary_staff_ids, self.settings.canary_client_ids
        made = plan(staff, clients, self.limits, datetime.now(UTC), "")
        async with Publisher(aiokafka_options(self.settings)) as publisher:
            for kind, record in made.records:
                topic = self.settings.topic(reference_topic(kind))
                await publisher.send(topic, record_id(kind, record).encode(), None)
            await publisher.flush()
        return len(made.records)

    async def _published(self, made: Plan, references: RedisReferenceStore, nodes: Collection[str]) -> list[Finding]:
        self._deadline = monotonic() + self.seconds_max
        options = aiokafka_options(self.settings)
        assessed = await _Tail.at_the_end(options, self.settings.topic(ASSESSMENT))
        raised = await _Tail.at_the_end(options, self.settings.topic(ALERT))
        async with assessed, raised, Publisher(options) as publisher:
            self.progress("publishing the canaries' reference records")
            for kind, record in made.records:
                value = record.model_dump_json(by_alias=True, exclude_unset=True).encode()
                topic = self.settings.topic(reference_topic(kind))
                await publisher.send(topic, record_id(kind, record).encode(), value)
            await publisher.flush()
            while not _are_there(made, await _known(references, nodes)):
                if monotonic() > self._deadline:
                    raise CanariesRefused(
                        "The reference agent has not applied the canaries' records in time: is a worker running?"
                    )
                await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(HEARD_SECONDS)
            self.progress("publishing accesses that come before")
            await self._publish(publisher, made.before)
            waiting = {one.event_id for one in made.before}
            while waiting and monotonic() < self._deadline:
                for said in await assessed.more():
                    waiting.discard(READS_ASSESSMENT.validate_json(said).event_id)
            self.progress("publishing the accesses that the rules must find")
            began = monotonic()
            await self._publish(publisher, made.looked_for)
            return await self._found(made, assessed, raised, began)

    async def _publish(self, publisher: Publisher, accesses: Sequence[Access]) -> None:
        topic = self.settings.topic(ACCESS)
        for access in accesses:
            value = access.model_dump_json(exclude_unset=True).encode()
            await publisher.send(topic, access.staff_id.encode(), value)
        await publisher.flush()

    async def _found(self, made: Plan, assessed: "_Tail", raised: "_Tail", began: float) -> list[Finding]:
        waiting = {one.rule: one for one in made.expected}
        outcomes: dict[str, tuple[str, frozenset[str]]] = {}
        in_alerts: set[tuple[str, str]] = set()
        seconds: dict[str, float] = {}
        while waiting and monotonic() < self._deadline:
            for said in await assessed.more():
                one = READS_ASSESSMENT.validate_json(said)
                hits = frozenset(each.rule for each in one.answers if each.answer == "hit")
                outcomes[one.event_id] = (one.outcome, hits)
            for said in await raised.more():
                alert = READS_ALERT.validate_json(said)
                if alert.outcome == "canary":
                    in_alerts |= {(alert.alert_id, rule) for rule in alert.rules}
            for rule, expected in list(waiting.items()):
                hit = rule in outcomes.get(expected.event_id, ("", frozenset()))[1]
                if hit and (_alert_of(expected), rule) in in_alerts:
                    seconds[rule] = monotonic() - began
                    del waiting[rule]
        findings = [Finding(rule, "found", at, None) for rule, at in seconds.items()]
        findings += [Finding(rule, "missed", None, _why(one, outcomes)) for rule, one in waiting.items()]
        findings += [Finding(rule, "not_asked", None, because) for rule, because in made.not_asked.items()]
        order = list(self.limits.rules)
        return sorted(findings, key=lambda one: order.index(one.rule))


async def _known(references: RedisReferenceStore, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
    """Read what Redis holds about nodes now, complete or not.

    Raises:
        NotReadable: Redis does not answer, or holds no reference data.
    """
    references.epoch = await references.current_epoch()
    if references.epoch is None:
        raise NotReadable("Redis holds no reference data: is a worker running?")
    return await references.read(nodes)


def _alert_of(expected: Expected) -> str:
    return alert_id(expected.staff_id, expected.client_id, nz_date(expected.at))


def _why(expected: Expected, outcomes: Mapping[str, tuple[str, frozenset[str]]]) -> str:
    if expected.event_id not in outcomes:
        return f"its access {expected.event_id} was not assessed in time"
    outcome, hits = outcomes[expected.event_id]
    if expected.rule in hits:
        return f"it hit access {expected.event_id}, and no alert said so in time"
    return f"it did not hit access {expected.event_id}, whose outcome is {outcome}"


def _are_there(made: Plan, nodes: Mapping[str, EntityRecord]) -> bool:
    """Return whether Redis has every record of a plan as it was published."""
    for _, record in made.records:
        match record:
            case Staff():
                held = nodes[staff_node(record.staff_id)].staff
                there = held is not None and held.value.model_dump() == record.model_dump()
            case Client():
                kept = nodes[client_node(record.client_id)].client
                there = kept is not None and kept.value.model_dump() == record.model_dump()
            case Relationship():
                edges = (edge.relationship for edge in nodes[record.b].edges)
                there = any(one.relationship_id == record.relationship_id and one.a == record.a for one in edges)
            case WatchlistEntry():
                (client_id,) = record.client_ids
                entries = (one.value for one in nodes[client_node(client_id)].watchlist)
                there = any(
                    one.entry_id == record.entry_id and one.published_at == record.published_at for one in entries
                )
            case _:
                there = True
        if not there:
            return False
    return True


@dataclass(slots=True)
class _Tail:
    """What comes on a topic from now on."""

    options: Mapping[str, Any]
    consumer: AIOKafkaConsumer
    positions: dict[TopicPartition, int]

    @classmethod
    async def at_the_end(cls, options: Mapping[str, Any], topic: str) -> "_Tail":
        """Note where a topic ends."""
        ends = TopicEnds(options)
        try:
            await ends.start()
            partitions = await ends.partitions([topic])
            reached = await ends.offsets([topic])
        finally:
            await ends.stop()
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_committed")
        return cls(options, consumer, {tp: reached[f"{tp.topic}:{tp.partition}"] for tp in partitions})

    async def __aenter__(self) -> Self:
        await self.consumer.start()
        self.consumer.assign(list(self.positions))
        for tp, offset in self.positions.items():
            self.consumer.seek(tp, offset)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()

    async def more(self) -> list[bytes]:
        """Return the values that have come since; waits a little for some."""
        found = await poll(self.consumer, self.options, self.positions, _POLL_MS)
        return [one.value for records in found.values() for one in records if one.value is not None]


@dataclass(slots=True)
class CanarySchedule:
    """Begins a run whenever one is due, in one worker of all."""

    settings: Settings
    limits: Callable[[], LoadedLimits]
    metrics: Metrics

    async def watch(self) -> None:
        """Look now and then whether a run is due."""
        while True:
            await asyncio.sleep(DUE_SECONDS)
            client = connect(self.settings)
            try:
                await self.once(client)
            finally:
                await client.aclose()

    async def once(self, client: "redis.asyncio.Redis") -> None:
        """Run where a run is due, and count what it finds."""
        try:
            if not await self._is_due(client):
                return
            findings = await CanaryRun(self.settings, client, self.limits()).run()
        except CanariesRefused as refused:
            # The sentences name ids that are reserved: they are for the command, not for the log.
            self.metrics.canaries_refused.set(1)
            _log.warning("canaries-refused", number=len(refused.sentences))
            return
        except (NotReadable, PublishError, KafkaError, *UNREADABLE) as error:
            _log.warning("canaries-not-run", why=why(error))
            return
        self.metrics.canaries_refused.set(0)
        for one in findings:
            self.metrics.canary_found.labels(one.rule, one.result).inc()
            if one.seconds is not None:
                self.metrics.canary_seconds.observe(one.seconds)
        missed = sum(one.result == "missed" for one in findings)
        if missed:
            _log.warning("canaries-missed", number=missed)

    async def _is_due(self, client: "redis.asyncio.Redis") -> bool:
        """Take the turn where the last run began long enough ago; one worker gets it."""
        key = f"{namespace(self.settings)}canary:last"
        seconds = int(self.settings.canary_hours * _HOUR)
        return bool(await answer(client.set(key, orjson.dumps(time()), nx=True, ex=seconds)))
