"""Holding: what is done while something that a batch needs is away. Nothing is skipped; it is tried again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from agents.metrics import Metrics
from enrichment.events import events

#: Seconds before the first new try.
FIRST_WAIT_SECONDS = 0.05
#: Seconds between tries at the most; there is no last one.
WAIT_SECONDS_MAX = 5.0

T = TypeVar("T")

_log = events(__name__)


@dataclass(slots=True)
class Hold:
    """Tries again until it works, says so in a metric and in ``/readyz``, and stays in the group meanwhile."""

    agent: str
    metrics: Metrics
    #: Why the batch is held, or None.
    reason: str | None = field(default=None, init=False)
    #: Batches that are held now: several are carried at once.
    _held: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Show that nothing is held yet."""
        self.metrics.holding.labels(self.agent).set(0)

    async def until_it_works(
        self, attempt: Callable[[], Awaitable[T]], transient: tuple[type[BaseException], ...]
    ) -> T:
        """Await *attempt* again and again, with jittered backoff, while it raises one of *transient*.

        Any other error passes through. The wait has no end by design: an access is held, never skipped; the watchdog
        of the worker sees to it that a hold which should have ended is noticed.
        """
        wait, held = FIRST_WAIT_SECONDS, False
        try:
            while True:
                try:
                    return await attempt()
                except transient as error:
                    self._held += not held
                    held = True
                    self._say(error)
                    await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 jitter is no secret
                    wait = min(wait * 2, WAIT_SECONDS_MAX)
        finally:
            # What one batch got through says nothing of another that is still held.
            self._held -= held
            if held and not self._held:
                self._done()

    def _say(self, error: BaseException) -> None:
        if self.reason is None:
            _log.warning("batch-held", agent=self.agent, why=str(error) or type(error).__name__)
        self.reason = str(error) or type(error).__name__
        self.metrics.holding.labels(self.agent).set(1)

    def _done(self) -> None:
        if self.reason is not None:
            _log.warning("batch-goes-on", agent=self.agent)
        self.reason = None
        self.metrics.holding.labels(self.agent).set(0)
