"""Writes dashboards as Grafana reads them."""

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, StackingConfig, VizTooltipOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphTresholdsStyleMode, StackingMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, Threshold, ThresholdsMode

from deploy.grafana.panels import Board, Panel
from deploy.grafana.service import SERVICE
from deploy.grafana.sources import SOURCES
from deploy.grafana.volumes import VOLUMES

BOARDS = (SERVICE, VOLUMES, SOURCES)
DIRECTORY = Path(__file__).parent / "dashboards"
#: The name that ``provisioning/datasources`` gives it; the reader may choose another.
_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_HEIGHT, _SPAN = 8, 12


def write() -> None:
    """Write each into its file."""
    DIRECTORY.mkdir(exist_ok=True)
    for board in BOARDS:
        file(board).write_text(as_json(board), "utf-8")


def file(board: Board) -> Path:
    """Where a dashboard's JSON stands."""
    return DIRECTORY / f"{board.uid}.json"


def as_json(board: Board) -> str:
    """Return a dashboard as Grafana reads it."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.meaning)
        .tags(["accesswatch"])
        .timezone("Pacific/Auckland")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    number = 0
    for title, panels in board.rows.items():
        built = built.with_row(dashboard.Row(title))
        for panel in panels:
            number += 1
            built = built.with_panel(_panel(panel, number))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _panel(panel: Panel, number: int) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .id(number)
        .title(panel.title)
        .description(panel.meaning)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .min(0)
        .height(_HEIGHT)
        .span(_SPAN)
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for letter, (legend, query) in zip("ABCDEFGH", panel.queries.items(), strict=False):
        made = made.with_target(
            prometheus.Dataquery().ref_id(letter).datasource(_SOURCE).expr(query).legend_format(legend).range()
        )
    if panel.stacked:
        made = made.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    if panel.threshold is not None:
        steps = [Threshold(value=None, color="transparent"), Threshold(value=panel.threshold, color="red")]
        made = made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        made = made.thresholds_style(GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    return made
