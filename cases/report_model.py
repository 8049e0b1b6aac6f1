"""A report: tables of counts by quarter, with their definitions, which every form renders.

Numbers stand apart from the tables, by name, with the sums that they make up: what is hidden or rounded is decided
about the numbers (``suppression.py``, ``rounding.py``), and no table knows how.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Literal

import orjson

from cases.nz_calendar import Period, quarter_beginning
from cases.published import Equation, Numbers
from enrichment.nz_time import nz_time

Kind = Literal["oia", "total", "governance"]
#: What stands in the place of a number that is hidden.
HIDDEN: Final = "[c]"
#: What stands in the place of a figure that nothing can be computed from.
NOT_AVAILABLE: Final = "[x]"
SHORTHAND: Final[Mapping[str, str]] = {
    HIDDEN: "not shown, so that nobody can be recognised in a small number (section 9(2)(a) of the OIA)",
    NOT_AVAILABLE: "not available: there is too little to compute it from",
}
MUST_NOT_LEAVE: Final = "As counted: small numbers are not hidden. This file must not leave the ministry."

Shown = int | float | str


@dataclass(frozen=True, slots=True)
class Line:
    """A row: what it is of, the name of the number in each column, and that of their sum where there is one."""

    label: str
    cells: tuple[str, ...]
    total: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of numbers by quarter."""

    number: int
    title: str
    definition: str
    quarters: tuple[date, ...]
    lines: tuple[Line, ...]
    totals: Line | None = None
    notes: tuple[str, ...] = ()

    def keys(self) -> tuple[str, ...]:
        """Return the name of every number in it."""
        lines = (*self.lines, *([self.totals] if self.totals is not None else []))
        return tuple(key for line in lines for key in (*line.cells, *([line.total] if line.total else [])))


@dataclass(frozen=True, slots=True)
class Report:
    """Tables, their numbers, and how far they may be trusted."""

    kind: Kind
    title: str
    period: Period
    as_of: datetime
    version: str
    tables: tuple[Table, ...]
    #: Counts: what is small among them is hidden in a release.
    numbers: Numbers
    #: Figures that are no counts, such as medians; None where there is too little.
    figures: Mapping[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    complete_to: datetime | None = None
    is_release: bool = False
    release: str | None = None
    hidden: frozenset[str] = frozenset()
    #: Rounded numbers in the place of those counted, where that is the ministry's way.
    rounded: Mapping[str, int] | None = None

    def shown(self, key: str) -> Shown:
        """Return what stands in a cell."""
        if key in self.hidden:
            return HIDDEN
        if key in self.figures:
            figure = self.figures[key]
            return NOT_AVAILABLE if figure is None else figure
        return (self.rounded or self.numbers.values)[key]

    def column(self, quarter: date) -> str:
        """Return what a quarter's column is called; of a part of a quarter, which part."""
        name = f"{quarter.day} {quarter:%b %Y}"
        if not self.period.is_part(quarter):
            return name
        parts = []
        if self.period.first > quarter_beginning(quarter):
            parts.append(f"from {self.period.first.day} {self.period.first:%b}")
        if self.period.last < quarter:
            parts.append(f"to {self.period.last.day} {self.period.last:%b}")
        return f"{name} ({' '.join(parts)})"

    def is_all_hidden(self) -> bool:
        """Return whether nothing but zeros is left to show."""
        counted = {key for table in self.tables for key in table.keys() if self.numbers.values.get(key)}  # noqa: SIM118 a method
        return bool(counted) and counted <= self.hidden


def document(report: Report) -> dict[str, Any]:
    """Return what is in a report as a JSON object, without what depends on who asks; its digest is in it."""
    found: dict[str, Any] = {
        "report": report.kind,
        "title": report.title,
        "from": report.period.first.isoformat(),
        "to": report.period.last.isoformat(),
        "as_of": nz_time(report.as_of).isoformat(),
        "complete_to": None if report.complete_to is None else nz_time(report.complete_to).isoformat(),
        "version": report.version,
        "release": report.release,
        "must_not_leave": not report.is_release,
        "tables": [_table(report, table) for table in report.tables],
        "notes": list(all_notes(report)),
        "shorthand": dict(SHORTHAND),
    }
    found["sha256"] = hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return found


def _table(report: Report, table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": table.number,
        "title": table.title,
        "definition": table.definition,
        "quarters": [quarter.isoformat() for quarter in table.quarters],
        "columns": [report.column(quarter) for quarter in table.quarters],
        "rows": [_line(report, line) for line in table.lines],
        "notes": list(table.notes),
    }
    if table.totals is not None:
        found["totals"] = [report.shown(key) for key in table.totals.cells]
        if table.totals.total is not None:
            found["total"] = report.shown(table.totals.total)
    return found


def _line(report: Report, line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"label": line.label, "cells": [report.shown(key) for key in line.cells]}
    if line.total is not None:
        found["total"] = report.shown(line.total)
    return found


def all_notes(report: Report) -> Sequence[str]:
    """Return what is said about a report as a whole, the warning first."""
    found = [] if report.is_release else [MUST_NOT_LEAVE]
    if report.is_all_hidden():
        found.append("Every number but zero is too small to be shown: this report tells nothing else.")
    if report.rounded is not None:
        found.append("Numbers are randomly rounded to base 3, each by itself: rows and columns need not add up.")
    return (*found, *report.notes)


def with_totals(
    lines: Sequence[tuple[str, str, Sequence[int]]],
    quarters: Sequence[date],
    period: Period,
    *,
    totals: str,
    prefix: str,
) -> tuple[tuple[Line, ...], Line, Numbers]:
    """Return rows of counts with the sums of rows and columns, all by name.

    Args:
        lines: of each row its id, its label, and its count in each quarter.
        quarters: the columns.
        period: names the sums over it, which are others in another period.
        totals: how the sums of columns are called: tables that share them share their sums.
        prefix: how the cells of this table are called.
    """
    over = f"{period.first}..{period.last}"
    values: dict[str, int] = {}
    rows: list[Line] = []
    equations: list[Equation] = []
    for id_, label, counts in lines:
        cells = tuple(f"{prefix}|{id_}|{column_name(quarter, period)}" for quarter in quarters)
        total = f"{prefix}|{id_}|{over}"
        values |= dict(zip(cells, counts, strict=True)) | {total: sum(counts)}
        rows.append(Line(label, cells, total))
        equations.append(Equation(total, cells))
    cells = tuple(f"{totals}|{column_name(quarter, period)}" for quarter in quarters)
    every = f"{totals}|{over}"
    for at, cell in enumerate(cells):
        values[cell] = sum(counts[at] for _, _, counts in lines)
        equations.append(Equation(cell, tuple(row.cells[at] for row in rows)))
    values[every] = sum(values[cell] for cell in cells)
    equations.append(Equation(every, cells))
    equations.append(Equation(every, tuple(row.total or "" for row in rows)))
    return tuple(rows), Line("Total", cells, every), Numbers(values, tuple(equations))


def column_name(quarter: date, period: Period) -> str:
    """Return how a quarter is called in the name of a number; a part of one is another number than the whole."""
    if not period.is_part(quarter):
        return quarter.isoformat()
    first = max(period.first, quarter_beginning(quarter))
    return f"{quarter.isoformat()}[{first}..{min(period.last, quarter)}]"


def joined(*numbers: Numbers) -> Numbers:
    """Return the numbers of several tables as one set; what is in two of them is the same number."""
    values: dict[str, int] = {}
    for one in numbers:
        for key, value in one.values.items():
            if values.setdefault(key, value) != value:
                raise ValueError(f"{key} is counted twice, differently")
    return Numbers(values, tuple(dict.fromkeys(equation for one in numbers for equation in one.equations)))


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each cell of two documents of the same report that differs."""
    found = []
    then = {(table["number"], row["label"]): row["cells"] for table in before["tables"] for row in table["rows"]}
    for table in after["tables"]:
        for row in table["rows"]:
            old = then.pop((table["number"], row["label"]), None)
            if old is None:
                found.append(f"Table {table['number']}, {row['label']}: this row is new.")
                continue
            found += [
                f"Table {table['number']}, {row['label']}, quarter ending {quarter}: {was} before, {now} now."
                for quarter, was, now in zip(table["quarters"], old, row["cells"], strict=False)
                if was != now
            ]
    return found + [f"Table {number}, {label}: this row is gone." for number, label in sorted(then)]


def released(report: Report, number: str, hidden: frozenset[str], rounded: Mapping[str, int] | None) -> Report:
    """Return the report as it leaves."""
    return replace(report, is_release=True, release=number, hidden=hidden, rounded=rounded)
