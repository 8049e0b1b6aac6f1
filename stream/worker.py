"""The service: starts the agents that were asked for, watches them, and stops them without losing anything."""

import asyncio
import logging
import os
import platform
import signal
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import faust
from aiokafka.errors import KafkaError
from prometheus_client import ProcessCollector

from agents.metrics import Metrics
from agents.park_limit import ParkLimitReached
from enrichment.events import events
from stream import RELEASE
from stream.batches import BatchConsumer
from stream.commands.failure import CommandFailed
from stream.connections import aiokafka_options
from stream.garbage import collect_rarely
from stream.health import Health
from stream.kafka_ends import TopicEnds
from stream.parts import Part
from stream.platform_figures import watch_platform
from stream.refusal import reason
from stream.rights_check import check_rights
from stream.settings import Settings
from stream.watchdog import Watchdog

AGENTS = ("screen", "reference", "alert", "deliver")

#: Seconds in which what is in hand is finished after a signal to stop.
DRAIN_SECONDS_MAX = 6.0
#: Seconds in which everything is closed after that.
CLOSE_SECONDS_MAX = 3.0
#: Seconds after the first signal at which the process ends, whatever still hangs; the contract gives it 20.
STOP_SECONDS_MAX = 18.0
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
        self.parts: list[Part] = []
        self.stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._watchdog = Watchdog(self._stuck, loop_seconds_max=settings.stuck_seconds / 2)
        self._failure: BaseException | None = None
        #: Whether everything had started before it was to stop.
        self._started = False
        #: Says that Kafka is away, while it is: a consumer keeps its partitions and waits without a word.
        self._kafka_away: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics.build_info.labels(RELEASE, platform.python_version()).set(1)
        ProcessCollector(registry=self.metrics.registry)

    async def run(self, build: Any, agents: Sequence[str]) -> None:
        """Run until a signal comes or something fails.

        Args:
            build: makes the parts for these agents; see ``stream/parts.py``.
            agents: which of ``AGENTS`` to run.

        Raises:
            CommandFailed: it cannot start, or a part of it failed; the sentence says which.
        """
        self._listen_to_signals()
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(self._start(build, stack, agents))
            stopping = asyncio.create_task(self.stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
                await self._stop()
            else:
                _log.info("stopping", why="asked to, before everything was started")
                await self._drain()
                await _given_up(starting)
                await self._cancel_tasks()
                await asyncio.gather(*(consumer.leave() for consumer in self._consumers()), return_exceptions=True)
                # The last agent may have started meanwhile: it is left as the others are.
                self._started = False
        if not self._started:
            # The threads of a Faust that has half started cannot be asked to end. What was read is committed.
            if self._failure is not None:
                _log.error("not-started", why=_said(self._failure))
            logging.shutdown()
            os._exit(0 if self._failure is None else 1)
        if self._failure is not None:
            raise CommandFailed(f"The worker stopped: {_said(self._failure)}.") from self._failure

    async def _start(self, build: Any, stack: AsyncExitStack, agents: Sequence[str]) -> None:
        ends = await self._kafka(stack, agents)
        health = Health(self.metrics.registry, self.not_live, self.not_ready)
        try:
            await health.start(*self.settings.http_address)
        except OSError as error:
            raise CommandFailed(
                f"{self.settings.http} cannot be listened on ({error.strerror or type(error).__name__}): "
                "set ACCESSWATCH_HTTP to a free host:port."
            ) from None
        stack.push_async_callback(health.stop)
        self.parts = await build(self, stack, ends, agents)
        for part in self.parts:
            part.progress.stuck_seconds = self.settings.stuck_seconds
            for name, work in part.tasks:
                self._supervise(name, work())
        for name in agents:
            self.metrics.agent_running.labels(name).set(1)
        # Watched from the first moment: an application has started only once its group has given it partitions.
        self._supervise("gauges", self._update_gauges())
        self._supervise("progress", self._watch_progress(ends))
        self._supervise("platform figures", watch_platform(self.settings, self.metrics))
        collect_rarely()
        self._watchdog.start()
        stack.callback(self._watchdog.stop)
        apps = {part.name: part.app for part in self.parts if part.app is not None}
        await asyncio.gather(*(app.start() for app in apps.values()))
        for name, app in apps.items():
            self._supervise(name, _until_crash(app))
        self._started = True
        _log.info("started", agents=list(agents), release=RELEASE)

    def not_live(self) -> list[str]:
        """Give what is stuck and will not go on by itself."""
        return self._watchdog.reasons()

    def not_ready(self) -> list[str]:
        """Give what this worker still waits for."""
        if not self.parts or self.stopping.is_set():
            return ["starting" if not self.parts else "stopping"]
        away = [self._kafka_away] if self._kafka_away is not None else []
        return [*away, *(reason for part in self.parts for reason in part.waiting())]

    # -- starting -----------------------------------------------------------------------------------------------

    async def _kafka(self, stack: AsyncExitStack, agents: Sequence[str]) -> TopicEnds:
        ends = TopicEnds(aiokafka_options(self.settings))
        try:
            async with asyncio.timeout(KAFKA_SECONDS_MAX):
                await ends.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise CommandFailed(await reason(self.settings, error)) from None
        stack.push_async_callback(ends.stop)
        self.metrics.kafka_answers.set(1)
        await asyncio.to_thread(check_rights, self.settings, agents)
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
            deadline = threading.Timer(STOP_SECONDS_MAX, os._exit, (1,))
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
                _log.error("part-failed", part=name, why=_said(error))
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
                consumer = part.consumer
                if consumer is None or not (topics := consumer.subscribed()):
                    continue
                await consumer.join_again()
                try:
                    async with asyncio.timeout(KAFKA_ANSWER_SECONDS_MAX):
                        reached = await ends.ends(topics)
                    await part.look(reached)
                    self._kafka_away = None
                    self.metrics.kafka_answers.set(1)
                except (KafkaError, OSError, TimeoutError) as error:
                    # Nobody can make progress then, and ending the process would not help.
                    self._kafka_away = f"Kafka does not say where the topics end ({type(error).__name__})"
                    self.metrics.kafka_answers.set(0)
                    _log.warning("kafka-away", why=type(error).__name__)
                    await part.look({})

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
                _log.warning("part-not-finished", part=part.name, why=type(error).__name__)
        await self._cancel_tasks()
        apps = [part.app.stop() for part in self.parts if part.app is not None]
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await asyncio.gather(*apps, return_exceptions=True)
        except TimeoutError:
            _log.warning("closing-took-long")
        _log.info("stopped")

    async def _drain(self) -> None:
        """Finish and commit what the consumers that have begun have in hand: one may be at work before all are."""
        drained = (consumer.drain(DRAIN_SECONDS_MAX, self._hurry) for consumer in self._consumers())
        if not all(await asyncio.gather(*drained)):
            _log.warning("not-all-finished")

    async def _cancel_tasks(self) -> None:
        """End what is supervised: what fails from now on, because others are closing, is no failure of the worker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _consumers(self) -> list[BatchConsumer]:
        return [part.consumer for part in self.parts if part.consumer is not None]


async def _given_up(starting: "asyncio.Task[None]") -> None:
    """Cancel a start and wait, bounded, until it has let go."""
    starting.cancel()
    await asyncio.wait({starting}, timeout=CLOSE_SECONDS_MAX)


async def _until_crash(app: faust.App) -> None:
    await app._crashed.wait()  # noqa: SLF001 mode has no public way to wait for it
    raise app.crash_reason or RuntimeError("Faust stopped without a reason")


def _said(error: BaseException) -> str:
    """Say an error without its text, which may name a person; our own sentences never do."""
    return str(error) if isinstance(error, (CommandFailed, ParkLimitReached)) else type(error).__name__
