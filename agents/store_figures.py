"""What waits in the alert store, as figures: the same from every worker, since all share one store."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import get_args

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from agents.metrics import Metrics, buckets_of
from alerts.assessment import Severity
from alerts.store.database import StoreError
from alerts.store.store import Store
from alerts.store.workflow import Backlog
from enrichment.log import events

#: Upper bounds in seconds: five minutes, a quarter of an hour, ... a day, a week.
_ACKNOWLEDGE_BUCKETS = (300, 900, 1800, 3600, 4 * 3600, 8 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600)
SEVERITIES: tuple[str, ...] = get_args(Severity)
OPEN = ("new", "acknowledged")

_log = events(__name__)


class StoreFigures(Collector):
    """Reads now and then what waits."""

    def __init__(self, store: Store, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        #: Channels for which anything has waited: they are shown as 0 when nothing does any more.
        self._channels: set[str] = set()
        self._acknowledged: tuple[tuple[str, float], ...] = ()
        metrics.registry.register(self)

    async def read(self) -> None:
        """Read; when the store does not answer, the next time."""
        try:
            found = await asyncio.to_thread(self._store.backlog, self._clock())
        except StoreError as error:
            _log.info("figures-not-read", what="what waits in the alert store", why=str(error))
            return
        self._show(found)
        self._acknowledged = found.acknowledged

    def _show(self, found: Backlog) -> None:
        for severity in SEVERITIES:
            for status in OPEN:
                waiting = found.alerts.get((severity, status))
                self._metrics.alerts_open.labels(severity, status).set(waiting.number if waiting else 0)
            new = found.alerts.get((severity, "new"))
            self._metrics.oldest_new_alert.labels(severity).set(new.oldest_seconds if new else 0)
        self._metrics.unpublished.set(found.unpublished)
        self._channels |= found.notifications.keys()
        for channel in self._channels:
            told = found.notifications.get(channel)
            self._metrics.notifications_waiting.labels(channel).set(told.number if told else 0)
            self._metrics.oldest_notification.labels(channel).set(told.oldest_seconds if told else 0)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the distribution of the times to acknowledge."""
        shown = self._metrics.time_to_acknowledge
        family = HistogramMetricFamily(shown.name, f"{shown.meaning} {shown.rise}", labels=shown.labels)
        for severity in SEVERITIES:
            seconds = [waited for of, waited in self._acknowledged if of == severity]
            family.add_metric([severity], buckets_of(seconds, _ACKNOWLEDGE_BUCKETS), sum(seconds))
        yield family
