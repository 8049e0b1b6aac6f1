"""A report as PDF/UA-1, with the content of the page of HTML."""

from cases.render import pages
from cases.render.report_html import page
from cases.report_model import Report


def render(report: Report) -> bytes:
    """Return the file: the same report always gives the same bytes."""
    return pages.pdf("report", page(report))
