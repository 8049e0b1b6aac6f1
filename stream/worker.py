"""The worker: starts the agents that were asked for, watches them, and stops them without losing anything.

Each agent is a ``RunningAgent`` or two, made by ``stream/factory.py``.
"""

import asyncio
import faulthandler
import gc
import os
import platform
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from aiokafka.errors import KafkaError
from prometheus_client import ProcessCollector

from agents.connection_errors import why
from agents.metrics import Metrics
from agents.retry import Hold
from enrichment.errors import CommandError
from enrichment.log import events
from stream import RELEASE
from stream.acls import check_acls
from stream.connections import aiokafka_options, reason
from stream.consumer import BatchConsumer
from stream.faust_app import AgentRuntime, agent_runtime
from stream.health import Health
from stream.membership import Name
from stream.platform_figures import watch_platform
from stream.settings import Settings
from stream.topic_admin import TopicEnds
from stream.watchdog import Progress, Watchdog, tasks_standing

#: Objects more than there were, after which the youngest are looked through: two batches make fewer.
YOUNG_OBJECTS_MAX = 100_000
#: Looks at the youngest to one at those that survived it, and so on to one at all.
LOOKS_PER_OLDER = 20


def collect_rarely() -> None:
    """Leave out what is there now, which stays for as long as the process does, and look rarely at what comes.

    A batch makes tens of thousands of objects, and none of them a cycle; Python's default looks after every 700 more,
    and again and again through all that is kept: a quarter of a busy worker's time. What is unused without being a
    cycle is given back at once, with or without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, LOOKS_PER_OLDER, LOOKS_PER_OLDER)


#: What runs for as long as the worker does; called once every part could be made.
Work = Callable[[], Coroutine[Any, Any, None]]
Task = tuple[str, Work]


async def _nothing() -> None:
    """Finish nothing."""


@dataclass(slots=True)
class RunningAgent:
    """One agent of a worker."""

    name: str
    metrics: Metrics
    #: What it reads with; None where it reads nothing from Kafka.
    consumer: BatchConsumer | None = None
    hold: Hold | None = None
    #: Whether this agent may read now; the reason why not.
    gate: Callable[[], str | None] = lambda: None
    #: Topics of which every offset should come: a compacted one has gaps.
    unbroken: tuple[str, ...] = ()
    #: By name.
    tasks: list[Task] = field(default_factory=list)
    #: Called when the worker stops, after what was in hand is done.
    finish: Callable[[], Awaitable[None]] = _nothing
    progress: Progress = field(default_factory=Progress)
    #: The partitions, as (topic, partition), whose lag is shown.
    _logged: set[tuple[str, str]] = field(default_factory=set, init=False)
    #: Where each ``<topic>:<partition>`` ended when Kafka was last asked.
    _ends: dict[str, int] = field(default_factory=dict, init=False)

    def waiting(self) -> list[str]:
        """Return what this agent waits for."""
        reasons = [self.gate(), self.hold.reason if self.hold is not None else None]
        if self.consumer is not None and not self.consumer.assigned:
            reasons.append(self.consumer.trouble or "no partitions are assigned yet")
        # Both may wait for the same.
        return [f"{self.name}: {reason}" for reason in dict.fromkeys(reasons) if reason is not None]

    def stuck(self) -> list[str]:
        """Return why this agent makes no progress although it could, if it does not. Safe to call from any thread."""
        return [f"{self.name}: {reason}" for reason in self.progress.stuck(monotonic())]

    async def update_gauges(self, shown: dict[tuple[str, ...], float]) -> None:
        """Bring lag, age and commit times up to date.

        Two parts may read one topic: *shown* holds what was said in this round, of which the worst stays.
        """
        consumer = self.consumer
        if consumer is None or not consumer.joined:
            return  # in a rebalance what was said stands for these seconds
        lags = consumer.lag(self._ends)
        topics = {tp.topic for tp in lags}
        self._unsay({(tp.topic, str(tp.partition)) for tp in lags}, shown)
        for tp, lag in lags.items():
            key = ("lag", tp.topic, str(tp.partition))
            shown[key] = max(lag, shown.get(key, 0))
            self.metrics.lag.labels(tp.topic, tp.partition).set(shown[key])
        oldest = consumer.oldest_in_hand_ms()
        for topic in topics:
            since = max(0.0, time() - oldest[topic] / 1000) if topic in oldest else 0.0
            shown["oldest", topic] = max(since, shown.get(("oldest", topic), 0.0))
            self.metrics.oldest_unprocessed.labels(topic).set(shown["oldest", topic])
        for topic in self.unbroken:
            self.metrics.passed_over.labels(topic).inc(consumer.passed_over.pop(topic, 0))
        for topic in list(consumer.unreadable):
            self.metrics.unreadable.labels(topic).inc(consumer.unreadable.pop(topic))
        for topic in topics & consumer.last_commit.keys():
            at = consumer.last_commit[topic]
            shown["commit", topic] = min(at, shown.get(("commit", topic), at))
            self.metrics.last_commit.labels(topic).set(shown["commit", topic])

    def _unsay(self, now: set[tuple[str, str]], shown: Mapping[tuple[str, ...], float]) -> None:
        """Show nothing more of partitions that another worker reads now, unless another part of this one does."""
        gone, self._logged = self._logged - now, now
        for topic, partition in gone:
            if ("lag", topic, partition) not in shown:
                self.metrics.lag.remove(topic, partition)
        for topic in {topic for topic, _ in gone} - {topic for topic, _ in now}:
            if ("oldest", topic) not in shown:
                self.metrics.oldest_unprocessed.remove(topic)
            if ("commit", topic) not in shown:
                self.metrics.last_commit.remove(topic)

    def look(self, ends: Mapping[str, int]) -> None:
        """Note how far Kafka has taken our commits, against where the partitions end; empty while Kafka is away."""
        self._ends = dict(ends)
        consumer = self.consumer
        if consumer is not None:
            held = self.gate() is not None or (self.hold is not None and self.hold.reason is not None)
            held = held or consumer.trouble is not None
            joined = consumer.joined or held
            self.progress.note(consumer.committed(), ends, held=held, now=monotonic(), joined=joined)


#: Seconds in which what is in hand is finished after a signal to stop.
DRAIN_SECONDS_MAX = 6.0
#: Seconds in which everything is closed after that.
CLOSE_SECONDS_MAX = 3.0
#: Seconds in which what is supervised ends once it is cancelled, before it is cancelled again, and how often.
CANCEL_SECONDS = 1.0
CANCELS_MAX = 3
#: Seconds after the first signal at which the process ends, whatever still hangs; the contract gives it 20.
STOP_SECONDS_MAX = 18.0
#: What it then ends with.
EXIT_LATE = 1
#: Seconds between updates of the gauges.
GAUGES_SECONDS = 1.0
#: Seconds between looks whether the parts make progress.
PROGRESS_SECONDS = 5.0
#: Seconds in which Kafka must answer at the start.
KAFKA_SECONDS_MAX = 30.0
#: Seconds in which it must say where topics end; past them `/readyz` says that it is away.
KAFKA_ANSWER_SECONDS_MAX = 10.0

_log = events(__name__)


class Worker:
    """One process with some or all of the agents."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.parts: list[RunningAgent] = []
        self.stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._watchdog = Watchdog(self._stuck, loop_seconds_max=settings.stuck_seconds / 2)
        self._failure: BaseException | None = None
        #: Runs the agents; the consumers of the parts feed it.
        self.runtime: AgentRuntime = agent_runtime(settings)
        #: The names of our consumers, where they have some and there is Redis to leave a mark in.
        self.names: list[Name] = []
        #: Says that Kafka is away, while it is: a consumer keeps its partitions and waits without a word.
        self._kafka_away: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics.build_info.labels(RELEASE, platform.python_version()).set(1)
        ProcessCollector(registry=self.metrics.registry)

    async def run(self, build: Any, agents: Sequence[str]) -> None:
        """Run until a signal comes or something fails.

        Args:
            build: makes the parts for these agents; see ``stream/factory.py``.
            agents: which of ``AGENTS`` to run.

        Raises:
            CommandError: it cannot start, or a part of it failed; the sentence says which.
        """
        self._listen_to_signals()
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(self._start(build, stack, agents))
            stopping = asyncio.create_task(self.stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if starting.done():
                    starting.result()
                    await stopping
                else:
                    _log.info("stopping-early")
                    await _given_up(starting)
            finally:
                stopping.cancel()
                # Where nothing was made yet the sentence says why, and there is nothing to stop.
                if self.parts:
                    await self._stop()
        if self._failure is not None:
            raise CommandError(f"The worker stopped: {why(self._failure)}.") from self._failure

    async def _start(self, build: Any, stack: AsyncExitStack, agents: Sequence[str]) -> None:
        ends = await self._kafka(stack, agents)
        health = Health(self.metrics.registry, self.not_live, self.not_ready)
        try:
            await health.start(*self.settings.http_address)
        except OSError as error:
            raise CommandError(
                f"{self.settings.http} cannot be listened on ({why(error)}): set ACCESSWATCH_HTTP to a free host:port."
            ) from None
        stack.push_async_callback(health.stop)
        self.parts = await build(self, stack, ends, agents)
        for part in self.parts:
            part.progress.stuck_seconds = self.settings.stuck_seconds
            for name, work in part.tasks:
                self._supervise(name, work())
        for name in agents:
            self.metrics.agent_running.labels(name).set(1)
        # Watched from the first moment: a group may never answer.
        self._supervise("gauges", self._update_gauges())
        self._supervise("progress", self._watch_progress(ends))
        self._supervise("platform figures", watch_platform(self.settings, self.metrics))
        collect_rarely()
        self._watchdog.start()
        stack.callback(self._watchdog.stop)
        await self.runtime.start()
        self._supervise("agents", self.runtime.until_crash())
        for part in self.parts:
            if part.consumer is not None:
                await part.consumer.start()
                self._supervise(part.name, _until_failed(part.consumer))
        _log.info("started", agents=list(agents), release=RELEASE)

    def not_live(self) -> list[str]:
        """Return what is stuck and will not go on by itself."""
        return self._watchdog.reasons()

    def not_ready(self) -> list[str]:
        """Return what this worker still waits for."""
        if not self.parts or self.stopping.is_set():
            return ["starting" if not self.parts else "stopping"]
        seen = [reason for reason in (self._kafka_away, *(one.shared for one in self.names)) if reason is not None]
        return [*dict.fromkeys(seen), *(reason for part in self.parts for reason in part.waiting())]

    # -- starting -----------------------------------------------------------------------------------------------

    async def _kafka(self, stack: AsyncExitStack, agents: Sequence[str]) -> TopicEnds:
        ends = TopicEnds(aiokafka_options(self.settings))
        try:
            async with asyncio.timeout(KAFKA_SECONDS_MAX):
                await ends.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise CommandError(await reason(self.settings, error)) from None
        stack.push_async_callback(ends.stop)
        self.metrics.kafka_answers.set(1)
        await asyncio.to_thread(check_acls, self.settings, agents)
        return ends

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._be_signalled)

    def _be_signalled(self) -> None:
        """Stop at the first signal; at the second, without waiting for what is in hand."""
        if self.stopping.is_set():
            self._hurry.set()
        else:
            # Whatever hangs while stopping, in a thread of a library even: the process ends. Nothing is lost by that.
            deadline = threading.Timer(STOP_SECONDS_MAX, _end_late, (asyncio.get_running_loop(),))
            deadline.daemon = True
            deadline.start()
        self.stopping.set()

    # -- watching -----------------------------------------------------------------------------------------------

    def _supervise(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as the worker runs; its failure ends the worker, since half a worker is none."""

        async def watched() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 whatever it is, the worker must end and be started again
                _log.error("part-failed", part=name, why=why(error))
                self._failure = self._failure or error
                self.stopping.set()

        self._tasks.append(asyncio.create_task(watched(), name=name))

    async def _update_gauges(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._watchdog.beat()
            shown: dict[tuple[str, ...], float] = {}
            for part in self.parts:
                await part.update_gauges(shown)
            self.metrics.ready.set(not self.not_ready())
            began = loop.time()
            await asyncio.sleep(GAUGES_SECONDS)
            self.metrics.loop_delay.set(max(0.0, loop.time() - began - GAUGES_SECONDS))

    async def _watch_progress(self, ends: TopicEnds) -> None:
        """Ask Kafka where the topics end, apart from the consumers, and compare."""
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            for part in self.parts:
                if part.consumer is None:
                    continue
                try:
                    async with asyncio.timeout(KAFKA_ANSWER_SECONDS_MAX):
                        reached = await ends.ends(part.consumer.subscription.topics)
                    part.look(reached)
                    self._kafka_away = None
                    self.metrics.kafka_answers.set(1)
                except (KafkaError, OSError, TimeoutError) as error:
                    # Nobody can make progress then, and ending the process would not help.
                    self._kafka_away = f"Kafka does not say where the topics end ({why(error)})"
                    self.metrics.kafka_answers.set(0)
                    _log.warning("kafka-away", why=why(error))
                    part.look({})

    def _stuck(self) -> list[str]:
        return [reason for part in self.parts for reason in part.stuck()]

    # -- stopping -----------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Finish what is in hand and commit it, part by part in the order of the way, then close."""
        _log.info("stopping", why="failed" if self._failure is not None else "asked to")
        await self._drain()
        for part in self.parts:
            try:
                await part.finish()
            except Exception as error:  # noqa: BLE001 what is left is kept, and stopping goes on
                _log.warning("part-not-finished", part=part.name, why=why(error))
        await self._cancel_tasks()
        services = [*self._consumers(), self.runtime]
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await asyncio.gather(*(one.stop() for one in services if one.started), return_exceptions=True)
        except TimeoutError:
            _log.warning("closing-took-long")
        _log.info("stopped")

    async def _drain(self) -> None:
        """Finish and commit what the consumers that have begun have in hand: one may be at work before all are."""
        drained = (consumer.drain(DRAIN_SECONDS_MAX, self._hurry) for consumer in self._consumers())
        if not all(await asyncio.gather(*drained)):
            _log.warning("not-all-finished")

    async def _cancel_tasks(self) -> None:
        """End what is supervised: what fails from now on, because others are closing, is no failure of the worker.

        ``asyncio.wait_for`` of Python 3.11, which libraries use, forgets a cancellation that comes just as it is done:
        whatever goes on is cancelled again.
        """
        running = set(self._tasks)
        for _ in range(CANCELS_MAX):
            for task in running:
                task.cancel()
            if running:
                _, running = await asyncio.wait(running, timeout=CANCEL_SECONDS)
        if running:
            _log.warning("tasks-not-ended", tasks=", ".join(sorted(task.get_name() for task in running)))

    def _consumers(self) -> list[BatchConsumer]:
        return [part.consumer for part in self.parts if part.consumer is not None]


def _end_late(loop: asyncio.AbstractEventLoop) -> None:
    """End the process, from a thread: something hangs while stopping."""
    _log.error("ending-late", code=EXIT_LATE, tasks=tasks_standing(loop))
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    sys.stderr.flush()
    os._exit(EXIT_LATE)


async def _given_up(starting: "asyncio.Task[None]") -> None:
    """Cancel a start and wait, bounded, until it has let go."""
    starting.cancel()
    await asyncio.wait({starting}, timeout=CLOSE_SECONDS_MAX)


async def _until_failed(consumer: BatchConsumer) -> None:
    await consumer.failed
