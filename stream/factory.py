"""Makes the parts of a worker: what each agent is made of, and what it shares with the others."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast, get_args

import redis.asyncio
from redis.exceptions import RedisError

from agents.activity import Activity, OrgUnits
from agents.adapt import Adapt, SourceWay, nothing_needed
from agents.adapt import Result as SourceResult
from agents.alert import Alerting
from agents.batch import Batch
from agents.coverage import Coverage
from agents.dead_letter import DeadLetterLimit, DeadLetters
from agents.late_evidence import Kind, LateEvidenceReader
from agents.metrics import at_zero
from agents.notify import Deliverer, Result, attempted
from agents.outbox_relay import Relay
from agents.reference import Reference
from agents.renewal import Renewal
from agents.retry import Hold
from agents.screen import Screen, Screened
from agents.settling import Settling, WorkRead
from agents.store_figures import StoreFigures
from alerts.detection.registry import RULES
from alerts.store.database import Database
from alerts.store.sources import SourceStore
from alerts.store.store import Store
from cases.investigations import staff_under_investigation
from enrichment.errors import CommandError
from enrichment.lookup import Directory, NotReadable
from enrichment.mapping.mapping import skip_reasons
from enrichment.reference.cache import CacheInvalidation, CacheWarmUp, ReferenceCache
from enrichment.reference.layout import ReferenceKind
from enrichment.reference.redis import RedisReferenceStore, RedisUpkeep
from enrichment.windows.redis import RedisWindows
from stream import RELEASE
from stream.canaries import RESULTS, CanarySchedule, Misuse, ReservedIds
from stream.connections import aiokafka_options
from stream.consumer import BatchConsumer, Positions, Subscription
from stream.faust_app import Carry, add_agent
from stream.membership import Name
from stream.merge import TimestampMerge
from stream.producer import RenewedOutputs
from stream.redis_connection import connect, namespace, server_of
from stream.reference_feed import Readiness, ReferenceFeed
from stream.refill import Refill
from stream.reload import DeliveryInForce, LimitsInForce
from stream.schema_registry import RegistryAway, SchemaRegistry
from stream.sources import Source, sources
from stream.specs import spec
from stream.topic_admin import TopicEnds
from stream.topics import ALERT, ASSESSMENT, CATALOGUE, HIT, OCSF, REFERENCE, reference_topic
from stream.worker import RunningAgent, Task, Work, Worker


class GracefulEnd:
    """Runs a loop, and knows when it has ended."""

    def __init__(self, loop: Work) -> None:
        self._loop = loop
        self._began = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Run it."""
        self._began = True
        try:
            await self._loop()
        finally:
            self._ended.set()

    async def wait(self, seconds_max: float) -> None:
        """Wait until it has ended, where it had begun at all.

        Raises:
            TimeoutError: it has not ended in time.
        """
        if self._began:
            async with asyncio.timeout(seconds_max):
                await self._ended.wait()


#: Seconds between looks whether another worker has our name.
NAME_SECONDS = 5.0
#: Seconds between updates of the figures of who is at work.
ACTIVITY_SECONDS = 5.0
#: Seconds between updates of the figures of which alerts were confirmed.
PRECISION_SECONDS = 60.0
#: Seconds between updates of the figures of what waits in the store.
STORE_FIGURES_SECONDS = 10.0
#: Seconds between updates of the figures of how whole sources are.
COVERAGE_SECONDS = 10.0
#: Seconds between looks at what has settled.
SETTLING_SECONDS = 1.0
#: Seconds between times at which old work is forgotten.
OLD_WORK_SECONDS = 3600.0
#: Seconds between times at which messages that were told long ago are removed.
OLD_MESSAGES_SECONDS = 3600.0
#: Seconds in which what the store has left to publish is published when the worker stops.
LAST_RELAY_SECONDS_MAX = 3.0
#: Seconds in which the history takes what is in memory when the worker stops.
LAST_ROWS_SECONDS_MAX = 4.0
#: Seconds in which messages that are being sent when the worker stops are written down as sent.
LAST_MESSAGES_SECONDS_MAX = 5.0


async def build(worker: Worker, stack: AsyncExitStack, ends: TopicEnds, agents: Sequence[str]) -> list[RunningAgent]:
    """Make the parts for these agents; what they open is closed with *stack*."""
    assembly = _Factory(worker, stack, ends)
    # In the order of an access's way, which is also the order in which they are stopped.
    makers: list[tuple[str, Callable[[], Awaitable[RunningAgent]]]] = [
        ("adapt", assembly.adapt),
        ("reference", assembly.reference),
        ("screen", assembly.screen),
        ("alert", assembly.alert),
        ("alert", assembly.late_evidence),
        ("history", assembly.history),
        ("deliver", assembly.deliver),
    ]
    return [await make() for name, make in makers if name in agents]


class _Factory:
    def __init__(self, worker: Worker, stack: AsyncExitStack, ends: TopicEnds) -> None:
        self._worker = worker
        self._settings = worker.settings
        self._metrics = worker.metrics
        self._stack = stack
        self._ends = ends
        self._kafka = aiokafka_options(worker.settings)
        self._kinds = {self._settings.topic(reference_topic(kind)): cast("ReferenceKind", kind) for kind in REFERENCE}
        self._stop = asyncio.Event()
        self._published, self._routable = asyncio.Event(), asyncio.Event()
        self._store: Store | None = None
        self._limits: LimitsInForce | None = None
        #: Names of the tasks that several parts need and one has.
        self._given: set[str] = set()
        self._holder = f"{socket.gethostname()}-{os.getpid()}"

    # -- what several agents need -------------------------------------------------------------------------------

    def _redis(self, protocol: int = 2) -> "redis.asyncio.Redis":
        client = connect(self._settings, protocol=protocol)
        self._stack.push_async_callback(client.aclose)
        return client

    def _outputs(self, hold: Hold | None = None) -> RenewedOutputs:
        outputs = RenewedOutputs(self._kafka) if hold is None else RenewedOutputs(self._kafka, hold.late)
        self._stack.push_async_callback(outputs.close)
        return outputs

    def _parking(self, outputs: RenewedOutputs, agent: str) -> DeadLetters:
        return DeadLetters(outputs, self._metrics, self._settings.consumer_group(agent), RELEASE)

    def _limit(self, client: "redis.asyncio.Redis") -> DeadLetterLimit:
        settings = self._settings
        return DeadLetterLimit(
            client,
            namespace(settings),
            in_a_row_max=settings.park_in_a_row_max,
            ratio_max=settings.park_ratio_max,
        )

    def _limits_in_force(self) -> LimitsInForce:
        if self._limits is None:
            self._limits = LimitsInForce(self._settings.limits, RELEASE, self._metrics)
        return self._limits

    def _once(self, name: str, make: Callable[[], Work]) -> list[Task]:
        """Make a task for the first part that asks for it, and nothing for the others."""
        if name in self._given:
            return []
        self._given.add(name)
        return [(name, make())]

    def _limits_watch(self) -> list[Task]:
        return self._once("limits", lambda: self._limits_in_force().watch)

    async def _open_store(self) -> Store:
        if self._store is None:
            limits = self._limits_in_force()
            opened = partial(
                Store.open,
                limits=lambda: limits.rule_engine().limits,
                canaries=frozenset(self._settings.canary_staff_ids),
                under_investigation=staff_under_investigation,
            )
            self._store = await asyncio.to_thread(opened, self._settings.database_url, RULES)
            self._stack.callback(self._store.close)
        return self._store

    async def _source_store(self) -> SourceStore:
        opened = partial(Database.open, self._settings.database_url, create=True)
        database = await asyncio.to_thread(opened)
        self._stack.callback(database.close)
        return SourceStore(database)

    def _store_figures(self, store: Store) -> list[Task]:
        # Made once too: it puts a family of its own on the registry.
        return self._once(
            "store figures",
            lambda: partial(_every, STORE_FIGURES_SECONDS, StoreFigures(store, self._metrics, _now).read),
        )

    def _wake(self) -> None:
        self._published.set()
        self._routable.set()

    def _consumer(
        self,
        agent: str,
        part: str,
        carry: Carry,
        *,
        merge: TimestampMerge | None = None,
        positions: Positions | None = None,
        may_read: Callable[[], bool] = lambda: True,
        topics: Sequence[str] | None = None,
    ) -> BatchConsumer:
        """Return the consumer of one part, which feeds *carry*; *topics* where its spec does not name them."""
        settings = self._settings
        subscription = Subscription(
            topics=tuple(settings.topic(topic) for topic in topics or spec(agent).reading(part).topics),
            group=settings.consumer_group(part),
            client_id=f"{self._holder}-{part}",
            instance_id=f"{settings.instance_id}-{part}" if settings.instance_id else None,
        )
        channel = add_agent(self._worker.runtime, part, carry)
        return BatchConsumer(
            self._kafka,
            subscription,
            channel,
            merge=merge,
            positions=positions,
            may_read=may_read,
            has_members=self._ends.has_members,
        )

    def _name(self, consumer: BatchConsumer) -> list[Task]:
        """Return the task that sees whether another worker has this consumer's name, where it has one."""
        instance_id = consumer.subscription.instance_id
        if instance_id is None:
            return []
        name = Name(self._redis(), namespace(self._settings), instance_id)
        self._worker.names.append(name)

        async def look() -> None:
            with suppress(RedisError, OSError, TimeoutError):  # that Redis is away is said by others
                await name.look()

        return [("name", partial(_every, NAME_SECONDS, look))]

    def _at_zero(self, agent: str) -> None:
        """Show the series of an agent before they count anything."""
        named = {topic.name for topic in CATALOGUE}
        for metric, labels in spec(agent).zero:
            values = [[self._settings.topic(one) if one in named else one for one in each] for each in labels]
            at_zero(getattr(self._metrics, metric), *values)

    def _sources_at_zero(self, found: Sequence[Source]) -> None:
        for one in found:
            topic = self._settings.topic(one.raw)
            at_zero(self._metrics.dead_letters, [topic], ["map"])
            for metric in (self._metrics.passed_over, self._metrics.unreadable):
                at_zero(metric, [topic])
            at_zero(self._metrics.source_records, [one.name], get_args(SourceResult))
            at_zero(self._metrics.source_skipped, [one.name], skip_reasons(one.mapping.file))
            at_zero(self._metrics.source_tampered, [one.name])

    # -- the parts ----------------------------------------------------------------------------------------------

    async def adapt(self) -> RunningAgent:
        schemas = SchemaRegistry.of(self._settings)
        found = sources(self._settings, schemas)
        if not found:
            raise CommandError("The agent adapt has nothing to read: set ACCESSWATCH_MAPPINGS to a folder of mappings.")
        self._sources_at_zero(found)
        hold = Hold("adapt", self._metrics)
        outputs = self._outputs(hold)
        coverage = Coverage(await self._source_store(), hold, self._metrics, [one.name for one in found], _now)
        agent = Adapt(
            ways={
                self._settings.topic(one.raw): SourceWay(one.mapping, self._settings.topic(one.target)) for one in found
            },
            outputs=outputs,
            parking=self._parking(outputs, "adapt"),
            limit=self._limit(self._redis()),
            hold=hold,
            metrics=self._metrics,
            coverage=coverage,
            prepare=nothing_needed if schemas is None else partial(self._fetch_schemas, schemas, hold),
        )
        await coverage.register()
        # In the order of their time: numbers that lie scattered over partitions are gaps until all of them came.
        merge = TimestampMerge()
        consumer = self._consumer("adapt", "adapt", agent.attach, merge=merge, topics=[one.raw for one in found])
        return RunningAgent(
            "adapt",
            self._metrics,
            consumer=consumer,
            hold=hold,
            unbroken=consumer.subscription.topics,
            tasks=[*self._name(consumer), ("coverage", partial(_every, COVERAGE_SECONDS, coverage.show))],
        )

    async def _fetch_schemas(self, schemas: SchemaRegistry, hold: Hold, batch: Batch) -> None:
        """Have the schemas of a batch at hand; wait while the registry is away."""
        values = [record.value for record in batch]
        await hold.until_it_works(lambda: schemas.prepare(values), (RegistryAway,))

    async def reference(self) -> RunningAgent:
        self._at_zero("reference")
        hold = Hold("reference", self._metrics)
        client = self._redis()
        references = RedisReferenceStore(client, namespace(self._settings))
        outputs = self._outputs(hold)
        upkeep = RedisUpkeep(client, namespace(self._settings))
        server = server_of(client, self._settings)
        feed = ReferenceFeed(server, references, upkeep, lambda: self._ends.offsets(list(self._kinds)), hold)
        agent = Reference(
            references=references,
            outputs=outputs,
            parking=self._parking(outputs, "reference"),
            limit=self._limit(client),
            hold=hold,
            metrics=self._metrics,
            kinds=self._kinds,
            renewal=self._renewal(client, references, outputs),
        )
        consumer = self._consumer("reference", "reference", agent.attach, positions=feed)
        feed.read_again = consumer.read_again
        return RunningAgent(
            "reference",
            self._metrics,
            consumer=consumer,
            hold=hold,
            gate=lambda: feed.reason,
            tasks=[("reference feed", feed.watch), *self._limits_watch(), *self._name(consumer)],
        )

    async def screen(self) -> RunningAgent:
        self._at_zero("screen")
        limits = self._limits_in_force()
        client = self._redis()
        references = RedisReferenceStore(client, namespace(self._settings))
        cache = ReferenceCache(references)
        preload = CacheWarmUp(client, namespace(self._settings), cache)
        tracking = CacheInvalidation(self._redis(protocol=3), namespace(self._settings), references, cache, preload)
        upkeep = RedisUpkeep(client, namespace(self._settings))
        server = server_of(client, self._settings)
        readiness = Readiness(server, references, upkeep, lambda: self._ends.ends(list(self._kinds)), self._metrics)
        activity = Activity(client, namespace(self._settings), self._metrics)
        units = OrgUnits(self._metrics, self._settings.org_units_max)

        reserved = ReservedIds(frozenset(self._settings.canary_staff_ids), frozenset(self._settings.canary_client_ids))
        misuse = Misuse(client, namespace(self._settings), reserved) if reserved.staff or reserved.clients else None

        async def seen(screened: Sequence[Screened]) -> None:
            units.count(one.facts.actor for one in screened)
            await activity.note(screened)
            if misuse is not None:
                await misuse.note(screened)

        hold = Hold("screen", self._metrics)
        outputs = self._outputs(hold)
        renewal = self._renewal(client, references, outputs)
        agent = Screen(
            directory=Directory(cache),
            windows=RedisWindows(client, namespace(self._settings)),
            rule_engine=limits.rule_engine,
            outputs=outputs,
            parking=self._parking(outputs, "screen"),
            limit=self._limit(client),
            hold=hold,
            metrics=self._metrics,
            assessment_topic=self._settings.topic(ASSESSMENT),
            hit_topic=self._settings.topic(HIT),
            seen=seen,
            renewal=renewal,
        )
        # With a producer of its own: a flush answers for everything that was sent through one.
        refill = Refill(
            replace(renewal, outputs=self._outputs(hold)),
            references,
            self._kafka,
            self._settings.topic(ASSESSMENT),
            lambda: readiness.complete,
        )
        consumer = self._consumer(
            "screen", "screen", agent.attach, merge=TimestampMerge(), may_read=lambda: readiness.complete
        )
        return RunningAgent(
            "screen",
            self._metrics,
            consumer=consumer,
            hold=hold,
            gate=lambda: readiness.reason,
            unbroken=consumer.subscription.topics,
            tasks=[
                ("readiness", readiness.watch),
                ("changes", tracking.run),
                ("refill", refill.watch),
                *self._limits_watch(),
                *self._name(consumer),
                ("activity", partial(_every, ACTIVITY_SECONDS, activity.count)),
                ("reference figures", partial(_every, 1.0, partial(self._count_reference, references))),
            ],
            finish=activity.tell,
        )

    async def alert(self) -> RunningAgent:
        self._at_zero("alert")
        store = await self._open_store()
        hold = Hold("alert", self._metrics)
        agent = Alerting(store, hold, self._metrics, _now, self._wake)
        consumer = self._consumer("alert", "alert", agent.attach)
        publish = self._publish_on(ALERT, hold)
        relay = Relay(store, publish, self._metrics.access_to_alert.observe, _now, self._holder)
        relaying = GracefulEnd(partial(relay.run, self._published, self._stop))

        async def finish() -> None:
            # The last hits' revisions; what does not make it in time waits in the store for the next worker.
            self._stop.set()
            async with asyncio.timeout(LAST_RELAY_SECONDS_MAX):
                await relaying.wait(LAST_RELAY_SECONDS_MAX)
                while await relay.publish_once():
                    pass

        return RunningAgent(
            "alert",
            self._metrics,
            consumer=consumer,
            hold=hold,
            tasks=[
                ("relay", relaying.run),
                ("settling", partial(_every, SETTLING_SECONDS, self._settling(store).once)),
                *self._limits_watch(),
                ("precision", partial(_every, PRECISION_SECONDS, agent.count_precision)),
                *self._store_figures(store),
                *self._canaries(),
            ],
            finish=finish,
        )

    def _canaries(self) -> list[Task]:
        """Return the schedule of canaries, where ids are reserved for them."""
        if not self._settings.canaries_are_scheduled:
            return []
        at_zero(self._metrics.canary_found, list(RULES), RESULTS)
        self._metrics.canaries_refused.set(0)
        limits = self._limits_in_force()
        schedule = CanarySchedule(self._settings, lambda: limits.rule_engine().limits, self._metrics)
        return [("canaries", schedule.watch)]

    def _renewal(
        self, client: "redis.asyncio.Redis", references: RedisReferenceStore, outputs: RenewedOutputs
    ) -> Renewal:
        limits = self._limits_in_force()
        return Renewal(
            redis=client,
            namespace=namespace(self._settings),
            references=references,
            outputs=outputs,
            topic=self._settings.topic(ASSESSMENT),
            policy=lambda: limits.rule_engine().limits.policy,
            metrics=self._metrics,
        )

    def _settling(self, store: Store) -> Settling:
        topics, group = [self._settings.topic(reference_topic("work"))], self._settings.consumer_group("hindsight")
        limits = self._limits_in_force()
        return Settling(
            store=store,
            windows=RedisWindows(self._redis(), namespace(self._settings)),
            work=WorkRead(lambda: self._ends.ends(topics), lambda: self._ends.committed(group, topics)),
            limits=lambda: limits.rule_engine().limits,
            metrics=self._metrics,
            clock=_now,
            wake=self._wake,
        )

    async def late_evidence(self) -> RunningAgent:
        """Make the alert agent's second part, with a group of its own: a long topic shall not hold up hits."""
        hold = Hold("hindsight", self._metrics)
        topics: dict[str, Kind] = {self._settings.topic(reference_topic(kind)): kind for kind in get_args(Kind)}
        agent = LateEvidenceReader(await self._open_store(), hold, topics, _now, self._wake)
        consumer = self._consumer("alert", "hindsight", agent.attach)
        old_work = ("old work", partial(_every, OLD_WORK_SECONDS, agent.forget))
        return RunningAgent(
            "hindsight", self._metrics, consumer=consumer, hold=hold, tasks=[old_work, *self._limits_watch()]
        )

    async def history(self) -> RunningAgent:
        # Its libraries take half a second to import, which a worker without it should not wait for.
        from agents.history import HistoryAgent  # noqa: PLC0415
        from history.table import HistoryTable  # noqa: PLC0415
        from stream.history_source import AssessmentSource  # noqa: PLC0415

        folder = self._settings.history_folder
        if folder is None:
            raise ValueError("no history is set")
        url, topic = self._settings.database_url, self._settings.topic(ASSESSMENT)
        database = await asyncio.to_thread(partial(Database.open, url, create=True))
        self._stack.callback(database.close)
        table = await asyncio.to_thread(HistoryTable, url, folder, database)
        self._stack.callback(table.close)
        source = AssessmentSource(self._kafka, topic, self._settings.consumer_group("history"), self._ends)
        agent = HistoryAgent(table, topic, source, self._metrics, self._holder, url)
        writing = GracefulEnd(partial(agent.run, self._stop))

        async def finish() -> None:
            # What is in memory is added; cut off, it would be read again.
            self._stop.set()
            await writing.wait(LAST_ROWS_SECONDS_MAX)

        return RunningAgent(
            "history", self._metrics, tasks=[("history", writing.run)], gate=lambda: agent.reason, finish=finish
        )

    async def deliver(self) -> RunningAgent:
        store, in_force = await self._open_store(), DeliveryInForce(self._settings, self._metrics)
        publish = self._publish_on(OCSF)
        at_zero(self._metrics.notifications, list(in_force.delivery().channels), get_args(Result))
        deliverer = Deliverer(
            store,
            in_force.delivery,
            RULES,
            lambda channel, result: self._metrics.notifications.labels(channel, result).inc(),
            _now,
            self._holder,
            attempted(lambda key, value: publish([(key, value)])),
        )
        decision = GracefulEnd(partial(deliverer.run, self._routable, self._stop))

        async def finish() -> None:
            # A message on its way is waited for and written down; cut off, it would be told once more.
            self._stop.set()
            await decision.wait(LAST_MESSAGES_SECONDS_MAX)

        tasks: list[Task] = [
            ("deliver", decision.run),
            ("delivery file", in_force.watch),
            ("old messages", partial(_every, OLD_MESSAGES_SECONDS, deliverer.purge)),
            *self._store_figures(store),
        ]
        return RunningAgent("deliver", self._metrics, tasks=tasks, finish=finish)

    def _publish_on(
        self, topic: str, hold: Hold | None = None
    ) -> Callable[[Sequence[tuple[bytes, bytes]]], Awaitable[None]]:
        """Return what publishes keys and values, and returns once Kafka has acknowledged them."""
        outputs = self._outputs(hold)
        name = self._settings.topic(topic)

        async def publish(records: Sequence[tuple[bytes, bytes]]) -> None:
            for key, value in records:
                await outputs.send(name, key, value)
            await outputs.flush()

        return publish

    async def _count_reference(self, references: RedisReferenceStore) -> None:
        for kind, number in (await references.records()).items():
            self._metrics.reference_records.labels(kind).set(number)
            if kind == "staff":
                self._metrics.staff_registered.set(number)
        for kind, at in (await references.changed()).items():
            self._metrics.reference_changed.labels(kind).set(at)


def _now() -> datetime:
    return datetime.now(UTC)


async def _every(seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    """Do something now and then; figures that cannot be had this time are had the next."""
    while True:
        with suppress(NotReadable):
            await work()
        await asyncio.sleep(seconds)
