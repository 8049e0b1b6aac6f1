"""The deliver agent: decides who is told of each revision, and tells them.

One loop routes; each channel has a loop of its own, so a dead channel delays no other. A message that did not
get through waits in the ledger, longer each time, for a day, and is then parked to be seen.
A crash between a channel's acceptance and the ledger's entry repeats a message, with the same id.
A changed delivery file is taken between two rounds: a channel that has changed ends what it has in hand, and begins
anew.
"""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.channels.findings import Publish
from agents.channels.senders import Sender, open_senders
from agents.pacing import Backoff, pause
from agents.tell import Result, Teller
from alerts.delivery.decide import decide
from alerts.delivery.follow_up import first_look, follow_up
from alerts.delivery.routes import Delivery
from alerts.merging import Rules
from alerts.store.errors import StoreError
from alerts.store.routing import Plan, Routed
from alerts.store.store import Store
from enrichment.events import events

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
        """Send what one channel has to send now; give how many messages."""
        delivery = self.delivery
        if name not in delivery.channels:
            return 0
        teller = Teller(self.store, delivery, self.rules, self.count, self.clock, self.holder)
        return await teller.send_once(name, sender)

    async def purge(self) -> None:
        """Remove what was told long ago; what cannot be removed now will be the next time."""
        try:
            while await asyncio.to_thread(self.store.purge, self.clock(), PURGED_PER_ROUND_MAX):
                pass
        except StoreError as error:
            _log.warning("old-messages-not-removed", why=str(error))

    def _say_kept_back(self, routed: Routed) -> None:
        for telling in routed.tellings:
            if telling.how in {"withheld", "silenced"}:
                for channel in telling.channels:
                    self.count(channel, "withheld" if telling.how == "withheld" else "silenced")
            if telling.how == "withheld":
                _log.warning("alert-withheld", alert=routed.alert_id, route=telling.route)

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
                _log.warning("alerts-wait-for-routes", why=type(error).__name__)
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
            except Exception as error:  # noqa: BLE001 the ledger still has them: say so and try again
                _log.warning("channel-waits", channel=name, why=type(error).__name__)
                await pause(backoff.next_seconds(), stop)
                continue
            backoff.reset()
            if not count:
                await pause(IDLE_SECONDS, routed, stop)


def plan_of(delivery: Delivery) -> Plan:
    """Give how revisions are decided about under a delivery file."""
    return Plan(
        decide=functools.partial(decide, delivery),
        look_again=functools.partial(first_look, delivery),
        storm_per={route.name: route.storm.per for route in delivery.routes},
        staff=[staff_id for route in delivery.routes for staff_id in route.staff],
    )


def _of(delivery: Delivery, name: str) -> object:
    """Give all that a channel is made of."""
    return delivery.channels.get(name), delivery.secrets.get(name)
