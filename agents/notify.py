"""The deliver agent: decides who is told of each revision, tells them, and writes down what became of it.

One loop routes; each channel has a loop of its own, so a dead channel delays no other. A message that did not
get through waits in the notification log, longer each time, for a day, and is then parked to be seen.
A crash between a channel's acceptance and the notification log's entry repeats a message, with the same id.
A changed delivery file is taken between two rounds: a channel that has changed ends what it has in hand, and begins
anew.
"""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from agents.connection_errors import why
from agents.outputs import NotPublished, TooLarge
from agents.retry import Backoff, pause
from alerts.grouping import Rules
from alerts.notify.attempts import Again, Attempt, Refused, Sent, next_attempt
from alerts.notify.channels.base import Publish, Sender
from alerts.notify.config import open_senders
from alerts.notify.message import Wording, write_due
from alerts.notify.routes import Delivery
from alerts.notify.routing import decide, first_look, follow_up
from alerts.store.database import StoreError
from alerts.store.notifications import Due, Plan, Routed
from alerts.store.store import Store
from enrichment.log import events

Result = Literal["sent", "retried", "parked", "withheld", "silenced"]

#: Messages that one channel sends at the same time.
CONCURRENCY: Final = 4
#: What comes on top of an attempt's own time before its claim ends.
LEASE_MARGIN_SECONDS: Final = 15
#: Tries to write down what became of a message, before its claim is left to end.
RECORD_ATTEMPTS_MAX: Final = 6
#: Revisions decided about in one transaction.
ROUTED_PER_ROUND_MAX: Final = 200
#: How long a notification that nobody announced waits at most, and a changed delivery file.
IDLE_SECONDS: Final = 1.0
#: Alerts of which old rows are removed in one transaction.
PURGED_PER_ROUND_MAX: Final = 200

_log = events(__name__)


@dataclass(slots=True)
class _Serving:
    """A channel's loop: told when something was routed, and when to end."""

    sender: Sender
    routed: asyncio.Event
    stop: asyncio.Event
    task: "asyncio.Task[None]"


def attempted(publish: Callable[[bytes, bytes], Awaitable[None]]) -> Publish:
    """Return what publishes a finding and says what became of it."""

    async def attempt(key: bytes, value: bytes) -> Attempt:
        try:
            await publish(key, value)
        except NotPublished as error:
            return Again(why(error))
        except TooLarge as error:
            return Refused(why(error))
        return Sent()

    return attempt


@dataclass(frozen=True, slots=True)
class Deliverer:
    """The deliver agent of one worker; ``holder`` names it among all that share the database."""

    store: Store
    in_force: Callable[[], Delivery]
    rules: Rules
    #: Counts a notification: channel, result.
    count: Callable[[str, Result], None]
    clock: Callable[[], datetime]
    holder: str
    #: Where findings go.
    publish: Publish

    @property
    def delivery(self) -> Delivery:
        """The delivery file that is in force now."""
        return self.in_force()

    async def run(self, woken: asyncio.Event, stop: asyncio.Event) -> None:
        """Route and send until *stop*; *woken* says that the store has something new."""
        serving: dict[str, _Serving] = {}
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._route_all(woken, serving, stop))
            taken: Delivery | None = None
            while not stop.is_set():
                if (delivery := self.delivery) is not taken:
                    await self._take(delivery, taken, serving, loops)
                    taken = delivery
                await pause(IDLE_SECONDS, stop)
            for one in serving.values():
                one.stop.set()

    async def route_once(self) -> int:
        """Decide about revisions that nobody has decided about yet, and about what has fallen due; give how many."""
        delivery = self.delivery
        plan = plan_of(delivery)
        routed = await asyncio.to_thread(self.store.route, plan, self.clock(), ROUTED_PER_ROUND_MAX)
        follow = functools.partial(follow_up, delivery)
        reminded = await asyncio.to_thread(self.store.follow_up, plan, follow, self.clock(), ROUTED_PER_ROUND_MAX)
        for one in (*routed, *reminded):
            self._say_kept_back(one)
        return len(routed) + len(reminded)

    async def send_once(self, name: str, sender: Sender) -> int:
        """Send what one channel has to send now, at most ``CONCURRENCY`` messages; give how many."""
        delivery = self.delivery
        if name not in delivery.channels:
            return 0
        lease = timedelta(seconds=delivery.channels[name].timeout_seconds + LEASE_MARGIN_SECONDS)
        claim = functools.partial(
            self.store.claim_due, name, holder=self.holder, now=self.clock(), lease=lease, limit=CONCURRENCY
        )
        due = await asyncio.to_thread(claim)
        await asyncio.gather(*(self._send(one, sender, delivery) for one in due))
        return len(due)

    async def _send(self, due: Due, sender: Sender, delivery: Delivery) -> None:
        channel = delivery.channels[due.channel]
        wording = Wording(due.channel, channel.detail, delivery.console_url, self.rules)
        if (notices := delivery.notices) is not None:
            wording = replace(wording, answer_url=notices.answer_url, privacy_officer=notices.privacy_officer)
        try:
            attempt = await sender.send(write_due(due, wording), self.clock())
        except Exception as error:  # noqa: BLE001 one message that cannot be written must not hold up the others
            attempt = Again(why(error))
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

    async def purge(self) -> None:
        """Remove what was told long ago; what cannot be removed now will be the next time."""
        try:
            while await asyncio.to_thread(self.store.purge, self.clock(), PURGED_PER_ROUND_MAX):
                pass
        except StoreError as error:
            _log.warning("old-messages-not-removed", why=str(error))

    def _say_kept_back(self, routed: Routed) -> None:
        for decision in routed.decisions:
            if decision.how in {"withheld", "silenced"}:
                for channel in decision.channels:
                    self.count(channel, "withheld" if decision.how == "withheld" else "silenced")
            if decision.how == "withheld":
                _log.warning("alert-withheld", alert=routed.alert_id, route=decision.route)

    async def _take(
        self, delivery: Delivery, before: Delivery | None, serving: dict[str, _Serving], loops: asyncio.TaskGroup
    ) -> None:
        """End the channels that have changed or gone, and begin those that are new; the others go on."""
        same = {name for name in serving if before is not None and _of(before, name) == _of(delivery, name)}
        ended = [serving.pop(name) for name in list(serving) if name not in same]
        for one in ended:
            one.stop.set()
            one.routed.set()
        if ended:
            await asyncio.wait({one.task for one in ended})
        for name, sender in open_senders(delivery, self.publish).items():
            if name not in same:
                routed, stop = asyncio.Event(), asyncio.Event()
                task = loops.create_task(self._serve(name, sender, routed, stop))
                serving[name] = _Serving(sender, routed, stop, task)

    async def _route_all(self, woken: asyncio.Event, serving: dict[str, _Serving], stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            woken.clear()
            try:
                count = await self.route_once()
            except Exception as error:  # noqa: BLE001 the revisions are still there: say so and try again
                _log.warning("alerts-wait-for-routes", why=why(error))
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if count:
                for one in serving.values():
                    one.routed.set()
            if count < ROUTED_PER_ROUND_MAX:
                await pause(IDLE_SECONDS, woken, stop)

    async def _serve(self, name: str, sender: Sender, routed: asyncio.Event, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            routed.clear()
            try:
                count = await self.send_once(name, sender)
            except Exception as error:  # noqa: BLE001 the notification log still has them: say so and try again
                _log.warning("channel-waits", channel=name, why=why(error))
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if not count:
                await pause(IDLE_SECONDS, routed, stop)


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


def plan_of(delivery: Delivery) -> Plan:
    """Return how revisions are decided about under a delivery file."""
    return Plan(
        decide=functools.partial(decide, delivery),
        look_again=functools.partial(first_look, delivery),
        storm_per={route.name: route.storm.per for route in delivery.routes},
        staff=[staff_id for route in delivery.routes for staff_id in route.staff],
    )


def _of(delivery: Delivery, name: str) -> object:
    """Return all that a channel is made of."""
    return delivery.channels.get(name), delivery.secrets.get(name), delivery.proxies.get(name)
