"""A report as JSON: as ``docs/contract.md`` section 9 has it, with what else is known of it beside."""

from typing import Any

import orjson

from cases import access_totals
from cases.report_model import Report, document


def as_object(report: Report) -> dict[str, Any]:
    """Return the report as a JSON object."""
    found = document(report)
    return found | access_totals.contract_document(report) if report.kind == "total" else found


def render(report: Report) -> bytes:
    """Return the report as JSON text."""
    return orjson.dumps(as_object(report), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
