"""Pictures of tables, for the docs."""

from collections.abc import Mapping, Sequence

from benchmarks.tables import PICTURES

Series = Mapping[str, Sequence[tuple[float, float]]]


def lines(name: str, what: str, series: Series, *, log_y: bool = False) -> None:
    """Draw a line for each series, over a logarithmic axis, and keep it as SVG in ``docs/pictures``."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 only where it is drawn; in the group `pictures`

    plt.rcParams["svg.hashsalt"] = name
    figure, axes = plt.subplots(figsize=(7, 4))
    for label, points in series.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(what)
    axes.legend()
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(PICTURES / name, metadata={"Date": None})
    plt.close(figure)
