"""The job that every peer does: our own decoding, facts, windows and rules; only what carries the records differs."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from alerts.detection.config import load
from alerts.detection.engine import Place, RuleEngine
from enrichment.decode import decode_access
from enrichment.lookup import Directory
from enrichment.reference.cache import CacheInvalidation, ReferenceCache
from enrichment.reference.redis import RedisReferenceStore
from enrichment.windows.redis import RedisWindows
from stream.redis_connection import connect, namespace
from stream.settings import load as load_settings
from stream.worker import collect_rarely

KAFKA = os.environ["ACCESSWATCH_KAFKA"]
GROUP = os.environ["BENCHMARK_GROUP"]
ACCESSES, ASSESSMENTS, HITS = "cms.access.v1", "integrity.assessment.v1", "integrity.hit.v1"


class Read(NamedTuple):
    """A record as a peer reads it; the assessment says where it stood and since when."""

    value: bytes
    timestamp_ms: int
    partition: int
    offset: int

    @property
    def place(self) -> Place:
        """Where it stood, and since when."""
        return Place(datetime.fromtimestamp(self.timestamp_ms / 1000, UTC), self.partition, self.offset)


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
        self._rule_engine = RuleEngine(load(), "benchmark")

    async def assess(self, records: Sequence[Read]) -> list[Assessed]:
        """Judge accesses."""
        rule_engine = self._rule_engine
        accesses = [decode_access(one.value, one.timestamp_ms) for one in records]
        facts = await self._directory.facts_for(accesses, rule_engine.limits.hops_max)
        cases = [rule_engine.case(access, known) for access, known in zip(accesses, facts, strict=True)]
        windows = await self._windows.observe([rule_engine.observe(case) for case in cases], rule_engine.plan)
        judged = [
            rule_engine.judge(case.with_windows(found), one.place).assessment
            for one, case, found in zip(records, cases, windows, strict=True)
        ]
        return [Assessed(one.staff_id.encode(), orjson.dumps(one), one.outcome == "hit") for one in judged]


@asynccontextmanager
async def same_job() -> AsyncIterator[SameJob]:
    """Connect the job to Redis, with facts kept in memory as our worker keeps them."""
    settings = load_settings()
    prefix = namespace(settings)
    client, told = connect(settings), connect(settings, protocol=3)
    references = RedisReferenceStore(client, prefix)
    references.epoch = await references.current_epoch()
    cache = ReferenceCache(references)
    tracking = asyncio.create_task(CacheInvalidation(told, prefix, references, cache).run())
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

    def assess(self, records: Sequence[Read]) -> list[Assessed]:
        """Judge accesses."""
        return self._loop.run_until_complete(self._job.assess(records))
