"""A real run that Prometheus scrapes, with everything in it that dashboards show."""

import asyncio
import json
import math
import subprocess
import time

from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.topic_admin import administration, create_missing
from stream.topics import ACCESS, raw_topic
from tests.faults.scene import Scene
from tests.ops.prometheus import Prometheus, watch_workers
from tests.support.console import accesswatch
from tests.support.raw_sources import a_folder, opened
from tests.support.worker import publish

WEEK = 7 * 86400
HOUR_MS = 3600 * 1000
#: A worker counts once a minute which alerts were confirmed.
RUN_SECONDS = 80.0
#: What a run without TLS does not have: settings refuse a certificate that nothing would use.
WITHOUT_TLS = "accesswatch_certificate_not_after_timestamp_seconds"
#: Series that are asked for as they were a week ago.
LAST_WEEK = ("accesswatch_accesses_total", "accesswatch_active_staff")


async def play(scene: Scene, prometheus: Prometheus) -> None:
    """Let two workers work, and people answer alerts; then put it into Prometheus once more, a week earlier."""
    await _publish_of_the_last_hour(scene)
    await _add_a_source(scene)
    scene.fleet.start()
    watch_workers(prometheus.directory, [worker.address for worker in scene.fleet.workers])
    await scene.fleet.wait_ready()
    await _answer_alerts(scene)
    await asyncio.sleep(RUN_SECONDS)
    await asyncio.to_thread(_remember_last_week, prometheus)


async def _publish_of_the_last_hour(scene: Scene) -> None:
    """Accesses of the last full hour, for the distribution over staff; and one with a field that nobody knows."""
    async with Publisher(aiokafka_options(scene.settings)) as publisher:
        for number, sent in enumerate(scene.feeder.workload.draw(300)):
            access = scene.feeder.workload.good.get(sent.value or b"")
            value = sent.value
            if access is not None and number % 50 == 0:
                value = json.dumps(access | {"event_id": f"odd-{number}", "colour": "blue"}).encode()
            at = sent.timestamp_ms - HOUR_MS
            await publisher.send(scene.topic(ACCESS), sent.key, value, (), at)
        await publisher.flush()


async def _add_a_source(scene: Scene) -> None:
    """Another system's records, for the worker that is started next."""
    settings = scene.settings.model_copy(update={"mappings": a_folder(scene.directory / "mappings")})
    with administration(settings) as admin:
        create_missing(admin, settings)
    rows = [opened(number, what=("open", "ping", "shut")[number % 3]) for number in (*range(30), 40)]
    await publish(settings, raw_topic("trial"), [("k", row) for row in rows])
    scene.fleet.environment = dict(scene.fleet.environment) | {"ACCESSWATCH_MAPPINGS": str(settings.mappings)}


async def _answer_alerts(scene: Scene) -> None:
    environment = dict(scene.fleet.environment) | {"ACCESSWATCH_ACTOR": "integrity-1"}
    for attempt in range(60):
        listed = await asyncio.to_thread(accesswatch, "alerts", "list", "--json", environment=environment)
        alerts = json.loads(listed.stdout) if listed.returncode == 0 else []
        if len(alerts) >= 6:
            break
        assert attempt < 59, "no alerts came"
        await asyncio.sleep(1)
    for number, alert in enumerate(alerts[:6]):
        outcome = ("confirmed", "explained")[number % 2]
        done = await asyncio.to_thread(
            accesswatch, "alerts", "close", alert["alert_id"], "--outcome", outcome, environment=environment
        )
        assert done.returncode == 0, done.stderr


def _remember_last_week(prometheus: Prometheus) -> None:
    """Put what was scraped into Prometheus once more, a week earlier: it is what next week would be beside."""
    now = time.time()
    lines = []
    for name in LAST_WEEK:
        kind, family = ("counter", name.removesuffix("_total")) if name.endswith("_total") else ("gauge", name)
        lines.append(f"# TYPE {family} {kind}")
        for series in prometheus.query_range(name, now - 200, now, 1):
            labels = ",".join(f'{label}="{value}"' for label, value in series["metric"].items() if label != "__name__")
            lines += [f"{name}{{{labels}}} {value} {at - WEEK}" for at, value in series["values"]]
    dump = prometheus.directory / "last-week.txt"
    dump.write_text("\n".join([*lines, "# EOF", ""]))
    prometheus.stop()
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(dump), str(prometheus.data)],
        check=True,
        capture_output=True,
    )
    prometheus.start()
    time.sleep(20)


def finds(prometheus: Prometheus, query: str) -> bool:
    """Return whether a panel's query finds anything that is a number."""
    found = prometheus.query(query.replace("$__rate_interval", "1m"))
    return any(not math.isnan(float(series["value"][1])) for series in found)
