"""The watch over a run: what is committed, how far the outputs reach, and what each worker says of itself.

Each look asks for the committed offsets first and for the ends of the outputs after that. So whatever a commit
covers must stand before those ends: an outcome is in Kafka before its record is committed, at any moment.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.faults.fleet import Fleet, Worker

LOOK_SECONDS = 0.2
#: Seconds in which Kafka must answer one look, else it counts as away.
ANSWER_SECONDS_MAX = 4.0
#: A partition with records waiting may stand for so long while every worker says that all is well.
SILENT_SECONDS_MAX = 30.0
_AWAY = (KafkaError, OSError, TimeoutError, AssertionError)

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Look:
    """One moment: what was committed, and where topics ended right after."""

    at: float
    committed: Offsets
    ends: Offsets


@dataclass(slots=True)
class Watch:
    """Looks again and again, and remembers."""

    kafka: str
    #: Topic -> the group that reads it: accesses first.
    groups: Mapping[str, str]
    outputs: tuple[str, ...]
    fleet: Fleet
    partitions: int
    looks: list[Look] = field(default_factory=list)
    #: Looks that Kafka did not answer.
    unanswered: int = 0
    #: Each silent stall as a sentence.
    stalls: list[str] = field(default_factory=list)
    #: What workers said while they were not ready or not live, each sentence once.
    said: set[str] = field(default_factory=set)
    #: The last metrics of each process, by its pid.
    metrics: dict[int, str] = field(default_factory=dict)
    _admin: AIOKafkaAdminClient | None = None
    _consumer: AIOKafkaConsumer | None = None
    _standing: dict[TopicPartition, tuple[int, float]] = field(default_factory=dict)
    _red: bool = True

    async def run(self) -> None:
        """Look for as long as the run lasts."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._watch_kafka())
            both.create_task(self._watch_workers())

    @property
    def last(self) -> Look:
        """The newest look."""
        return self.looks[-1] if self.looks else Look(0.0, {}, {})

    def waiting(self) -> int:
        """Return how many accesses are not committed yet."""
        ends, committed = self.last.ends, self.last.committed
        accesses = [tp for tp in self._inputs() if tp.topic == next(iter(self.groups))]
        return sum(max(0, ends.get(tp, 0) - committed.get(tp, 0)) for tp in accesses)

    def input_ends(self) -> dict[TopicPartition, int]:
        """Return where the accesses and the hits end, by the newest look."""
        return {tp: self.last.ends.get(tp, 0) for tp in self._inputs()}

    async def committed(self, goal: Offsets, seconds_max: float) -> float:
        """Wait until everything up to *goal* is committed; give the seconds. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(seconds_max):
            while any(self.last.committed.get(tp, 0) < end for tp, end in goal.items()):  # noqa: ASYNC110 Kafka tells nobody
                await asyncio.sleep(LOOK_SECONDS / 2)
        return time.monotonic() - began

    async def fresh(self) -> Look:
        """Wait for a look that began after this moment, and give it."""
        since = time.monotonic()
        while self.last.at < since:  # noqa: ASYNC110 looks come by themselves
            await asyncio.sleep(LOOK_SECONDS / 2)
        return self.last

    def _inputs(self) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in self.groups for number in range(self.partitions)]

    async def _watch_kafka(self) -> None:
        try:
            while True:
                began = time.monotonic()
                try:
                    async with asyncio.timeout(ANSWER_SECONDS_MAX):
                        self.looks.append(await self._look(began))
                except _AWAY:
                    self.unanswered += 1
                    await self._disconnect()
                self._note_stalls(time.monotonic(), answered=self.last.at == began)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._disconnect()

    async def _look(self, began: float) -> Look:
        if self._admin is None or self._consumer is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=3_000)
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self.kafka,
                enable_auto_commit=False,
                isolation_level="read_committed",
                request_timeout_ms=3_000,
            )
            await self._admin.start()
            await self._consumer.start()
        committed: dict[TopicPartition, int] = {}
        for group in self.groups.values():
            found = await self._admin.list_consumer_group_offsets(group)
            committed |= {tp: meta.offset for tp, meta in found.items() if meta.offset >= 0}
        topics = {*self.outputs, *self.groups}
        asked = [TopicPartition(topic, number) for topic in topics for number in range(self.partitions)]
        return Look(began, committed, await self._consumer.end_offsets(asked))

    async def _disconnect(self) -> None:
        clients = [
            client
            for client in (self._admin and self._admin.close(), self._consumer and self._consumer.stop())
            if client
        ]
        self._admin = self._consumer = None
        for closing in clients:
            with suppress(*_AWAY):
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await closing

    def _note_stalls(self, now: float, *, answered: bool) -> None:
        """A partition that stands with records waiting while nobody says why, for too long."""
        for tp in self._inputs():
            offset = self.last.committed.get(tp, 0)
            waits = not answered or self.last.ends.get(tp, 0) > offset
            before, since = self._standing.get(tp, (-1, now))
            if not waits or self._red or before != offset:
                self._standing[tp] = (offset, now)
            elif now - since > SILENT_SECONDS_MAX:
                self.stalls.append(
                    f"{tp.topic}-{tp.partition} stood at {offset} for {now - since:.0f} s, Kafka "
                    f"{'answered' if answered else 'did not answer'}, and every worker said that all was well"
                )
                self._standing[tp] = (offset, now)

    async def _watch_workers(self) -> None:
        while True:
            self._red = any([await self._is_red(worker) for worker in list(self.fleet.workers)])
            await asyncio.sleep(LOOK_SECONDS * 2)

    async def _is_red(self, worker: Worker) -> bool:
        """Whether this worker shows that it does not do all of its work: red, or not answering at all."""
        pid = worker.process.pid
        pages = await asyncio.gather(*(self.fleet.page(worker, path) for path in ("/livez", "/readyz", "/metrics")))
        for status, text in pages[:2]:
            if status == 503:
                self.said.update(line.rstrip("0123456789") for line in text.splitlines())
        if pages[2][0] == 200 and pid == worker.process.pid:
            self.metrics[pid] = pages[2][1]
        return any(status != 200 for status, _ in pages)
