"""Batches that are carried at the same time, each step of which is taken in their order.

While Redis notes one batch and Kafka acknowledges another, a third can be read and judged: the worker's own time is
what bounds it then. What a batch notes and publishes stands behind what the batch before it did.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable

from prometheus_client import Histogram

from agents.batch import Batch

#: Batches carried at the same time: one at Redis, one at Kafka, one being judged, one whose accesses begin to wait for
#: work (``agents/renewal.py``).
AT_ONCE_MAX = 4


class Turn:
    """A batch's place in the line."""

    def __init__(self, before: "Turn | None" = None) -> None:
        """Stand behind another batch, or first."""
        self._before = before
        self._noted = asyncio.Event()
        self._published = asyncio.Event()

    async def to_note(self) -> None:
        """Return when the batch before has noted what it had to."""
        if self._before is not None:
            await self._before._noted.wait()  # noqa: SLF001 another of our own

    def noted(self) -> None:
        """Let the next batch note."""
        self._noted.set()

    async def to_publish(self) -> None:
        """Return when everything of the batch before is acknowledged."""
        if self._before is not None:
            await self._before._published.wait()  # noqa: SLF001
            self._before = None

    def published(self) -> None:
        """Let the next batch publish."""
        self._published.set()


async def carry_one_by_one(
    batches: AsyncIterable[Batch], carry: Callable[[Batch], Awaitable[None]], seconds: Histogram
) -> None:
    """Carry batches through one after the other, and acknowledge each when it is done; *seconds* takes how long."""
    async for batch in batches:
        with seconds.time():
            await carry(batch)
        batch.acknowledge()


async def carry_in_turn(batches: AsyncIterable[Batch], carry: Callable[[Batch, Turn], Awaitable[None]]) -> None:
    """Carry batches through, ``AT_ONCE_MAX`` at the same time, and acknowledge each when it is done.

    Raises:
        Exception: what the first that failed raised; the others are given up, unacknowledged.
    """
    room = asyncio.Semaphore(AT_ONCE_MAX)

    async def one(batch: Batch, turn: Turn) -> None:
        try:
            await carry(batch, turn)
            batch.acknowledge()
        finally:
            room.release()

    turn: Turn | None = None
    try:
        async with asyncio.TaskGroup() as group:
            async for batch in batches:
                await room.acquire()
                turn = Turn(turn)
                group.create_task(one(batch, turn))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
