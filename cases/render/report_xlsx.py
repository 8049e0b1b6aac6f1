"""A report as a spreadsheet, after the UK Analysis Function's guidance on releasing statistics in spreadsheets.

A cover, a sheet of notes, and one table a sheet, marked as a table: its title in A1, one row of headings, no merged and
no empty cell, and shorthand explained. Nothing in it is a formula.
"""

import io
from typing import Any, Final

import xlsxwriter

from cases.report_model import SHORTHAND, Report, Shown, Table, all_notes, document
from enrichment.nz_time import nz_time

#: Of a column, in characters.
_LABEL_WIDTH: Final = 44
_NUMBER_WIDTH: Final = 16
_TEXT_WIDTH: Final = 110


def render(report: Report) -> bytes:
    """Return the file: the same report gives the same bytes."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    # Without a zone: the format knows none.
    made = nz_time(report.as_of).replace(tzinfo=None, microsecond=0)
    book.set_properties({"title": report.title, "created": made, "comments": f"accesswatch {report.version}"})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 15}),
        "text": book.add_format({"text_wrap": True, "valign": "top"}),
        "number": book.add_format({"num_format": "#,##0", "align": "right"}),
        "figure": book.add_format({"num_format": "#,##0.0##", "align": "right"}),
        "short": book.add_format({"align": "right"}),
    }
    _cover(book, report, formats)
    _notes(book, report, formats)
    for table in report.tables:
        _table(book, report, table, formats)
    book.close()
    return out.getvalue()


def _cover(book: Any, report: Report, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("Cover")
    sheet.set_column(0, 0, _TEXT_WIDTH)
    sheet.write_string(0, 0, report.title, formats["title"])
    found = document(report)
    lines = [
        *all_notes(report),
        f"Period: {report.period.first} to {report.period.last} (New Zealand dates)",
        f"As of: {found['as_of']}",
        *([f"Accesses complete to: {found['complete_to']}"] if found["complete_to"] else []),
        *([f"Release: {report.release}"] if report.release else []),
        f"Made by accesswatch {report.version}; sha256 of the figures: {found['sha256']}",
        *(f"Table {table.number}: {table.title} (sheet Table_{table.number})" for table in report.tables),
    ]
    for row, line in enumerate(lines, 1):
        sheet.write_string(row, 0, line, formats["text"])


def _notes(book: Any, report: Report, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("Notes")
    sheet.set_column(0, 0, _NUMBER_WIDTH)
    sheet.set_column(1, 1, _TEXT_WIDTH)
    sheet.write_string(0, 0, "Notes, definitions and shorthand", formats["title"])
    lines = [(f"Table {table.number}", text) for table in report.tables for text in (table.definition, *table.notes)]
    lines += list(SHORTHAND.items())
    columns = [{"header": "Of"}, {"header": "Text"}]
    sheet.add_table(1, 0, len(lines) + 1, 1, {"name": "Notes", "columns": columns, "autofilter": False, "style": None})
    for row, (of, text) in enumerate(lines, 2):
        sheet.write_string(row, 0, of, formats["text"])
        sheet.write_string(row, 1, text, formats["text"])


def _table(book: Any, report: Report, table: Table, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(f"Table_{table.number}")
    sheet.set_column(0, 0, _LABEL_WIDTH)
    has_totals = all(line.total is not None for line in table.lines)
    headings = ["Of", *(report.column(quarter) for quarter in table.quarters), *(["All"] if has_totals else [])]
    sheet.set_column(1, len(headings) - 1, _NUMBER_WIDTH)
    sheet.write_string(0, 0, f"Table {table.number}: {table.title}", formats["title"])
    sheet.write_string(1, 0, f"{table.definition} Notes are on the sheet Notes.")
    lines = [*table.lines, *([table.totals] if table.totals is not None else [])]
    options = {
        "name": f"Table_{table.number}",
        "columns": [{"header": heading} for heading in headings],
        "autofilter": False,
        "style": "Table Style Light 1",
        "last_column": has_totals,
    }
    sheet.add_table(2, 0, 2 + len(lines), len(headings) - 1, options)
    sheet.freeze_panes(3, 1)
    for row, line in enumerate(lines, 3):
        sheet.write_string(row, 0, line.label)
        keys = [*line.cells, *([line.total] if has_totals and line.total is not None else [])]
        for column, key in enumerate(keys, 1):
            _cell(sheet, row, column, report.shown(key), formats)


def _cell(sheet: Any, row: int, column: int, value: Shown, formats: dict[str, Any]) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value, formats["short"])
    else:
        sheet.write_number(row, column, value, formats["number" if isinstance(value, int) else "figure"])
