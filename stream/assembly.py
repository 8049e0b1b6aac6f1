"""Plugs the agents together: what each is made of, and which part of the worker it is."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast, get_args

import redis.asyncio

from agents.activity import Activity
from agents.alert import Alerting
from agents.channels.findings import Publish
from agents.deliver import Deliverer
from agents.hindsight import Hindsight, Kind
from agents.holding import Hold
from agents.metric_forms import at_zero
from agents.org_units import OrgUnits
from agents.park_limit import ParkLimit
from agents.parking import Parking
from agents.reference import Reference
from agents.relay import Relay
from agents.screen import Screen, Screened
from agents.store_figures import SEVERITIES, StoreFigures
from agents.tell import Result
from alerts.assessment import Outcome
from alerts.rules.catalogue import RULES
from alerts.store.store import Store
from enrichment.cached_shelf import CachedShelf
from enrichment.decode import Stage
from enrichment.directory import Directory, NotReadable
from enrichment.dossier import ReferenceKind
from enrichment.redis_preload import Preload
from enrichment.redis_shelf import RedisShelf
from enrichment.redis_tracking import Tracking
from enrichment.redis_upkeep import RedisUpkeep
from enrichment.redis_windows import RedisWindows
from enrichment.wire import Action
from stream import RELEASE
from stream.connections import aiokafka_options
from stream.delivery_in_force import DeliveryInForce
from stream.ending import Ending
from stream.faust_app import add_agent, faust_app
from stream.in_order import InOrderConsumer
from stream.kafka_ends import TopicEnds
from stream.limits_in_force import LimitsInForce
from stream.outputs import RenewedOutputs
from stream.parts import Part, Task, Work
from stream.readiness import Readiness
from stream.redis_link import connect, namespace
from stream.reference_feed import ReferenceFeed
from stream.topics import ACCESS, ALERT, ASSESSMENT, HIT, OCSF, REFERENCE, reference_topic
from stream.worker import Worker

#: Seconds between updates of the figures of who is at work.
ACTIVITY_SECONDS = 5.0
#: Seconds between updates of the figures of which alerts were confirmed.
PRECISION_SECONDS = 60.0
#: Seconds between updates of the figures of what waits in the store.
STORE_FIGURES_SECONDS = 10.0
#: Seconds between times at which old work is forgotten.
OLD_WORK_SECONDS = 3600.0
#: Seconds between times at which messages that were told long ago are removed.
OLD_MESSAGES_SECONDS = 3600.0
#: Seconds in which what the store has left to publish is published when the worker stops.
LAST_RELAY_SECONDS_MAX = 3.0
#: Seconds in which messages that are being sent when the worker stops are written down as sent.
LAST_MESSAGES_SECONDS_MAX = 5.0


async def build(worker: Worker, stack: AsyncExitStack, ends: TopicEnds, agents: Sequence[str]) -> list[Part]:
    """Make the parts for these agents; what they open is closed with *stack*."""
    assembly = _Assembly(worker, stack, ends)
    # In the order of an access's way, which is also the order in which they are stopped.
    makers: list[tuple[str, Callable[[], Awaitable[Part]]]] = [
        ("reference", assembly.reference),
        ("screen", assembly.screen),
        ("alert", assembly.alert),
        ("alert", assembly.hindsight),
        ("deliver", assembly.deliver),
    ]
    return [await make() for name, make in makers if name in agents]


class _Assembly:
    def __init__(self, worker: Worker, stack: AsyncExitStack, ends: TopicEnds) -> None:
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

    def _outputs(self) -> RenewedOutputs:
        outputs = RenewedOutputs(self._kafka)
        self._stack.push_async_callback(outputs.close)
        return outputs

    def _parking(self, outputs: RenewedOutputs, agent: str) -> Parking:
        return Parking(outputs, self._metrics, self._settings.consumer_group(agent), RELEASE)

    def _limit(self, client: "redis.asyncio.Redis") -> ParkLimit:
        settings = self._settings
        return ParkLimit(
            client,
            namespace(settings),
            in_a_row_max=settings.park_in_a_row_max,
            ratio_max=settings.park_ratio_max,
        )

    def _limits_in_force(self) -> LimitsInForce:
        if self._limits is None:
            self._limits = LimitsInForce(self._settings.limits, RELEASE, self._metrics)
        return self._limits

    def _once(self, name: str, work: Work) -> list[Task]:
        """Give a task to the first part that asks for it, and nothing to the others."""
        if name in self._given:
            return []
        self._given.add(name)
        return [(name, work)]

    def _limits_watch(self) -> list[Task]:
        return self._once("limits", self._limits_in_force().watch)

    async def _open_store(self) -> Store:
        if self._store is None:
            limits = self._limits_in_force()
            opened = partial(Store.open, policy=lambda: limits.rulebook().limits.policy)
            self._store = await asyncio.to_thread(opened, self._settings.database_url, RULES)
            self._stack.callback(self._store.close)
        return self._store

    def _store_figures(self, store: Store) -> list[Task]:
        figures = StoreFigures(store, self._metrics, _now)
        return self._once("store figures", partial(_every, STORE_FIGURES_SECONDS, figures.read))

    def _wake(self) -> None:
        self._published.set()
        self._routable.set()

    # -- the parts ----------------------------------------------------------------------------------------------

    async def reference(self) -> Part:
        at_zero(self._metrics.dead_letters, self._kinds, ("decode", "validate"))
        hold = Hold("reference", self._metrics)
        client = self._redis()
        shelf = RedisShelf(client, namespace(self._settings))
        outputs = self._outputs()
        upkeep = RedisUpkeep(client, namespace(self._settings))
        feed = ReferenceFeed(shelf, upkeep, lambda: self._ends.offsets(list(self._kinds)), hold)
        agent = Reference(
            shelf=shelf,
            outputs=outputs,
            parking=self._parking(outputs, "reference"),
            limit=self._limit(client),
            hold=hold,
            metrics=self._metrics,
            kinds=self._kinds,
        )
        app = faust_app(self._settings, "reference", feed.consumer)
        add_agent(app, "reference", list(self._kinds), agent.attach)
        return Part("reference", self._metrics, app=app, hold=hold, tasks=[("reference feed", feed.watch)])

    async def screen(self) -> Part:
        metrics, topic = self._metrics, self._settings.topic(ACCESS)
        at_zero(metrics.accesses, get_args(Action), get_args(Outcome))
        at_zero(metrics.rule_answers, RULES, ("hit", "abstain"), ("live", "shadow"))
        at_zero(metrics.dead_letters, [topic], get_args(Stage))
        at_zero(metrics.passed_over, [topic])
        limits = self._limits_in_force()
        client = self._redis()
        shelf = RedisShelf(client, namespace(self._settings))
        cache = CachedShelf(shelf)
        preload = Preload(client, namespace(self._settings), cache)
        tracking = Tracking(self._redis(protocol=3), namespace(self._settings), shelf, cache, preload)
        readiness = Readiness(shelf, lambda: self._ends.ends(list(self._kinds)), self._metrics)
        activity = Activity(client, namespace(self._settings), self._metrics)
        units = OrgUnits(self._metrics, self._settings.org_units_max)

        async def seen(screened: Sequence[Screened]) -> None:
            units.count(one.facts.actor for one in screened)
            await activity.note(screened)

        hold = Hold("screen", self._metrics)
        outputs = self._outputs()
        agent = Screen(
            directory=Directory(cache),
            windows=RedisWindows(client, namespace(self._settings)),
            rulebook=limits.rulebook,
            outputs=outputs,
            parking=self._parking(outputs, "screen"),
            limit=self._limit(client),
            hold=hold,
            metrics=metrics,
            assessment_topic=self._settings.topic(ASSESSMENT),
            hit_topic=self._settings.topic(HIT),
            seen=seen,
        )
        app = faust_app(self._settings, "screen", partial(_gated, lambda: readiness.complete))
        add_agent(app, "screen", [topic], agent.attach)
        return Part(
            "screen",
            self._metrics,
            app=app,
            hold=hold,
            gate=lambda: readiness.reason,
            unbroken=(topic,),
            tasks=[
                ("readiness", readiness.watch),
                ("changes", tracking.run),
                *self._limits_watch(),
                ("activity", partial(_every, ACTIVITY_SECONDS, activity.count)),
                ("reference figures", partial(_every, 1.0, partial(self._count_reference, shelf))),
            ],
            finish=activity.tell,
        )

    async def alert(self) -> Part:
        at_zero(self._metrics.alerts, RULES, SEVERITIES)
        store = await self._open_store()
        hold = Hold("alert", self._metrics)
        agent = Alerting(store, hold, self._metrics, _now, self._wake)
        app = faust_app(self._settings, "alert")
        add_agent(app, "alert", [self._settings.topic(HIT)], agent.attach)
        relay = self._relay(store)
        relaying = Ending(partial(relay.run, self._published, self._stop))

        async def finish() -> None:
            # The last hits' revisions; what does not make it in time waits in the store for the next worker.
            self._stop.set()
            async with asyncio.timeout(LAST_RELAY_SECONDS_MAX):
                await relaying.wait(LAST_RELAY_SECONDS_MAX)
                while await relay.publish_once():
                    pass

        return Part(
            "alert",
            self._metrics,
            app=app,
            hold=hold,
            tasks=[
                ("relay", relaying.run),
                ("precision", partial(_every, PRECISION_SECONDS, agent.count_precision)),
                *self._store_figures(store),
            ],
            finish=finish,
        )

    async def hindsight(self) -> Part:
        """Make the alert agent's second part, with a group of its own: a long topic shall not hold up hits."""
        hold = Hold("hindsight", self._metrics)
        kinds: tuple[Kind, ...] = ("work", "self_report", "staff")
        topics = {self._settings.topic(reference_topic(kind)): kind for kind in kinds}
        agent = Hindsight(await self._open_store(), hold, topics, _now, self._wake)
        app = faust_app(self._settings, "hindsight")
        add_agent(app, "hindsight", list(topics), agent.attach)
        old_work = ("old work", partial(_every, OLD_WORK_SECONDS, agent.forget))
        return Part("hindsight", self._metrics, app=app, hold=hold, tasks=[old_work, *self._limits_watch()])

    async def deliver(self) -> Part:
        store, in_force = await self._open_store(), DeliveryInForce(self._settings, self._metrics)
        at_zero(self._metrics.notifications, list(in_force.delivery().channels), get_args(Result))
        deliverer = Deliverer(
            store,
            in_force.delivery,
            RULES,
            lambda channel, result: self._metrics.notifications.labels(channel, result).inc(),
            _now,
            self._holder,
            self._publish_on(OCSF),
        )
        telling = Ending(partial(deliverer.run, self._routable, self._stop))

        async def finish() -> None:
            # A message on its way is waited for and written down; cut off, it would be told once more.
            self._stop.set()
            await telling.wait(LAST_MESSAGES_SECONDS_MAX)

        tasks: list[Task] = [
            ("deliver", telling.run),
            ("delivery file", in_force.watch),
            ("old messages", partial(_every, OLD_MESSAGES_SECONDS, deliverer.purge)),
            *self._store_figures(store),
        ]
        return Part("deliver", self._metrics, tasks=tasks, finish=finish)

    def _relay(self, store: Store) -> Relay:
        outputs = self._outputs()
        topic = self._settings.topic(ALERT)

        async def publish(records: Sequence[tuple[bytes, bytes]]) -> None:
            for key, value in records:
                await outputs.send(topic, key, value)
            await outputs.flush()

        return Relay(store, publish, self._metrics.access_to_alert.observe, _now, self._holder)

    def _publish_on(self, topic: str) -> Publish:
        outputs = self._outputs()
        name = self._settings.topic(topic)

        async def publish(key: bytes, value: bytes) -> None:
            await outputs.send(name, key, value)
            await outputs.flush()

        return publish

    async def _count_reference(self, shelf: RedisShelf) -> None:
        for kind, number in (await shelf.records()).items():
            self._metrics.reference_records.labels(kind).set(number)
            if kind == "staff":
                self._metrics.staff_registered.set(number)
        for kind, at in (await shelf.changed()).items():
            self._metrics.reference_changed.labels(kind).set(at)


def _gated(may_read: Callable[[], bool], *args: Any, **kwargs: Any) -> InOrderConsumer:
    consumer = InOrderConsumer(*args, **kwargs)
    consumer.may_read = may_read
    return consumer


def _now() -> datetime:
    return datetime.now(UTC)


async def _every(seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    """Do something now and then; figures that cannot be had this time are had the next."""
    while True:
        with suppress(NotReadable):
            await work()
        await asyncio.sleep(seconds)
