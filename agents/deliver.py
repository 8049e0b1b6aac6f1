"""The deliver agent: decides who is told of each revision, and tells them.

One loop routes; each channel has a loop of its own, so a dead channel delays no other. A message that did not
get through waits in the ledger, longer each time, for a day, and is then parked to be seen.
A crash between a channel's acceptance and the ledger's entry repeats a message, with the same id.
"""

import asyncio
import functools
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from agents.channels.findings import Publish
from agents.channels.senders import Sender, open_senders
from agents.pacing import Backoff, pause
from alerts.delivery.attempts import Again, Attempt, Sent, next_attempt
from alerts.delivery.decide import decide
from alerts.delivery.messages import Wording, write
from alerts.delivery.routes import Delivery
from alerts.merging import Rules
from alerts.store.errors import StoreError
from alerts.store.ledger import Due
from alerts.store.store import Store

Result = Literal["sent", "retried", "parked", "withheld"]

#: Revisions decided about in one transaction.
ROUTED_PER_ROUND_MAX: Final = 200
#: Messages that one channel sends at the same time.
CONCURRENCY: Final = 4
#: How long a notification that nobody announced waits at most.
IDLE_SECONDS: Final = 1.0
#: What comes on top of an attempt's own time before its claim ends.
LEASE_MARGIN_SECONDS: Final = 15
#: Tries to write down what became of a message, before its claim is left to end.
RECORD_ATTEMPTS_MAX: Final = 6

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deliverer:
    """The deliver agent of one worker; ``holder`` names it among all that share the database."""

    store: Store
    delivery: Delivery
    rules: Rules
    #: Counts a notification: channel, result.
    count: Callable[[str, Result], None]
    clock: Callable[[], datetime]
    holder: str
    #: Where findings go.
    publish: Publish

    async def run(self, woken: asyncio.Event, stop: asyncio.Event) -> None:
        """Route and send until *stop*; *woken* says that the store has something new."""
        senders = open_senders(self.delivery, self.publish)
        routed = {name: asyncio.Event() for name in senders}
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._route_all(woken, routed, stop))
            for name, sender in senders.items():
                loops.create_task(self._serve(name, sender, routed[name], stop))

    async def route_once(self) -> int:
        """Decide about revisions that nobody has decided about yet; give how many."""
        choose = functools.partial(decide, self.delivery.routes)
        routed = await asyncio.to_thread(self.store.route, choose, self.clock(), ROUTED_PER_ROUND_MAX)
        for one in routed:
            for channel in one.decision.withheld:
                self.count(channel, "withheld")
                _log.warning("Alert %s was withheld from %s: conflicted, no conflict channel.", one.alert_id, channel)
        return len(routed)

    async def send_once(self, name: str, sender: Sender) -> int:
        """Send what one channel has to send now, at most ``CONCURRENCY`` messages; give how many."""
        lease = timedelta(seconds=self.delivery.channels[name].timeout_seconds + LEASE_MARGIN_SECONDS)
        claim = functools.partial(
            self.store.claim_due, name, holder=self.holder, now=self.clock(), lease=lease, limit=CONCURRENCY
        )
        due = await asyncio.to_thread(claim)
        await asyncio.gather(*(self._tell(one, sender) for one in due))
        return len(due)

    async def _route_all(self, woken: asyncio.Event, routed: Mapping[str, asyncio.Event], stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            woken.clear()
            try:
                count = await self.route_once()
            except Exception as error:  # noqa: BLE001 the revisions are still there: say so and try again
                _log.warning("Alerts wait to be routed: %s. Trying again.", type(error).__name__)
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if count:
                for event in routed.values():
                    event.set()
            if count < ROUTED_PER_ROUND_MAX:
                await pause(IDLE_SECONDS, woken, stop)

    async def _serve(self, name: str, sender: Sender, routed: asyncio.Event, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            routed.clear()
            try:
                count = await self.send_once(name, sender)
            except Exception as error:  # noqa: BLE001 the ledger still has them: say so and try again
                _log.warning("Channel %s waits: %s. Trying again.", name, type(error).__name__)
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if not count:
                await pause(IDLE_SECONDS, routed, stop)

    async def _tell(self, due: Due, sender: Sender) -> None:
        channel = self.delivery.channels[due.channel]
        wording = Wording(due.channel, channel.detail, self.delivery.console_url, self.rules)
        try:
            attempt = await sender.send(write(due.alert, due.first_revision, wording), self.clock())
        except Exception as error:  # noqa: BLE001 one message that cannot be written must not hold up the others
            attempt = Again(type(error).__name__)
        await self._record(due, attempt)

    async def _record(self, due: Due, attempt: Attempt) -> None:
        now = self.clock()
        if isinstance(attempt, Sent):
            result: Result = "sent"
            write_down = functools.partial(self.store.record_sent, due, now)
            if attempt.refused:
                _log.warning("Channel %s: %d recipients were refused.", due.channel, attempt.refused)
        else:
            retry_at = None
            if isinstance(attempt, Again):
                dice = random.random()  # noqa: S311 spreads load, guards nothing
                retry_at = next_attempt(due.attempts, due.first_attempt_at, now, dice, attempt.after)
            result = "parked" if retry_at is None else "retried"
            write_down = functools.partial(self.store.record_failed, due, attempt.why, retry_at)
            _log.warning("Channel %s: attempt %d was %s (%s).", due.channel, due.attempts, result, attempt.why)
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
