"""The parts of a worker, one for each agent: what it is made of, and how it is looked at."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import faust

from agents.holding import Hold
from agents.metrics import Metrics
from stream.batches import BatchConsumer
from stream.progress import Progress

#: What runs for as long as the worker does; called once every part could be made.
Work = Callable[[], Coroutine[Any, Any, None]]
Task = tuple[str, Work]


async def _nothing() -> None:
    """Finish nothing."""


@dataclass(slots=True)
class Part:
    """One agent of a worker."""

    name: str
    metrics: Metrics
    app: faust.App | None = None
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
    _said: set[tuple[str, str]] = field(default_factory=set, init=False)

    @property
    def consumer(self) -> BatchConsumer | None:
        """The Kafka consumer, once its thread has begun."""
        # Not Faust's property of this name, which would make one.
        consumer = self.app._consumer if self.app is not None else None  # noqa: SLF001
        return consumer if isinstance(consumer, BatchConsumer) and consumer.connected else None

    def waiting(self) -> list[str]:
        """Give what this agent waits for."""
        reasons = [self.gate(), self.hold.reason if self.hold is not None else None]
        if self.app is not None and not self._assigned():
            reasons.append("no partitions are assigned yet")
        # Both may wait for the same.
        return [f"{self.name}: {reason}" for reason in dict.fromkeys(reasons) if reason is not None]

    def stuck(self) -> list[str]:
        """Give why this agent makes no progress although it could, if it does not. Safe to call from any thread."""
        return [f"{self.name}: {reason}" for reason in self.progress.stuck(monotonic())]

    async def update_gauges(self, shown: dict[tuple[str, ...], float]) -> None:
        """Bring lag, age and commit times up to date.

        Two parts may read one topic: *shown* holds what was said in this round, of which the worst stays.
        """
        consumer = self.consumer
        if consumer is None or not consumer.flow_active:
            return  # in a rebalance what was said stands for these seconds
        lags = consumer.lag()
        topics = {tp.topic for tp in lags}
        self._unsay({(tp.topic, str(tp.partition)) for tp in lags}, shown)
        for tp, lag in lags.items():
            key = ("lag", tp.topic, str(tp.partition))
            shown[key] = max(lag, shown.get(key, 0))
            self.metrics.lag.labels(tp.topic, tp.partition).set(shown[key])
        oldest = consumer.oldest_in_flight_ms()
        for topic in topics:
            since = max(0.0, time() - oldest[topic] / 1000) if topic in oldest else 0.0
            shown["oldest", topic] = max(since, shown.get(("oldest", topic), 0.0))
            self.metrics.oldest_unprocessed.labels(topic).set(shown["oldest", topic])
        for topic in self.unbroken:
            self.metrics.passed_over.labels(topic).inc(consumer.passed_over.pop(topic, 0))
        for topic in topics & consumer.last_commit.keys():
            at = consumer.last_commit[topic]
            shown["commit", topic] = min(at, shown.get(("commit", topic), at))
            self.metrics.last_commit.labels(topic).set(shown["commit", topic])

    def _unsay(self, now: set[tuple[str, str]], shown: Mapping[tuple[str, ...], float]) -> None:
        """Show nothing more of partitions that another worker reads now, unless another part of this one does."""
        gone, self._said = self._said - now, now
        for topic, partition in gone:
            if ("lag", topic, partition) not in shown:
                self.metrics.lag.remove(topic, partition)
        for topic in {topic for topic, _ in gone} - {topic for topic, _ in now}:
            if ("oldest", topic) not in shown:
                self.metrics.oldest_unprocessed.remove(topic)
            if ("commit", topic) not in shown:
                self.metrics.last_commit.remove(topic)

    async def look(self, ends: Mapping[str, int]) -> None:
        """Note how far Kafka has taken our commits, against where the partitions end."""
        consumer = self.consumer
        if consumer is not None:
            held = self.gate() is not None or (self.hold is not None and self.hold.reason is not None)
            # After a rebalance Faust lets reading begin again; where it never does nothing else would tell.
            joined = consumer.joined and (consumer.flow_active or not consumer.assignment())
            self.progress.note(consumer.committed(), ends, held=held, now=monotonic(), joined=joined)

    def _assigned(self) -> bool:
        consumer = self.consumer
        return consumer is not None and consumer.flow_active and bool(consumer.assignment())
