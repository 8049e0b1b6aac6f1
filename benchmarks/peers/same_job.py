"""The job that every peer does: our own decoding, facts, windows and rules; only what carries the records differs."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import orjson

from alerts.judging import Rulebook
from alerts.limits import load
from enrichment.cached_shelf import CachedShelf
from enrichment.decode import decode_access
from enrichment.directory import Directory
from enrichment.redis_shelf import RedisShelf
from enrichment.redis_tracking import Tracking
from enrichment.redis_windows import RedisWindows
from stream.garbage import collect_rarely
from stream.redis_link import connect, namespace
from stream.settings import load as load_settings

KAFKA = os.environ["ACCESSWATCH_KAFKA"]
GROUP = os.environ["BENCHMARK_GROUP"]
ACCESSES, ASSESSMENTS, HITS = "cms.access.v1", "integrity.assessment.v1", "integrity.hit.v1"


class Assessed(NamedTuple):
    """What goes out for one access."""

    key: bytes
    value: bytes
    hit: bool


class SameJob:
    """Judges accesses as our worker does."""

    def __init__(self, directory: Directory, windows: RedisWindows) -> None:
        self._directory = directory
        self._windows = windows
        self._rulebook = Rulebook(load(), "benchmark")

    async def assess(self, records: Sequence[tuple[bytes, int]]) -> list[Assessed]:
        """Judge accesses: the value of each record, and its timestamp in milliseconds."""
        rulebook = self._rulebook
        accesses = [decode_access(value, timestamp) for value, timestamp in records]
        facts = await self._directory.facts_for(accesses, rulebook.limits.hops_max)
        cases = [rulebook.case(access, known) for access, known in zip(accesses, facts, strict=True)]
        windows = await self._windows.note([rulebook.noted(case) for case in cases])
        judged = [
            rulebook.judge(case.with_windows(found)).assessment for case, found in zip(cases, windows, strict=True)
        ]
        return [Assessed(one.staff_id.encode(), orjson.dumps(one), one.outcome == "hit") for one in judged]


@asynccontextmanager
async def same_job() -> AsyncIterator[SameJob]:
    """Connect the job to Redis, with facts kept in memory as our worker keeps them."""
    settings = load_settings()
    prefix = namespace(settings)
    client, told = connect(settings), connect(settings, protocol=3)
    shelf = RedisShelf(client, prefix)
    shelf.epoch = await shelf.current_epoch()
    cache = CachedShelf(shelf)
    tracking = asyncio.create_task(Tracking(told, prefix, shelf, cache).run())
    collect_rarely()
    try:
        yield SameJob(Directory(cache), RedisWindows(client, prefix))
    finally:
        tracking.cancel()
        with suppress(asyncio.CancelledError):
            await tracking
        await client.aclose()
        await told.aclose()


class SameJobNow:
    """The same for programs without an event loop: each call runs one until it has the answer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Kept: a context that nobody holds is closed, and its connections with it.
        self._context = same_job()
        self._job = self._loop.run_until_complete(self._context.__aenter__())

    def assess(self, records: Sequence[tuple[bytes, int]]) -> list[Assessed]:
        """Judge accesses."""
        return self._loop.run_until_complete(self._job.assess(records))
