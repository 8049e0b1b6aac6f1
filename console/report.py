"""``accesswatch report``: the tables that the Official Information Act is used to ask for, and the total."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from cases import access_totals, oia_tables, releases
from cases.nz_calendar import Period
from cases.render import report_csv, report_html, report_json, report_pdf, report_xlsx
from cases.report_model import Report
from console.history import opened, purpose
from console.working import From, Out, To, Working, days, put_out, working
from enrichment.errors import CommandError
from enrichment.nz_time import nz_date
from stream import RELEASE

app = typer.Typer(help="Reports: tables one to three, and the total.", no_args_is_help=True)


class Format(StrEnum):
    """How a report is written."""

    json = "json"
    csv = "csv"
    xlsx = "xlsx"
    html = "html"
    pdf = "pdf"


_RENDER = {
    Format.json: report_json.render, Format.csv: report_csv.render, Format.xlsx: report_xlsx.render,
    Format.html: report_html.render, Format.pdf: report_pdf.render,
}  # fmt: skip
_TEXTS = {Format.json, Format.csv, Format.html}
_Form = Annotated[Format, typer.Option("--format", help="How it is written.")]
_Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
_Release = Annotated[
    bool, typer.Option("--release", help="Release it: small numbers are hidden, and the register keeps it.")
]


@app.command()
def total(
    *, first: From = None, last: To = None, form: _Form = Format.json, as_json: _Json = False,
    release: _Release = False, out: Out = None,
) -> None:  # fmt: skip
    """Count accesses, those that a rule asked about, those found inappropriate by a person, and those still open."""
    from history.reading import HistoryReading  # noqa: PLC0415 its libraries are slow to import

    def made(work: Working, period: Period) -> Report:
        with opened(work.settings) as history:
            return access_totals.report(
                work.connection, HistoryReading(history.table), period, purpose=purpose("report", "the total"),
                as_of=work.now, version=RELEASE,
            )  # fmt: skip

    _report(made, first, last, form=Format.json if as_json else form, release=release, out=out)


@app.command()
def oia(
    *, first: From = None, last: To = None, form: _Form = Format.json, as_json: _Json = False,
    release: _Release = False, out: Out = None,
) -> None:  # fmt: skip
    """Make tables one to three: investigations opened from data mining, ER cases completed by type and by outcome."""

    def made(work: Working, period: Period) -> Report:
        begins = None
        if work.settings.history_folder is not None and work.settings.history_folder.is_dir():
            from history.reading import HistoryReading  # noqa: PLC0415

            with opened(work.settings) as history:
                begins = HistoryReading(history.table).begins()
        return oia_tables.report(work.connection, work.config, period, as_of=work.now, version=RELEASE, begins=begins)

    _report(made, first, last, form=Format.json if as_json else form, release=release, out=out)


def _report(
    make: Callable[[Working, Period], Report], first: datetime | None, last: datetime | None, *, form: Format,
    release: bool, out: Any,
) -> None:  # fmt: skip
    with working() as work:
        made = make(work, Period(*days(first, last, nz_date(work.now))))
    if release:
        with working(writes=True) as work:
            if work.config.small_numbers == "rr3":
                raise CommandError(
                    "Random rounding needs a key, which no command takes yet: set small_numbers: suppress."
                )
            made = releases.release(work.connection, work.person, made, work.config, now=work.now)
    put_out(_RENDER[form](made), out, is_text=form in _TEXTS)
