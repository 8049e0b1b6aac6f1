"""A report as a page of HTML, and what stands on it, which the PDF takes too."""

from typing import Any

from cases.render import pages, trend_svg
from cases.report_model import SHORTHAND, Line, Report, Shown, Table, all_notes, document


def render(report: Report) -> bytes:
    """Return the report as a page that stands alone."""
    return pages.html("report", page(report))


def page(report: Report) -> dict[str, Any]:
    """Return what stands on the page, in the order in which it is read."""
    found = document(report)
    about = [
        ("Period", f"{report.period.first.day} {report.period.first:%B %Y} to {_day(report.period.last)}"),
        ("As of", found["as_of"][:16].replace("T", " ")),
        ("Accesses complete to", (found["complete_to"] or "")[:16].replace("T", " ")),
        ("Release", report.release or ""),
        ("Figures (sha256)", found["sha256"]),
        ("Made by", f"accesswatch {report.version}"),
    ]
    used = {value for table in report.tables for key in table.keys() if isinstance(value := report.shown(key), str)}  # noqa: SIM118 a method
    return {
        "lang": "en-NZ",
        "title": report.title,
        "warning": None if report.is_release else all_notes(report)[0],
        "watermark": None if report.is_release else "NOT FOR RELEASE",
        "about": [list(one) for one in about if one[1]],
        "notes": list(all_notes(report) if report.is_release else all_notes(report)[1:]),
        "tables": [_table(report, table) for table in report.tables],
        "shorthand": [[short, meaning] for short, meaning in SHORTHAND.items() if short in used],
        "page": "Page",
    }


def _table(report: Report, table: Table) -> dict[str, Any]:
    has_totals = all(line.total is not None for line in table.lines)
    lines = [*table.lines, *([table.totals] if table.totals is not None else [])]
    return {
        "title": f"Table {table.number}: {table.title}",
        "definition": table.definition,
        "columns": [report.column(quarter) for quarter in table.quarters] + (["All"] if has_totals else []),
        "rows": [_row(report, line, has_totals=has_totals) for line in lines],
        "has_totals_row": table.totals is not None,
        "notes": list(table.notes),
        "trends": _trends(report, table),
    }


def _row(report: Report, line: Line, *, has_totals: bool) -> dict[str, Any]:
    keys = [*line.cells, *([line.total] if has_totals and line.total is not None else [])]
    return {"label": line.label, "cells": [_number(report.shown(key)) for key in keys]}


def _trends(report: Report, table: Table) -> list[dict[str, str]]:
    """Return a picture of each row that is not all zeros, where there is more than one quarter."""
    if len(table.quarters) < 2:  # noqa: PLR2004 one bar is no trend
        return []
    found = []
    for line in table.lines:
        values = [report.shown(key) for key in line.cells]
        if any(value != 0 for value in values):
            svg = trend_svg.picture(line.label, values)
            found.append({"label": line.label, "svg": svg, "text": trend_svg.text(line.label, values)})
    return found


def _number(value: Shown) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}"
    return value if isinstance(value, str) else f"{value:,}"


def _day(day: Any) -> str:
    return f"{day.day} {day:%B %Y}"
