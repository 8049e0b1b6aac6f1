"""The forms of a report: all say the same, and each is what its readers expect."""

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import orjson
import pikepdf
import pytest

from cases.nz_calendar import Period
from cases.render import report_csv, report_html, report_json, report_pdf, report_xlsx, trend_svg
from cases.report_model import HIDDEN, NOT_AVAILABLE, Report, Table, document, joined, released, with_totals
from cases.suppression import suppress

PERIOD = Period(date(2026, 1, 1), date(2026, 12, 31))
FORMS = (report_json, report_csv, report_xlsx, report_html, report_pdf)


def a_report(*, release: bool = True) -> Report:
    """Two tables with one total."""
    quarters = PERIOD.quarters()
    two = [("own", "Own record", [9, 0, 12, 3]), ("family", "=Family()", [20, 8, 2, 30])]
    three = [("none", "No action", [10, 8, 7, 13]), ("left", "<b>Left</b>", [19, 0, 7, 20])]
    rows, totals, numbers = with_totals(two, quarters, PERIOD, totals="er", prefix="two")
    more, again, others = with_totals(three, quarters, PERIOD, totals="er", prefix="three")
    report = Report(
        kind="oia",
        title="Cases",
        period=PERIOD,
        as_of=datetime(2027, 1, 31, tzinfo=UTC),
        version="1",
        tables=(
            Table(1, "By type", "Cases by type.", quarters, rows, totals, ("A note.",)),
            Table(2, "By outcome", "Cases by outcome.", quarters, more, again),
        ),
        numbers=joined(numbers, others),
    )
    return released(report, "RR-2027-0001", suppress(report.numbers), None) if release else report


def expected(report: Report) -> list[str]:
    """Every cell of every row, in order."""
    return [
        str(cell)
        for table in document(report)["tables"]
        for row in (*(row["cells"] + [row["total"]] for row in table["rows"]), table["totals"] + [table["total"]])
        for cell in row
    ]


@pytest.mark.parametrize("release", [True, False])
def test_every_form_says_the_same(release: bool) -> None:
    """The same cells in the same order; hidden ones are hidden in each."""
    report = a_report(release=release)
    cells = expected(report)
    assert (HIDDEN in cells) is release
    lines = csv.DictReader(io.StringIO(report_csv.render(report).decode("utf-8-sig")))
    assert [line["value"] for line in lines if line["quarter_ending"]] == cells
    page = report_html.render(report).decode()
    assert re.findall(r'<td class="number">([^<]*)</td>', page) == cells
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx.render(report)))
    in_book = [
        str(cell.value)
        for name in ("Table_1", "Table_2")
        for row in book[name].iter_rows(min_row=4, min_col=2)
        for cell in row
    ]
    assert in_book == cells
    assert orjson.loads(report_json.render(report))["sha256"] == document(report)["sha256"]


def test_the_same_report_gives_the_same_bytes() -> None:
    """In every form."""
    for form in FORMS:
        assert form.render(a_report()) == form.render(a_report())


def test_the_spreadsheet_follows_the_guidance() -> None:
    """A cover and notes; one table a sheet, marked as one, titled in A1; nothing merged, nothing empty, no formula."""
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx.render(a_report())))
    assert book.sheetnames == ["Cover", "Notes", "Table_1", "Table_2"]
    for name in book.sheetnames:
        sheet: Any = book[name]
        assert sheet["A1"].value
        assert not sheet.merged_cells.ranges
        assert len(sheet.tables) == (name != "Cover")
        for table in sheet.tables.values():
            for row in sheet[table.ref]:
                assert all(cell.value not in {None, ""} and cell.data_type != "f" for cell in row)
    notes = {row[0].value for row in book["Notes"].iter_rows(min_row=3)}
    assert {HIDDEN, NOT_AVAILABLE, "Table 1"} <= notes
    assert book["Table_1"]["A5"].value == "=Family()"
    assert "sha256" in "".join(str(row[0].value) for row in book["Cover"].iter_rows())


def test_what_must_not_leave_says_so_in_every_form() -> None:
    """As counted: on the cover, on the page, across the PDF."""
    counted = a_report(release=False)
    for form in (report_json, report_csv, report_html):
        assert "must not leave" in form.render(counted).decode()
        assert "must not leave" not in form.render(a_report()).decode()
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx.render(counted)))
    assert "must not leave" in str(book["Cover"]["A2"].value)
    assert report_html.page(counted)["watermark"] == "NOT FOR RELEASE"
    assert report_html.page(a_report())["watermark"] is None


def test_csv_and_html_take_no_label_for_code() -> None:
    """Types are called by people, and may look like anything."""
    assert '"\'=Family()"' in report_csv.render(a_report()).decode()
    page = report_html.render(a_report()).decode()
    assert "<b>Left</b>" not in page
    assert "<script" not in page


def test_the_pdf_is_made_for_a_screen_reader() -> None:
    """PDF/UA-1, with headers of columns, and a text in the place of each picture."""
    document_ = pikepdf.open(io.BytesIO(report_pdf.render(a_report())))
    with document_.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
    elements = [one for one in document_.objects if isinstance(one, pikepdf.Dictionary)]
    assert sum(one.get("/S") == "/TH" for one in elements) == 12
    pictures = [one for one in elements if one.get("/S") == "/Figure"]
    assert len(pictures) == 4
    assert all(str(one.Alt) for one in pictures)


def test_a_hidden_number_is_no_zero_in_a_picture() -> None:
    """It has a bar of its own, and its text says what stands in the table."""
    picture = trend_svg.picture("Own <record>", [0, HIDDEN, 12])
    assert picture.count("<rect") == 4
    assert 'aria-label="Own &lt;record&gt;: 0, [c], 12"' in picture
