"""The parts of a worker, one for each agent: what it is made of, and how it is looked at."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import faust

from agents.holding import Hold
from agents.metrics import Metrics
from stream.batches import BatchConsumer

#: Seconds without progress, while there is something to do and nothing is waited for, after which an agent is stuck.
STUCK_SECONDS = 120.0


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
    #: Names and coroutines that run for as long as the worker does.
    tasks: list[tuple[str, Coroutine[Any, Any, None]]] = field(default_factory=list)
    #: Called when the worker stops, after what was in hand is done.
    finish: Callable[[], Awaitable[None]] = _nothing
    _progress: tuple[Any, float] = field(default=(None, 0.0), init=False)

    @property
    def consumer(self) -> BatchConsumer | None:
        """The Kafka consumer, once the application has started."""
        if self.app is None or not self.app.started:
            return None
        consumer = self.app.consumer
        return consumer if isinstance(consumer, BatchConsumer) else None

    def waiting(self) -> list[str]:
        """Give what this agent waits for."""
        reasons = [self.gate(), self.hold.reason if self.hold is not None else None]
        if self.app is not None and not self._assigned():
            reasons.append("no partitions are assigned yet")
        return [f"{self.name}: {reason}" for reason in reasons if reason is not None]

    def stuck(self) -> list[str]:
        """Give why this agent makes no progress although it could, if it does not."""
        standing = monotonic() - self._progress[1]
        if self._progress[0] is None or standing < STUCK_SECONDS:
            return []
        return [f"{self.name}: no progress for {standing:.0f} s"]

    async def update_gauges(self) -> None:
        """Bring lag, age and commit times up to date."""
        consumer = self.consumer
        if consumer is None or not self._assigned():
            return
        lags = consumer.lag()
        for tp, lag in lags.items():
            self.metrics.lag.labels(tp.topic, tp.partition).set(lag)
        oldest = consumer.oldest_in_flight_ms()
        for topic in {tp.topic for tp in lags}:
            since = max(0.0, time() - oldest[topic] / 1000) if topic in oldest else 0.0
            self.metrics.oldest_unprocessed.labels(topic).set(since)
        for topic, at in consumer.last_commit.items():
            self.metrics.last_commit.labels(topic).set(at)
        self._note_progress(sum(lags.values()), consumer.acknowledged_batches)

    def _note_progress(self, lag: int, acknowledged: int) -> None:
        """Remember when something was last done, or when there was last nothing to do."""
        held = self.gate() is not None or (self.hold is not None and self.hold.reason is not None)
        if lag == 0 or held or self._progress[0] != acknowledged:
            self._progress = (acknowledged, monotonic())

    def _assigned(self) -> bool:
        consumer = self.consumer
        return consumer is not None and consumer.flow_active and bool(consumer.assignment())
