"""A report as CSV in long form: one line a number, with what it is of."""

from cases.render import cells
from cases.report_model import SHORTHAND, Report, Table, all_notes, document

_HEADER = ("table", "title", "row", "quarter_ending", "value", "note")


def render(report: Report) -> bytes:
    """Return the file. Definitions, notes and the digest come after the numbers."""
    lines: list[tuple[object, ...]] = [line for table in report.tables for line in _numbers(report, table)]
    said: list[tuple[object, str]] = [(table.number, table.definition) for table in report.tables]
    said += [(table.number, note) for table in report.tables for note in table.notes]
    said += [("", note) for note in all_notes(report)]
    said += [("", f"{short}: {meaning}") for short, meaning in SHORTHAND.items()]
    found = document(report)
    said += [("", f"{name}: {found[name]}") for name in ("as_of", "complete_to", "version", "release", "sha256")]
    return cells.rows(_HEADER, [*lines, *((number, "", "", "", "", text) for number, text in said)])


def _numbers(report: Report, table: Table) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for line in (*table.lines, *([table.totals] if table.totals is not None else [])):
        for quarter, key in zip(table.quarters, line.cells, strict=True):
            found.append((table.number, table.title, line.label, quarter.isoformat(), report.shown(key), ""))
        if line.total is not None:
            found.append((table.number, table.title, line.label, "all", report.shown(line.total), ""))
    return found
