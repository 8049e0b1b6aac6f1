"""Draws the dashboards of a real run: ``uv run --group pictures python -m tests.ops.pictures`` writes docs/pictures.

No Grafana is asked: the same queries, drawn by matplotlib.
"""

import asyncio
import math
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl

from deploy.grafana.panels import Board, Panel
from deploy.grafana.writing import BOARDS
from tests.faults.scene import Plan, a_scene
from tests.faults.stand import a_stand
from tests.ops.prometheus import Prometheus, a_prometheus
from tests.ops.session import finds, play
from tests.ops.test_rules import RULES

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
COLUMNS = 3
SPAN_SECONDS = 150
STEP_SECONDS = 3
#: Series of a panel that are drawn, and named in its legend.
SERIES_MAX, NAMED_MAX = 20, 6


async def main() -> None:
    """Play, say which queries found nothing, and draw."""
    with tempfile.TemporaryDirectory(prefix="accesswatch-pictures-") as name:
        directory = Path(name)
        with a_stand(directory / "stand", 1) as stand, a_prometheus(directory / "prometheus", RULES) as prometheus:
            async with a_scene(Plan(8), stand, directory / "run") as scene:
                await play(scene, prometheus)
                for board in BOARDS:
                    for panel in board.panels():
                        for query in panel.queries.values():
                            if not finds(prometheus, query):
                                print(f"nothing found: {panel.title}: {query}")  # noqa: T201 what it is run for
                    draw(board, prometheus)


def draw(board: Board, prometheus: Prometheus) -> None:
    """Draw one dashboard."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 after the backend is chosen

    panels = board.panels()
    rows = math.ceil(len(panels) / COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(16, 2.9 * rows), squeeze=False)
    end = time.time()
    for panel, axis in zip(panels, axes.flat, strict=False):
        _draw_panel(panel, axis, prometheus, end)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(f"{board.title}, {SPAN_SECONDS} seconds of a test's run", fontsize=14)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(PICTURES / f"{board.uid}.svg")
    plt.close(figure)


def _draw_panel(panel: Panel, axis: Any, prometheus: Prometheus, end: float) -> None:
    lines: list[tuple[str, list[float], list[float]]] = []
    for legend, query in panel.queries.items():
        asked = query.replace("$__rate_interval", "30s")
        for series in prometheus.query_range(asked, end - SPAN_SECONDS, end, STEP_SECONDS):
            named = re.sub(r"{{(\w+)}}", r"%(\1)s", legend) % defaultdict(str, series["metric"])
            times = [float(at) - end for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            # The prefix of this run's topics says nothing to a reader.
            lines.append((re.sub(r"faults-\w+\.", "", named), times, values))
    # What shows most is drawn first, and named.
    lines.sort(key=lambda line: -max((value for value in line[2] if not math.isnan(value)), default=0.0))
    for number, (named, times, values) in enumerate(lines[:SERIES_MAX]):
        axis.plot(times, values, label=named if number < NAMED_MAX else None)
    axis.set_title(f"{panel.title} ({panel.unit})", fontsize=9)
    axis.set_xlim(-SPAN_SECONDS, 0)
    axis.set_ylim(bottom=0)
    axis.tick_params(labelsize=7)
    if lines:
        axis.legend(fontsize=6, loc="upper left")


if __name__ == "__main__":
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "accesswatch", "axes.grid": True, "grid.alpha": 0.3})
    asyncio.run(main())
