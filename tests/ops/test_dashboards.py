"""The dashboards: their JSON is what the code writes, and every query finds data that a real run has left."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.metrics import Metrics
from deploy.grafana.panels import Board
from deploy.grafana.writing import BOARDS, as_json, file
from tests.faults.scene import Plan, a_scene
from tests.faults.stand import Stand, a_stand
from tests.ops.prometheus import a_prometheus
from tests.ops.session import WITHOUT_TLS, finds, play
from tests.ops.test_rules import RULES

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
            await play(scene, prometheus)
            empty = [
                f"{board.uid}: {panel.title}: {legend}: {query}"
                for board in BOARDS
                for panel in board.panels()
                for legend, query in panel.queries.items()
                if WITHOUT_TLS not in query and not finds(prometheus, query)
            ]
            await scene.fleet.term(scene.fleet.workers[0], again=False)
            await scene.fleet.term(scene.fleet.workers[0], again=False)
    assert not empty, "\n".join(empty)
