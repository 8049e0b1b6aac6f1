"""A worker with a fault in it: ``python -m tests.support.faulty_worker FAULT [arguments of accesswatch worker]``.

The worker is the real one; the fault is put in from here, so that the product carries no switch for it.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

FOREVER_SECONDS = 10_000.0
#: Long enough for Redis to be emptied and read for anew.
SLOW_SECONDS = 4.0
#: Long enough for several batches to stand behind the one that is published.
PUBLISH_SECONDS = 1.0
#: Batches that pass before the fault begins: there is progress first.
_BATCHES_BEFORE = 2


async def _hang(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(FOREVER_SECONDS)


def _hang_the_agent() -> None:
    from agents.screen import Screen  # noqa: PLC0415 imported where the fault is

    Screen.carry = _after(Screen.carry, _hang)  # type: ignore[method-assign]


def _block_the_loop() -> None:
    from agents.screen import Screen  # noqa: PLC0415 imported where the fault is

    async def block(*_: Any, **__: Any) -> None:
        time.sleep(FOREVER_SECONDS)  # noqa: ASYNC251 that is the fault

    Screen.carry = _after(Screen.carry, block)  # type: ignore[method-assign]


def _hang_the_produce() -> None:
    from stream.producer import RenewedOutputs  # noqa: PLC0415 imported where the fault is

    RenewedOutputs.flush = _after(RenewedOutputs.flush, _hang)  # type: ignore[method-assign]


def _hang_redis() -> None:
    from enrichment.windows.redis import RedisWindows  # noqa: PLC0415 imported where the fault is

    # Asked for every batch; facts that are in memory are not.
    RedisWindows.observe = _after(RedisWindows.observe, _hang)  # type: ignore[method-assign]


def _hang_the_commit() -> None:
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 imported where the fault is

    AIOKafkaConsumer.commit = _after(AIOKafkaConsumer.commit, _hang)


def _hang_the_fetcher() -> None:
    from stream.consumer import BatchConsumer  # noqa: PLC0415 imported where the fault is

    BatchConsumer._hand_over = _after(BatchConsumer._hand_over, _hang)  # type: ignore[method-assign]


def _refuse_the_join() -> None:
    from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance  # noqa: PLC0415 imported where the fault is
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    join = CoordinatorGroupRebalance.perform_group_join
    refused: set[str] = set()

    async def refuse_once(self: Any) -> Any:
        if self.group_id not in refused:
            refused.add(self.group_id)
            sys.stderr.write("FAULT INJECTED\n")
            sys.stderr.flush()
            # As aiokafka itself does for any answer to a join that it has no words for.
            raise KafkaError("UnknownError()")
        return await join(self)

    CoordinatorGroupRebalance.perform_group_join = refuse_once


def _say_slowly_how_far() -> None:
    from stream.reference_feed import ReferenceFeed  # noqa: PLC0415 imported where the fault is

    read_up_to = ReferenceFeed.read_up_to

    async def late(self: ReferenceFeed, *read: Any) -> None:
        sys.stderr.write("FAULT INJECTED\n")
        sys.stderr.flush()
        await asyncio.sleep(SLOW_SECONDS)
        await read_up_to(self, *read)

    setattr(ReferenceFeed, "read_up_to", late)  # noqa: B010 mypy takes a plain assignment for another form


def _give_the_first_back() -> None:
    from stream.consumer import BatchConsumer  # noqa: PLC0415 imported where the fault is

    fetch = BatchConsumer._fetch
    given_back: set[BatchConsumer] = set()

    async def moved_meanwhile(self: BatchConsumer, *given: Any) -> Any:
        records = await fetch(self, *given)
        if records and self not in given_back:
            given_back.add(self)
            sys.stderr.write("FAULT INJECTED\n")
            sys.stderr.flush()
            # As a rebalance in the middle of a poll does.
            self.partitions_assigned()
        return records

    setattr(BatchConsumer, "_fetch", moved_meanwhile)  # noqa: B010 as below


def _start_one_late() -> None:
    from stream.consumer import BatchConsumer  # noqa: PLC0415 imported where the fault is

    start = BatchConsumer.on_start

    async def late(self: BatchConsumer) -> None:
        if self.subscription.group.endswith("hindsight"):
            sys.stderr.write("FAULT INJECTED\n")
            sys.stderr.flush()
            await asyncio.sleep(FOREVER_SECONDS)
        await start(self)

    setattr(BatchConsumer, "on_start", late)  # noqa: B010 as below


def _never_complete() -> None:
    from stream.reference_feed import Readiness  # noqa: PLC0415 imported where the fault is

    async def look(_: Readiness) -> str:
        return "FAULT INJECTED"

    setattr(Readiness, "_look", look)  # noqa: B010 as below


def _publish_slowly() -> None:
    from agents.screen import Screen  # noqa: PLC0415 imported where the fault is

    carry, publish = Screen.carry, Screen._publish
    in_hand = 0

    async def counted(self: Screen, *given: Any) -> None:
        nonlocal in_hand
        in_hand += 1
        sys.stderr.write(f"BATCHES IN HAND: {in_hand}\n")
        sys.stderr.flush()
        try:
            await carry(self, *given)
        finally:
            in_hand -= 1

    async def late(self: Screen, *given: Any) -> Any:
        await asyncio.sleep(PUBLISH_SECONDS)
        return await publish(self, *given)

    setattr(Screen, "carry", counted)  # noqa: B010 as below
    setattr(Screen, "_publish", late)  # noqa: B010


def _after(real: Callable[..., Any], fault: Callable[..., Any]) -> Callable[..., Any]:
    calls = 0

    async def method(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > _BATCHES_BEFORE:
            sys.stderr.write("FAULT INJECTED\n")
            sys.stderr.flush()
            return await fault(*args, **kwargs)
        return await real(*args, **kwargs)

    return method


FAULTS = {
    "agent": _hang_the_agent,
    "loop": _block_the_loop,
    "produce": _hang_the_produce,
    "redis": _hang_redis,
    "commit": _hang_the_commit,
    "fetcher": _hang_the_fetcher,
    "slow-idle": _say_slowly_how_far,
    "join": _refuse_the_join,
    "give-back": _give_the_first_back,
    "one-late": _start_one_late,
    "never-complete": _never_complete,
    "slow-publish": _publish_slowly,
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    sys.argv[1:2] = ["worker"]
    from console.main import main

    main()
