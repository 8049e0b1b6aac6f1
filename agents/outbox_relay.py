"""The relay: revisions from the store's outbox to ``integrity.alert.v1``, each alert's in order.

A round claims rows, publishes them, and marks them when Kafka has acknowledged all. A crash or an error between
publishes them again, with the same content (``alerts/store``, promise 3). While Kafka takes its time the claim
is renewed, so that no other relay publishes the same rows meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.connection_errors import why
from agents.outputs import NeverAcknowledged
from agents.retry import Backoff, pause
from alerts.store.database import StoreError
from alerts.store.outbox import LEASE
from alerts.store.store import Store
from enrichment.log import events

ROWS_PER_ROUND_MAX: Final = 500
#: How long a revision that nobody announced (another process made it) waits at most.
IDLE_SECONDS: Final = 1.0

#: Publishes (key, value) records and returns when Kafka has acknowledged every one.
Publish = Callable[[Sequence[tuple[bytes, bytes]]], Awaitable[None]]

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay of one worker; ``holder`` names it among all that share the database."""

    store: Store
    publish: Publish
    #: Takes the seconds from an access record's timestamp to the acknowledgement of the revision that it caused.
    observe: Callable[[float], None]
    clock: Callable[[], datetime]
    holder: str

    async def run(self, woken: asyncio.Event, stop: asyncio.Event) -> None:
        """Publish until *stop*; *woken* says that the store has something new."""
        backoff = Backoff()
        while not stop.is_set():
            woken.clear()
            try:
                count = await self.publish_once()
            except NeverAcknowledged:
                raise
            except Exception as error:  # noqa: BLE001 whatever Kafka or the database does, the rows are still there
                _log.warning("alerts-wait", why=why(error))
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if count < ROWS_PER_ROUND_MAX:
                await pause(IDLE_SECONDS, woken, stop)

    async def publish_once(self) -> int:
        """Publish what waits, at most ``ROWS_PER_ROUND_MAX`` rows; give how many."""
        rows = await asyncio.to_thread(self.store.claim_unpublished, self.holder, self.clock(), ROWS_PER_ROUND_MAX)
        if not rows:
            return 0
        await self._publish_holding([(row.alert_id.encode(), row.payload) for row in rows])
        now = self.clock()
        for row in rows:
            if row.recorded_ms is not None:
                self.observe(max(0.0, now.timestamp() - row.recorded_ms / 1000))
        lost = await asyncio.to_thread(self.store.mark_published, self.holder, [row.id for row in rows], now)
        if lost:
            _log.warning("revisions-published-twice", number=lost)
        return len(rows)

    async def _publish_holding(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        publishing = asyncio.ensure_future(self.publish(records))
        try:
            while not (await asyncio.wait({publishing}, timeout=LEASE.total_seconds() / 3))[0]:
                try:
                    await asyncio.to_thread(self.store.renew_claims, self.holder, self.clock())
                except StoreError:
                    # The claim may lapse; marking the rows will then tell.
                    _log.warning("claim-not-renewed")
            publishing.result()
        finally:
            publishing.cancel()
