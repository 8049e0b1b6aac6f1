"""The points between a hit and a delivered message at which a process may die: docs/alerts.md, "Once", numbers them.

A process of its own carries one hit all the way with the real store, relay and deliver agent, and dies at the point as
by kill -9. A file stands for Kafka's topic: a line is acknowledged when it is written. The product carries no switch.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.notify import Deliverer
from agents.outbox_relay import Relay
from alerts.notify.attempts import Attempt
from alerts.notify.config import load, open_senders
from alerts.store import ingest, notifications
from alerts.store.store import Store
from tests.support.alert_builders import NOW, RULES, a_hit

#: The exit code of a process that died at its point.
DIED = 66
#: In which a process must have come to its end.
SECONDS_MAX = 60
#: Number, owner, name, and whether the process dies before the call or after it, where it gave something.
POINTS: dict[int, tuple[Any, str, bool]] = {
    1: (Store, "take_hits", True),
    2: (ingest, "write", False),
    3: (Store, "take_hits", False),
    4: (Store, "claim_unpublished", False),
    5: (Store, "mark_published", True),
    6: (notifications, "route", True),
    7: (notifications, "append", False),
    8: (Store, "route", False),
    9: (Store, "claim_due", False),
    10: (Store, "record_sent", True),
    11: (Store, "record_sent", False),
}
#: What gives nothing and has done something all the same.
_GIVE_NOTHING = {"write", "append", "record_sent"}


def die_at(point: int) -> None:
    """Make this process die when it comes to a point."""
    owner, name, before = POINTS[point]
    setattr(owner, name, _dying(getattr(owner, name), name, before=before))


def _dying(real: Callable[..., Any], name: str, *, before: bool) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if before:
            os._exit(DIED)
        given = real(*args, **kwargs)
        if given or name in _GIVE_NOTHING:
            os._exit(DIED)
        return given

    return call


async def carry(database: str, delivery_file: Path, topic: Path, after: timedelta) -> None:
    """Carry one hit from its record to the message."""
    store, delivery = Store.open(database, RULES), load(delivery_file, {})

    async def publish(records: Sequence[tuple[bytes, bytes]]) -> None:
        with topic.open("ab") as file:
            file.writelines(value + b"\n" for _, value in records)

    async def no_findings(_key: bytes, _value: bytes) -> Attempt:
        raise AssertionError

    def clock() -> Any:
        return NOW + after

    holder = str(os.getpid())
    relay = Relay(store, publish, lambda _: None, clock, holder)
    deliverer = Deliverer(store, lambda: delivery, RULES, lambda _channel, _result: None, clock, holder, no_findings)
    # Kafka gives a record again whose offset was not committed; and one whose offset was, after a rebalance.
    await asyncio.to_thread(store.take_hits, [a_hit()], clock())
    await relay.publish_once()
    await deliverer.route_once()
    for name, sender in open_senders(delivery, no_findings).items():
        await deliverer.send_once(name, sender)
    store.close()


def run(point: int, database: str, delivery_file: Path, topic: Path, after: timedelta) -> None:
    """Carry the hit in this process and die at a point; 0: nowhere."""
    if point:
        die_at(point)
    asyncio.run(carry(database, delivery_file, topic, after))


def carried(point: int, database: str, delivery_file: Path, topic: Path, after: timedelta) -> int | None:
    """Carry the hit in a new process, with the clock moved; give its exit code."""
    context = multiprocessing.get_context("forkserver")
    # What takes long to import is imported once for all of them.
    context.set_forkserver_preload([__name__])
    process = context.Process(target=run, args=(point, database, delivery_file, topic, after))
    process.start()
    process.join(SECONDS_MAX)
    code = process.exitcode
    process.kill()
    return code
