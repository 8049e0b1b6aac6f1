"""Waiting and trying again: until something happens, until told to stop, a little longer after each failure.

``Hold`` is what a batch does while something that it needs is away: nothing is skipped, it is tried again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agents.connection_errors import why
from agents.metrics import Metrics
from enrichment.log import events

FIRST_WAIT_SECONDS: Final = 0.2
WAIT_SECONDS_MAX: Final = 10.0
#: The same of a batch that is held; there is no last try.
HELD_FIRST_WAIT_SECONDS: Final = 0.05
HELD_WAIT_SECONDS_MAX: Final = 5.0
_DOUBLINGS_MAX: Final = 10

T = TypeVar("T")

_log = events(__name__)


async def pause(seconds: float, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, at most *seconds*."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiting:
            waiter.cancel()


class Backoff:
    """Waits between failures in a row: doubling, bounded, spread by half so that workers come back apart."""

    def __init__(self, first: float = FIRST_WAIT_SECONDS, most: float = WAIT_SECONDS_MAX) -> None:
        """Wait *first* seconds after the first failure, and *most* at the most."""
        self._first, self._most = first, most
        self._failures = 0

    def next_seconds(self) -> float:
        """Count a failure and say how long to wait."""
        wait = min(self._first * 2.0 ** min(self._failures, _DOUBLINGS_MAX), self._most)
        self._failures += 1
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 spreads load, guards nothing

    def reset(self) -> None:
        """It worked: the next failure is the first again."""
        self._failures = 0


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
        backoff, held = Backoff(HELD_FIRST_WAIT_SECONDS, HELD_WAIT_SECONDS_MAX), False
        try:
            while True:
                try:
                    return await attempt()
                except transient as error:
                    self._held += not held
                    held = True
                    self._say(why(error))
                    await asyncio.sleep(backoff.next_seconds())
        finally:
            # What one batch got through says nothing of another that is still held.
            self._held -= held
            if held and not self._held:
                self._done()

    def late(self, reason: str | None) -> None:
        """Take note that what a batch waits for is late, and that it no longer is where *reason* is None."""
        if reason is not None:
            self._say(reason)
        elif not self._held:
            self._done()

    def _say(self, reason: str) -> None:
        if self.reason is None:
            _log.warning("batch-held", agent=self.agent, why=reason)
        self.reason = reason
        self.metrics.holding.labels(self.agent).set(1)

    def _done(self) -> None:
        if self.reason is not None:
            _log.warning("batch-goes-on", agent=self.agent)
        self.reason = None
        self.metrics.holding.labels(self.agent).set(0)
