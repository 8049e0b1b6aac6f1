"""Tables one, two and three, which the Official Information Act is used to ask for."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, select

from cases import er_cases
from cases.config import CasesConfig, Kind, kind_of
from cases.nz_calendar import Period, quarter_ending
from cases.published import Equation, Numbers
from cases.report_model import Line, Report, Table, joined, with_totals
from cases.tables import INVESTIGATIONS

_ONE = "Investigations opened because data mining pointed to them, by the New Zealand date of opening."
_TWO = "Employment Relations cases that were completed, by type, by the date on which each was last completed."
_THREE = "Employment Relations cases that were completed, by outcome; the totals are those of table two."
_AGAIN = "A case that was completed, opened again and completed is counted once, where it was last completed."


def report(
    connection: Connection, config: CasesConfig, period: Period, *, as_of: datetime, version: str, begins: date | None
) -> Report:
    """Return tables one to three of a period.

    Args:
        connection: reads.
        config: what types and outcomes are called.
        period: its quarters are the columns.
        as_of: when this is counted.
        version: of the code.
        begins: the first day of which accesses are kept, before which no data mining could point to anything.
    """
    quarters = period.quarters()
    one, one_numbers = _opened(connection, period, quarters, begins)
    cases = er_cases.completed_in(connection, period)
    by_type = [(case.type, quarter_ending(case.completed_on)) for case in cases if case.completed_on]
    by_outcome = [(case.outcome or "", quarter_ending(case.completed_on)) for case in cases if case.completed_on]
    two, two_numbers = _completed(2, ("ER cases completed, by type", _TWO), config.er_types, by_type, period)
    three, three_numbers = _completed(
        3, ("ER cases completed, by outcome", _THREE), config.er_outcomes, by_outcome, period
    )
    return Report(
        kind="oia",
        title="Inappropriate access to client records: investigations and completed cases",
        period=period,
        as_of=as_of,
        version=version,
        tables=(one, two, three),
        numbers=joined(one_numbers, two_numbers, three_numbers),
        notes=("Figures are as known when this was counted; later corrections change them.",),
    )


def _opened(
    connection: Connection, period: Period, quarters: Sequence[date], begins: date | None
) -> tuple[Table, Numbers]:
    query = select(INVESTIGATIONS.c.opened_on).where(
        INVESTIGATIONS.c.origin == "data_mining",
        INVESTIGATIONS.c.opened_on >= period.first,
        INVESTIGATIONS.c.opened_on <= period.last,
    )
    counted = Counter(quarter_ending(day) for day in connection.execute(query).scalars())
    lines = [("opened", "Investigations opened", [counted[quarter] for quarter in quarters])]
    rows, _, numbers = with_totals(lines, quarters, period, totals="one", prefix="one")
    # One row is its own sum: the sums of columns would be the same numbers under other names.
    own = {key: numbers.values[key] for key in (*rows[0].cells, rows[0].total or "")}
    notes = () if begins is None or begins <= period.first else (_young(begins),)
    totals = Line("Total", rows[0].cells, rows[0].total)
    table = Table(1, "Investigations opened from data mining", _ONE, tuple(quarters), rows, totals, notes)
    return table, Numbers(own, (Equation(rows[0].total or "", rows[0].cells),))


def _young(begins: date) -> str:
    return f"Accesses are kept from {begins} on: before that day data mining could point to nothing."


def _completed(
    number: int, words: tuple[str, str], kinds: Sequence[Kind], cases: Sequence[tuple[str, date]], period: Period
) -> tuple[Table, Numbers]:
    quarters = period.quarters()
    counted = Counter(cases)
    used = [kind.id for kind in kinds if kind.is_used(period.first, period.last)]
    used += sorted({id_ for id_, _ in counted} - set(used))
    lines = [
        (id_, kind_of(kinds, id_).label(period.last), [counted[id_, quarter] for quarter in quarters]) for id_ in used
    ]
    rows, totals, numbers = with_totals(
        lines,
        quarters,
        period,
        totals="er",
        prefix="two" if number == 2 else "three",  # noqa: PLR2004 the table's number
    )
    notes = [_AGAIN]
    for id_ in used:
        kind = kind_of(kinds, id_)
        before = kind.label(period.first)
        if before != kind.label(period.last):
            notes.append(f"{kind.label(period.last)} was called {before} at the beginning of the period.")
    title, definition = words
    return Table(number, title, definition, quarters, rows, totals, tuple(notes)), numbers
