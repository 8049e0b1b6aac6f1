"""The clock of the alert agent: pending alerts that have settled, slips, notices without an answer.

An alert becomes new only when all work published before its time has been read: the end of ``ref.work.v1`` is noted
with the time, and once the group that reads it has come so far, work is read to that time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agents.metrics import Metrics
from alerts.detection.config import LoadedLimits
from alerts.detection.rules.scope import TRAIL
from alerts.slips import is_slip
from alerts.store.database import StoreError
from alerts.store.settling import MayBeSlip, Settled
from alerts.store.store import Store
from enrichment.errors import why
from enrichment.log import events
from enrichment.lookup import NotReadable
from enrichment.nz_time import nz_date
from enrichment.windows.redis import RedisWindows
from enrichment.windows.spec import Earlier, Observation, Window

#: Alerts, slips and notices in one transaction.
SETTLED_PER_ROUND_MAX: Final = 200
#: How far before a slip the trail is looked at: its date, however long that is.
_DATE: Final = timedelta(hours=25)

_log = events(__name__)


@dataclass(slots=True)
class WorkRead:
    """To which time published work is in the store."""

    #: The end offset of each partition of ``ref.work.v1``, and how far the group that reads it has come.
    ends: Callable[[], Awaitable[Mapping[str, int]]]
    committed: Callable[[], Awaitable[Mapping[str, int]]]
    read_to: datetime | None = None
    _noted: tuple[datetime, Mapping[str, int]] | None = field(default=None, repr=False)

    async def look(self, now: datetime) -> datetime | None:
        """Return to which time work is read, as far as is known by now; None where that is not known yet."""
        if self._noted is None:
            self._noted = (now, await self.ends())
        noted, ends = self._noted
        committed = await self.committed()
        if all(committed.get(partition, 0) >= end for partition, end in ends.items()):
            self.read_to, self._noted = noted, None
        return self.read_to


@dataclass(frozen=True, slots=True)
class Settling:
    """Does what falls due."""

    store: Store
    windows: RedisWindows
    work: WorkRead
    limits: Callable[[], LoadedLimits]
    metrics: Metrics
    clock: Callable[[], datetime]
    #: Told that the store has something new to publish and to deliver.
    wake: Callable[[], None]

    async def once(self) -> None:
        """Do what has fallen due; what cannot be done now will be the next time."""
        now = self.clock()
        try:
            if not await asyncio.to_thread(self.store.anything_settles, now):
                return
            await self._decide_slips(now)
            read_to = await self.work.look(now)
            if read_to is not None:
                self._count(await asyncio.to_thread(self.store.settle, now, min(now, read_to), SETTLED_PER_ROUND_MAX))
            self._count(await asyncio.to_thread(self.store.unanswered, now, SETTLED_PER_ROUND_MAX))
        except (StoreError, NotReadable) as error:
            _log.warning("alerts-wait-to-settle", why=str(error))
        except Exception as error:  # noqa: BLE001 Kafka's client raises anything; the alerts still wait
            _log.warning("alerts-wait-to-settle", why=why(error))

    def _count(self, settled: Settled) -> None:
        for raised in settled.raised:
            self.metrics.alerts.labels(raised.rule, raised.severity).inc()
        for rule in settled.notices:
            self.metrics.notices.labels(rule).inc()
        if settled.revised:
            self.wake()

    async def _decide_slips(self, now: datetime) -> None:
        due = await asyncio.to_thread(self.store.slips_due, now, SETTLED_PER_ROUND_MAX)
        if not due:
            return
        policy = self.limits().policy
        trails = await self._trails(due, timedelta(seconds=policy.slip_seconds))
        decided = [(one, is_slip(one.client_id, one.at, trail, policy)) for one, trail in zip(due, trails, strict=True)]
        self._count(await asyncio.to_thread(self.store.decide_slips, decided, now))

    async def _trails(self, due: Sequence[MayBeSlip], after: timedelta) -> list[tuple[Earlier, ...]]:
        """Return what each actor opened on the date of what may be a slip, and until so long after it."""
        asked = [
            Observation(
                one.event_id, one.staff_id, one.client_id, one.at + after, nz_date(one.at).toordinal(), asks=TRAIL.key
            )
            for one in due
        ]
        window = Window(TRAIL.how, TRAIL.by, TRAIL.value, _DATE + after)
        return [found.get(TRAIL.key, ()) for found in await self.windows.look(asked, {TRAIL.key: window})]
