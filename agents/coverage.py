"""Whether a source is whole: what came is noted in the store before it counts as done, and what is missing is shown.

Three looks, each with an alert rule: numbers of the source's own sequence that are missing for longer than records take
to come; days on which fewer came than the source counts, or than on other such days; and silence while people work.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.batch import moment_of
from agents.metrics import Metrics
from agents.retry import Hold
from alerts.store.database import StoreError
from alerts.store.sources import Arrived, SourceStore
from alerts.store.sources import Coverage as SourceCoverage
from enrichment.log import events
from enrichment.mapping.outcome import Deleted, Outcome
from enrichment.nz_time import nz_date, working_seconds

#: Seconds after which a number that is missing is no longer late but a gap.
GAP_SECONDS: Final = 600.0

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Notes what came of sources, and shows how whole they are."""

    store: SourceStore
    hold: Hold
    metrics: Metrics
    #: The sources that this worker maps.
    sources: Collection[str]
    clock: Callable[[], datetime]

    async def register(self) -> None:
        """Begin to watch the sources; wait until the store answers."""
        await self.hold.until_it_works(
            lambda: asyncio.to_thread(self.store.register, self.sources, self.clock()), (StoreError,)
        )

    async def note(self, came: Iterable[tuple[str, int, Iterable[Outcome]]]) -> None:
        """Note raw records: of each its source, its timestamp in milliseconds, and what was made of it."""
        arrived: dict[str, Arrived] = {}
        now = self.clock()
        for source, timestamp_ms, outcomes in came:
            # A sender's clock that is ahead shall not hide for days that nothing comes any more.
            at = min(moment_of(timestamp_ms), now)
            mine = arrived.setdefault(source, Arrived(at))
            mine.newest = max(mine.newest, at)
            day = nz_date(at)
            for outcome in outcomes:
                sequence = None if isinstance(outcome, Deleted) else outcome.sequence
                if sequence is None:
                    mine.unnumbered[day] = mine.unnumbered.get(day, 0) + 1
                else:
                    mine.numbers.setdefault(day, []).append(sequence)
        if arrived:
            await self.hold.until_it_works(lambda: asyncio.to_thread(self.store.note, arrived, now), (StoreError,))

    async def show(self) -> None:
        """Bring the figures up to date; when the store does not answer, the next time."""
        try:
            found = await asyncio.to_thread(self.store.coverage, self.sources)
        except StoreError as error:
            _log.info("figures-not-read", what="sources", why=str(error))
            return
        for one in found:
            self._show(one, self.clock())

    def _show(self, one: SourceCoverage, now: datetime) -> None:
        until_ms = int((now.timestamp() - GAP_SECONDS) * 1000)
        self.metrics.source_gap.labels(one.source).set(one.runs.missing(until_ms))
        self.metrics.source_newest.labels(one.source).set(one.newest.timestamp())
        self.metrics.source_quiet_working.labels(one.source).set(working_seconds(one.newest, now))
        self.metrics.source_day_missing.labels(one.source).set(one.missing_of_days())
        self.metrics.source_day_share.labels(one.source).set(one.share_of_usual(nz_date(now)))
