"""The total that was refused: accesses, those asked about, those that a person found inappropriate, those still open.

A question is not a finding: the four numbers stand side by side, and none stands for another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from alerts.store.tables import ALERTS, HITS
from cases.history_port import Counted, HistoryReader, Purpose
from cases.investigations import SUBSTANTIATED
from cases.nz_calendar import Period, quarter_ending
from cases.published import Equation, Numbers
from cases.report_model import HIDDEN, Line, Report, Table, column_name
from cases.tables import INVESTIGATIONS, LINKS
from enrichment.nz_time import ZONE, nz_date, nz_time

_MEASURES: Final = (
    ("accesses", "Accesses"),
    ("asked_about", "Asked about"),
    ("confirmed", "Found inappropriate"),
    ("explained", "Explained by work"),
    ("open", "Still open"),
)
_DEFINITION: Final = (
    "Accesses: every one that was judged. Asked about: those with a live hit of a rule. Found inappropriate: "
    "those that a person confirmed, in an alert or in a substantiated investigation. Explained by work: those with a "
    "work reason. Still open: those asked about in an alert that is not closed. Each access counts once, in the "
    "quarter in which it was made."
)
_RULES: Final = (
    "Accesses asked about, by rule. An access that several rules ask about stands in each: rows do not add up."
)


@dataclass(frozen=True, slots=True)
class Found:
    """Counts of one quarter, as people and the history have them."""

    counted: Counted
    confirmed: int
    open: int

    def of(self, measure: str) -> int:
        """Return one of the measures."""
        if measure == "confirmed":
            return self.confirmed
        if measure == "open":
            return self.open
        return {
            "accesses": self.counted.accesses,
            "asked_about": self.counted.asked_about,
            "explained": self.counted.explained,
        }[measure]


def report(
    connection: Connection,
    history: HistoryReader,
    period: Period,
    *,
    purpose: Purpose,
    as_of: datetime,
    version: str,
) -> Report:
    """Return the total of a period, by quarter and by rule."""
    totals = history.totals(period.first, period.last, purpose=purpose)
    confirmed, still_open = confirmed_in(connection, period), open_in(connection, period)
    nothing = Counted(0, 0, 0)
    found = {
        quarter: Found(totals.quarters.get(quarter, nothing), confirmed.get(quarter, 0), still_open.get(quarter, 0))
        for quarter in period.quarters()
    }
    measures, measured = _lines(
        [(id_, label, {q: one.of(id_) for q, one in found.items()}) for id_, label in _MEASURES], period
    )
    rules = sorted({rule for one in found.values() for rule in one.counted.by_rule})
    by_rule, ruled = _lines(
        [(f"rule:{rule}", rule, {q: one.counted.by_rule.get(rule, 0) for q, one in found.items()}) for rule in rules],
        period,
    )
    notes = ["A question put by a rule is not a finding: only a person finds that an access was inappropriate."]
    if totals.begins is None or totals.begins > period.first:
        notes.append(f"Accesses are kept from {totals.begins or 'no day yet'} on: what came before is not counted.")
    lost = sum(gap.last_offset - gap.first_offset + 1 for gap in totals.gaps)
    if lost:
        notes.append(f"Coverage: {lost:,} records of accesses were lost, and are not counted.")
    quarters = period.quarters()
    return Report(
        kind="total",
        title="Accesses to client records, and what was asked and found about them",
        period=period,
        as_of=as_of,
        version=version,
        tables=(
            Table(1, "Accesses, questions and findings", _DEFINITION, quarters, measures),
            Table(2, "Accesses asked about, by rule", _RULES, quarters, by_rule),
        ),
        numbers=Numbers({**measured.values, **ruled.values}, (*measured.equations, *ruled.equations)),
        notes=tuple(notes),
        complete_to=totals.complete_to,
    )


def _lines(rows: list[tuple[str, str, Mapping[date, int]]], period: Period) -> tuple[tuple[Line, ...], Numbers]:
    """Return rows with their sums; columns have none, since what stands in them overlaps."""
    values: dict[str, int] = {}
    lines, equations = [], []
    for id_, label, counts in rows:
        cells = tuple(f"total|{id_}|{column_name(quarter, period)}" for quarter in counts)
        total = f"total|{id_}|{period.first}..{period.last}"
        values |= dict(zip(cells, counts.values(), strict=True)) | {total: sum(counts.values())}
        lines.append(Line(label, cells, total))
        equations.append(Equation(total, cells))
    return tuple(lines), Numbers(values, tuple(equations))


def confirmed_in(connection: Connection, period: Period) -> dict[date, int]:
    """Return by quarter how many accesses a person found inappropriate."""
    cases = select(INVESTIGATIONS.c.number).where(INVESTIGATIONS.c.result == SUBSTANTIATED)
    in_cases = select(LINKS.c.id).where(LINKS.c.kind == "alert", LINKS.c.case_number.in_(cases))
    hits = (
        select(HITS.c.event_id, HITS.c.occurred_at)
        .join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
        .where(or_(ALERTS.c.outcome == "confirmed", ALERTS.c.alert_id.in_(in_cases)))
    )
    found = dict(_events(connection, hits, HITS.c.occurred_at, period))
    links = select(LINKS.c.id.label("event_id"), LINKS.c.occurred_at).where(
        LINKS.c.kind == "access", LINKS.c.case_number.in_(cases)
    )
    found |= dict(_events(connection, links, LINKS.c.occurred_at, period))
    return _by_quarter(found)


def open_in(connection: Connection, period: Period) -> dict[date, int]:
    """Return by quarter how many accesses are in an alert that nobody has closed."""
    hits = (
        select(HITS.c.event_id, HITS.c.occurred_at)
        .join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
        .where(ALERTS.c.status != "closed")
    )
    return _by_quarter(dict(_events(connection, hits, HITS.c.occurred_at, period)))


def _events(connection: Connection, query: Any, at: Any, period: Period) -> list[tuple[str, date]]:
    begins = datetime.combine(period.first, datetime.min.time(), ZONE)
    ends = datetime.combine(period.last + timedelta(days=1), datetime.min.time(), ZONE)
    return [
        (row.event_id, nz_date(row.occurred_at)) for row in connection.execute(query.where(at >= begins, at < ends))
    ]


def _by_quarter(events: Mapping[str, date]) -> dict[date, int]:
    found: dict[date, int] = {}
    for day in events.values():
        found[quarter_ending(day)] = found.get(quarter_ending(day), 0) + 1
    return found


def contract_document(report: Report) -> dict[str, Any]:
    """Return the total in the form of ``docs/contract.md`` section 9."""
    measures, rules = report.tables
    names = [name for name, _ in _MEASURES]
    return {
        "from": report.period.first.isoformat(),
        "to": report.period.last.isoformat(),
        "complete_to": None if report.complete_to is None else nz_time(report.complete_to).isoformat(),
        **{name: report.shown(line.total or "") for name, line in zip(names, measures.lines, strict=True)},
        "by_quarter": [
            {"quarter_ending": quarter.isoformat()}
            | {name: report.shown(line.cells[at]) for name, line in zip(names, measures.lines, strict=True)}
            | {"by_rule": {line.label: report.shown(line.cells[at]) for line in rules.lines}}
            for at, quarter in enumerate(report.period.quarters())
        ],
        "by_rule": {line.label: report.shown(line.total or "") for line in rules.lines},
        "hidden": HIDDEN,
    }
