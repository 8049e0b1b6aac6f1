"""The dashboards: their JSON is what the code writes, and every query finds data that a real run has left."""

import asyncio
import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.metrics import Metrics
from deploy.grafana.panels import Board
from deploy.grafana.writing import BOARDS, as_json, file
from stream.connections import aiokafka_options
from stream.publishing import Publisher
from stream.topics import ACCESS
from tests.faults.scene import Plan, Scene, a_scene
from tests.faults.stand import Stand, a_stand
from tests.ops.prometheus import Prometheus, a_prometheus, watch_workers
from tests.ops.test_rules import RULES
from tests.support.console import accesswatch

GOLDEN = Path(__file__).parents[1] / "golden" / "delivery"
WEEK = 7 * 86400
HOUR_MS = 3600 * 1000
#: A worker counts once a minute which alerts were confirmed.
RUN_SECONDS = 80.0
#: Series that are asked for as they were a week ago.
LAST_WEEK = ("accesswatch_accesses_total", "accesswatch_active_staff")

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus or promtool is missing: install the package `prometheus`",
)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_json_is_what_the_code_writes(board: Board) -> None:
    """Written again whenever a panel changes."""
    assert file(board).read_text("utf-8") == as_json(board), "not what deploy/grafana says: run `make docs`"


def test_every_metric_is_on_a_dashboard() -> None:
    """A metric that nobody sees is counted for nothing."""
    asked = " ".join(query for board in BOARDS for panel in board.panels() for query in panel.queries.values())
    recorded = " ".join(rules.read_text("utf-8") for rules in RULES)
    shown = set(re.findall(r"accesswatch_\w+", asked + recorded))
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert {one.name for one in Metrics().forms.described} <= shown


def test_the_provisioned_source_is_what_dashboards_ask_for() -> None:
    """Every query asks the source that the reader has chosen."""
    for board in BOARDS:
        panels = [panel for panel in json.loads(as_json(board))["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {"${source}"}
        assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One broker and one Valkey."""
    with a_stand(tmp_path_factory.mktemp("stand"), 1) as stand:
        yield stand


@needs_prometheus
@pytest.mark.long
@pytest.mark.services
@pytest.mark.timeout(400)
async def test_every_query_finds_data(stand: Stand, tmp_path: Path) -> None:
    """Two workers under load, poison and messages; people who answer alerts; and the same a week earlier."""
    with a_prometheus(tmp_path / "prometheus", RULES) as prometheus:
        async with a_scene(Plan(8), stand, tmp_path / "run") as scene:
            await _run(scene, prometheus)
            _remember_last_week(prometheus)
            empty = [
                f"{board.uid}: {panel.title}: {legend}: {query}"
                for board in BOARDS
                for panel in board.panels()
                for legend, query in panel.queries.items()
                if not _finds(prometheus, query)
            ]
    assert not empty, "\n".join(empty)


async def _run(scene: Scene, prometheus: Prometheus) -> None:
    await _publish_of_the_last_hour(scene)
    # The second has a certificate whose end can be seen.
    scene.fleet.environment = {
        **scene.fleet.environment,
        "ACCESSWATCH_KAFKA_CA_FILE": str(GOLDEN / "localhost-certificate.pem"),
    }
    scene.fleet.start()
    watch_workers(prometheus.directory, [worker.address for worker in scene.fleet.workers])
    await scene.fleet.wait_ready()
    await _answer_alerts(scene)
    await asyncio.sleep(RUN_SECONDS)


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


def _finds(prometheus: Prometheus, query: str) -> bool:
    found = prometheus.query(query.replace("$__rate_interval", "1m"))
    return any(not math.isnan(float(series["value"][1])) for series in found)
