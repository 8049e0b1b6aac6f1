"""Who is at work, as figures for a dashboard: staff over all workers, kept in Redis, and accesses by unit.

Nobody is named. Units are counted while they are few: without a bound a label could be one figure for each person.
When Redis cannot take the figures they are left out; nothing waits for them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic, time

import orjson
import redis.asyncio
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from agents.connection_errors import why
from agents.metrics import Metrics, buckets_of
from agents.screen import Screened
from enrichment.facts import Known, Unknown
from enrichment.log import events
from enrichment.nz_time import working_seconds
from enrichment.schemas import Staff


class OrgUnits:
    """Counts accesses by the actor's unit until it has seen too many units; then by none at all."""

    def __init__(self, metrics: Metrics, units_max: int) -> None:
        """Take the bound; with 0 nothing is counted."""
        self._counter = metrics.org_unit_accesses
        self._units_max = units_max
        self._seen: set[str] = set()

    def count(self, actors: Iterable[Known[Staff] | Unknown]) -> None:
        """Count an access of each. Actors whom no register holds have no unit."""
        if len(self._seen) > self._units_max:
            return
        # Once a unit and batch: a labelled counter costs as much as a rule does.
        for unit, number in Counter([one.value.org_unit for one in actors if one.__class__ is Known]).items():
            self._seen.add(unit)
            if len(self._seen) > self._units_max:
                # What was counted of the first units would be read as the whole.
                self._counter.clear()
                return
            self._counter.labels(unit).inc(number)


#: The windows that are shown, in seconds.
WINDOWS = {"15m": 15 * 60, "1h": 3600, "24h": 24 * 3600}
KINDS = ("employee", "contractor", "third_party", "service", "unknown")
#: Upper bounds of accesses by one staff member in an hour.
_HOURLY_BUCKETS = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
_HOUR = 3600
#: How long an hour's counts are kept: until the next hour has been shown.
_HOUR_KEPT_SECONDS = 3 * _HOUR
#: Staff ids of one kind that are remembered, the newest of them: a sender that makes ids up shall not fill Redis.
STAFF_REMEMBERED_MAX = 50_000

#: Seconds for which, and accesses up to which, figures are gathered before Redis is told: it is told staff by staff.
TELL_SECONDS = 1.0
NOTED_MAX = 50_000

#: Takes the namespace, what was noted as JSON, and for how many seconds an hour's counts are kept.
_TELL = """
local noted = cjson.decode(ARGV[2])
for kind, staff in pairs(noted.seen) do
    for one, at in pairs(staff) do
        redis.call('ZADD', ARGV[1] .. 'active:' .. kind, 'GT', string.format('%.3f', at), one)
    end
end
redis.call('ZADD', ARGV[1] .. 'newest', 'GT', string.format('%.3f', noted.newest), 'access')
for hour, staff in pairs(noted.hours) do
    local key = ARGV[1] .. 'hour:' .. hour
    for one, number in pairs(staff) do redis.call('HINCRBY', key, one, number) end
    redis.call('EXPIRE', key, ARGV[3])
end
"""

_log = events(__name__)


class Activity(Collector):
    """Notes who was seen when, and counts."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str, metrics: Metrics) -> None:
        self._redis = client
        self._namespace = namespace
        self._metrics = metrics
        self._tell = client.register_script(_TELL)
        #: By kind, the newest time of each staff member; by hour, how many accesses they made: not told yet.
        self._seen: dict[str, dict[str, float]] = {}
        self._hours: dict[int, dict[str, int]] = {}
        self._noted, self._told_at = 0, monotonic()
        self._last_hour: tuple[int, ...] = ()
        self._hour_full = False
        #: When the newest access was recorded as far as is known, in seconds since 1970: at least since the start.
        self._newest = time()
        metrics.registry.register(self)

    async def note(self, screened: Sequence[Screened]) -> None:
        """Note the staff members of a batch, each with their kind as in Staff, by the time of their records."""
        now = time()
        for one in screened:
            kind = _kind(one.facts.actor)
            # A sender's clock that is ahead shall not hide for days that nothing comes any more.
            at, staff = min(one.record.timestamp / 1000, now), one.access.staff_id
            of_kind = self._seen.setdefault(kind, {})
            of_kind[staff] = max(at, of_kind.get(staff, 0.0))
            of_hour = self._hours.setdefault(int(at // _HOUR), {})
            of_hour[staff] = of_hour.get(staff, 0) + 1
        self._noted += len(screened)
        if self._noted >= NOTED_MAX or monotonic() - self._told_at >= TELL_SECONDS:
            await self.tell()

    async def tell(self) -> None:
        """Tell Redis what was noted since it was told last."""
        seen, hours = self._seen, self._hours
        self._seen, self._hours, self._noted, self._told_at = {}, {}, 0, monotonic()
        if seen:
            newest = max(max(staff_seen.values()) for staff_seen in seen.values())
            noted = {"seen": seen, "hours": {} if self._hour_full else hours, "newest": newest}
            await self._send(orjson.dumps(noted, option=orjson.OPT_NON_STR_KEYS))

    async def _send(self, noted: bytes) -> None:
        try:
            await self._tell(args=(self._namespace, noted, _HOUR_KEPT_SECONDS))
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("activity-not-noted", why=why(error))

    async def count(self) -> None:
        """Read the figures that are shown, with what was noted last."""
        await self.tell()
        now = time()
        pipe = self._redis.pipeline(transaction=False)
        for kind in KINDS:
            pipe.zremrangebyscore(f"{self._namespace}active:{kind}", "-inf", now - max(WINDOWS.values()))
            pipe.zremrangebyrank(f"{self._namespace}active:{kind}", 0, -STAFF_REMEMBERED_MAX - 1)
            for seconds in WINDOWS.values():
                pipe.zcount(f"{self._namespace}active:{kind}", now - seconds, "+inf")
        pipe.hvals(f"{self._namespace}hour:{int(now // _HOUR) - 1}")
        pipe.hlen(f"{self._namespace}hour:{int(now // _HOUR)}")
        pipe.zrangebyscore(f"{self._namespace}newest", "-inf", "+inf", withscores=True)
        try:
            *counts, hourly, this_hour, newest = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("figures-not-read", what="who is at work", why=why(error))
            return
        per_kind = len(WINDOWS) + 2
        for index, kind in enumerate(KINDS):
            for offset, window in enumerate(WINDOWS, start=2):
                self._metrics.active_staff.labels(window, kind).set(counts[index * per_kind + offset])
        self._last_hour = tuple(int(value) for value in hourly)
        self._hour_full = this_hour > STAFF_REMEMBERED_MAX
        self._newest = newest[0][1] if newest else self._newest
        self._show_silence(now)

    def _show_silence(self, now: float) -> None:
        self._metrics.source_silence.set(max(0.0, now - self._newest))
        since, until = (datetime.fromtimestamp(at, UTC) for at in (self._newest, now))
        self._metrics.source_silence_working.set(working_seconds(since, until))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the distribution of accesses per staff member in the last full hour."""
        values = self._last_hour
        yield HistogramMetricFamily(
            self._metrics.staff_hourly.name,
            f"{self._metrics.staff_hourly.meaning} {self._metrics.staff_hourly.rise}",
            buckets=buckets_of(values, _HOURLY_BUCKETS),
            sum_value=float(sum(values)),
        )


def _kind(actor: Known[Staff] | Unknown) -> str:
    return actor.value.kind if isinstance(actor, Known) else "unknown"
