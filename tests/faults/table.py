"""The summary of many runs, by kind of fault."""

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.run import Report, Struck
from tests.faults.workload import SPICES

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"
_ALERTS = ("alert differences", "revisions", "store differences", "notifications")
_COMMITS = ("lost", "early commits", "commits backwards", "wrong answers", "dead letters")


def table(reports: Sequence[Report]) -> str:
    """Write the table. What a run found counts for each kind of fault that was in it."""
    lines = [
        "| fault | injected | accesses seen | lost | alert differences | silent stalls | recovery p50 / max |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in sorted({one.kind for report in reports for one in report.struck}):
        runs = [report for report in reports if any(one.kind == kind for one in report.struck)]
        struck = [one for report in runs for one in report.struck if one.kind == kind]
        lines.append(_row(kind, len(struck), sum(one.seen for one in struck), runs, _recovery(struck)))
    for spice in SPICES:
        count = sum(report.spiced.get(spice, 0) for report in reports)
        lines.append(_row(f"{spice} (records)", count, count, reports, ""))
    passed = sum(report.passed for report in reports)
    records, repeats = sum(report.records for report in reports), sum(report.repeats for report in reports)
    alerts = sum(report.alerts for report in reports)
    lines += ["", f"{passed} of {len(reports)} runs passed; {records:,} records, {alerts:,} alerts,"]
    lines += [f"{repeats} messages told once more after a crash, with the id of the first."]
    return "\n".join(lines)


def write(reports: Sequence[Report], arguments: str) -> None:
    """Put the table where docs/reliability.md has its place."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    seeds = ", ".join(str(report.plan.seed) for report in reports)
    said = (
        f"`python -m tests.faults {arguments}`, seeds {seeds}; {datetime.now(UTC):%d %B %Y}; {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    )
    PAGE.write_text(f"{before}{_BEGIN}\n{said}\n\n{table(reports)}\n{_END}{after}", "utf-8")


def _row(kind: str, injected: int, seen: int, runs: Sequence[Report], recovery: str) -> str:
    figures = [sum(report.count(*names) for report in runs) for names in (_COMMITS, _ALERTS, ("silent stalls",))]
    cells = [kind, f"{injected:,}", f"{seen:,}", *(f"{figure:,}" for figure in figures), recovery]
    return f"| {' | '.join(cells)} |"


def _recovery(struck: Sequence[Struck]) -> str:
    seconds = [one.recovery_seconds for one in struck if one.recovery_seconds is not None]
    never = len(struck) - len(seconds)
    said = f"{statistics.median(seconds):.1f} s / {max(seconds):.1f} s" if seconds else ""
    return said + (f", {never} never" if never else "")
