"""Telling: what one channel has to send now is sent, and what became of it is written down."""

import asyncio
import functools
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from agents.channels.senders import Sender
from agents.pacing import Backoff
from alerts.delivery.attempts import Again, Attempt, Sent, next_attempt
from alerts.delivery.digest_messages import write_due
from alerts.delivery.messages import Wording
from alerts.delivery.routes import Delivery
from alerts.merging import Rules
from alerts.store.errors import StoreError
from alerts.store.ledger import Due
from alerts.store.store import Store
from enrichment.events import events

Result = Literal["sent", "retried", "parked", "withheld", "silenced"]

#: Messages that one channel sends at the same time.
CONCURRENCY: Final = 4
#: What comes on top of an attempt's own time before its claim ends.
LEASE_MARGIN_SECONDS: Final = 15
#: Tries to write down what became of a message, before its claim is left to end.
RECORD_ATTEMPTS_MAX: Final = 6

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Teller:
    """Sends through one channel of one worker; ``holder`` names it among all that share the database."""

    store: Store
    delivery: Delivery
    rules: Rules
    #: Counts a notification: channel, result.
    count: Callable[[str, Result], None]
    clock: Callable[[], datetime]
    holder: str

    async def send_once(self, name: str, sender: Sender) -> int:
        """Send what one channel has to send now, at most ``CONCURRENCY`` messages; give how many."""
        lease = timedelta(seconds=self.delivery.channels[name].timeout_seconds + LEASE_MARGIN_SECONDS)
        claim = functools.partial(
            self.store.claim_due, name, holder=self.holder, now=self.clock(), lease=lease, limit=CONCURRENCY
        )
        due = await asyncio.to_thread(claim)
        await asyncio.gather(*(self._tell(one, sender) for one in due))
        return len(due)

    async def _tell(self, due: Due, sender: Sender) -> None:
        channel = self.delivery.channels[due.channel]
        wording = Wording(due.channel, channel.detail, self.delivery.console_url, self.rules)
        try:
            attempt = await sender.send(write_due(due, wording), self.clock())
        except Exception as error:  # noqa: BLE001 one message that cannot be written must not hold up the others
            attempt = Again(type(error).__name__)
        await self._record(due, attempt)

    async def _record(self, due: Due, attempt: Attempt) -> None:
        now = self.clock()
        if isinstance(attempt, Sent):
            result: Result = "sent"
            write_down = functools.partial(self.store.record_sent, due, now)
            if attempt.refused:
                _log.warning("recipients-refused", channel=due.channel, number=attempt.refused)
        else:
            retry_at = None
            if isinstance(attempt, Again):
                dice = random.random()  # noqa: S311 spreads load, guards nothing
                retry_at = next_attempt(due.attempts, due.first_attempt_at, now, dice, attempt.after)
            result = "parked" if retry_at is None else "retried"
            write_down = functools.partial(self.store.record_failed, due, attempt.why, retry_at)
            _log.warning("message-not-sent", channel=due.channel, attempt=due.attempts, result=result, why=attempt.why)
        self.count(due.channel, result)
        await _persist(write_down)


async def _persist(write_down: Callable[[], None]) -> None:
    """Write down what became of a message, trying again: what is not written down is sent again."""
    backoff = Backoff()
    for left in reversed(range(RECORD_ATTEMPTS_MAX)):
        try:
            return await asyncio.to_thread(write_down)
        except StoreError:
            if not left:
                raise
            await asyncio.sleep(backoff.next_seconds())
    return None
