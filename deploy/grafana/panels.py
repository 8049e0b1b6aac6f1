"""What a panel shows, as plain data: the dashboards' JSON, their test and the pictures in the docs are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: a question, and the queries that answer it."""

    title: str
    #: What is seen on it, and when to worry.
    meaning: str
    #: Legend -> query; ``{{label}}`` in a legend is filled in.
    queries: Mapping[str, str]
    #: As Grafana names units.
    unit: str = "short"
    #: Drawn as a line, past which somebody should look.
    threshold: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of panels."""

    uid: str
    title: str
    meaning: str
    rows: Mapping[str, tuple[Panel, ...]]

    def panels(self) -> list[Panel]:
        """Return all panels, in their order."""
        return [panel for row in self.rows.values() for panel in row]
