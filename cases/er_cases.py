"""ER cases: what Employment Relations completes, by type and by outcome, which tables two and three count.

A case that was completed is opened again, or corrected, by a new entry with a reason; it is counted where it was last
completed.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select

from alerts.store.database import NotPossible
from cases.config import CasesConfig, Kind
from cases.nz_calendar import Period
from cases.people import Person
from cases.record import Change, held, next_number, write
from cases.tables import ER_CASES, INVESTIGATIONS, KEPT_FROM
from enrichment.errors import UserError
from enrichment.nz_time import nz_date

_SERIES: Final = "ER"


@dataclass(frozen=True, slots=True)
class ErCase:
    """An ER case as it stands."""

    number: str
    investigation: str | None
    staff_id: str
    opened_at: datetime
    opened_on: date
    handler: str
    status: str
    type: str
    outcome: str | None
    completed_on: date | None
    completed_at: datetime | None
    times_completed: int


def subject_of(number: str) -> str:
    """Return how the chain calls an ER case."""
    return f"er:{number}"


def visible(person: Person) -> ColumnElement[bool]:
    """Return the condition under which an ER case exists for a person: never for whom it is about."""
    kept = select(KEPT_FROM.c.case_number).where(KEPT_FROM.c.staff_id == person.staff_id)
    return and_(ER_CASES.c.staff_id != person.staff_id, ER_CASES.c.number.not_in(kept))


def open_case(
    connection: Connection,
    person: Person,
    config: CasesConfig,
    *,
    staff_id: str,
    kind: str,
    now: datetime,
    investigation: str | None = None,
) -> str:
    """Open an ER case; return its number.

    Raises:
        UserError: there is no such type today, or it is about who opens it.
        NotPossible: there is no such investigation.
    """
    person.require("er")
    _check(config.er_types, kind, nz_date(now), "type")
    if staff_id == person.staff_id:
        raise UserError("An ER case is not opened by whom it is about.")
    if investigation is not None:
        query = select(INVESTIGATIONS.c.number).where(INVESTIGATIONS.c.number == investigation)
        if connection.execute(query).first() is None:
            raise NotPossible(f"There is no case {investigation}.")
    number = next_number(connection, _SERIES, nz_date(now).year)
    row = {
        "number": number,
        "investigation": investigation,
        "staff_id": staff_id,
        "opened_at": now,
        "opened_on": nz_date(now),
        "handler": person.staff_id,
        "status": "open",
        "type": kind,
        "outcome": None,
        "completed_on": None,
        "completed_at": None,
        "times_completed": 0,
    }
    write(connection, person, now, Change(subject_of(number), "opened", ((ER_CASES, row),)))
    return number


def complete(
    connection: Connection,
    person: Person,
    config: CasesConfig,
    number: str,
    *,
    outcome: str,
    on: date,
    now: datetime,
    because: str | None = None,
) -> None:
    """Complete a case with its outcome.

    Raises:
        NotPossible: there is none, or it is completed.
        UserError: there is no such outcome on that day, or the day is not between its opening and today.
    """
    row = _held(connection, person, number)
    if row["status"] == "completed":
        raise NotPossible(f"ER case {number} is completed; correct it, or open it again.")
    changed = _completed(row, config, outcome=outcome, on=on, now=now)
    changed["times_completed"] = row["times_completed"] + 1
    _write(connection, person, row, changed, what="completed", because=because, now=now)


def correct(
    connection: Connection,
    person: Person,
    config: CasesConfig,
    number: str,
    *,
    because: str,
    now: datetime,
    kind: str | None = None,
    outcome: str | None = None,
    on: date | None = None,
) -> None:
    """Correct what a case is of, or what became of it: a new entry, with what stood there before."""
    row = _held(connection, person, number)
    if not because.strip():
        raise UserError("A correction needs a reason.")
    changed = dict(row)
    if kind is not None:
        _check(config.er_types, kind, on or row["completed_on"] or nz_date(now), "type")
        changed["type"] = kind
    if outcome is not None or on is not None:
        if row["status"] != "completed":
            raise NotPossible(f"ER case {number} is not completed.")
        changed |= _completed(row, config, outcome=outcome or row["outcome"], on=on or row["completed_on"], now=now)
        changed["type"] = kind or row["type"]
    _write(connection, person, row, changed, what="corrected", because=because, now=now)


def reopen(connection: Connection, person: Person, number: str, *, because: str, now: datetime) -> None:
    """Open a completed case again: until it is completed anew it is in no table."""
    row = _held(connection, person, number)
    if row["status"] != "completed":
        raise NotPossible(f"ER case {number} is not completed.")
    changed = {**row, "status": "open", "outcome": None, "completed_on": None, "completed_at": None}
    _write(connection, person, row, changed, what="reopened", because=because, now=now)


def get(connection: Connection, person: Person, number: str) -> ErCase:
    """Return a case.

    Raises:
        NotPossible: there is none, or none for this person.
    """
    person.require("er")
    query = select(ER_CASES).where(ER_CASES.c.number == number, visible(person))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotPossible(f"There is no ER case {number}.")
    return ErCase(**row)


def listed(connection: Connection, person: Person, *, status: str | None = None, limit: int = 1000) -> list[ErCase]:
    """Return cases, the newest first."""
    person.require("er")
    query = select(ER_CASES).where(visible(person)).order_by(ER_CASES.c.number.desc()).limit(limit)
    if status is not None:
        query = query.where(ER_CASES.c.status == status)
    return [ErCase(**row) for row in connection.execute(query).mappings()]


def completed_in(connection: Connection, period: Period) -> list[ErCase]:
    """Return every case completed in a period, for counting: of nobody in particular."""
    query = select(ER_CASES).where(
        ER_CASES.c.status == "completed",
        ER_CASES.c.completed_on >= period.first,
        ER_CASES.c.completed_on <= period.last,
    )
    return [ErCase(**row) for row in connection.execute(query.order_by(ER_CASES.c.number)).mappings()]


def _completed(row: RowMapping, config: CasesConfig, *, outcome: str, on: date, now: datetime) -> dict[str, Any]:
    _check(config.er_outcomes, outcome, on, "outcome")
    if not row["opened_on"] <= on <= nz_date(now):
        raise UserError("An ER case is completed on a day between its opening and today.")
    return {**row, "status": "completed", "outcome": outcome, "completed_on": on, "completed_at": now}


def _check(kinds: tuple[Kind, ...], id_: str, day: date, what: str) -> None:
    usable = [kind.id for kind in kinds if kind.is_used(day, day)]
    if id_ not in usable:
        raise UserError(f"There is no {what} {id_} on {day}; there is {', '.join(usable)}.")


def _held(connection: Connection, person: Person, number: str) -> RowMapping:
    get(connection, person, number)
    return held(connection, ER_CASES, "ER case", number=number)


def _write(
    connection: Connection,
    person: Person,
    before: RowMapping,
    after: dict[str, Any],
    *,
    what: str,
    because: str | None,
    now: datetime,
) -> None:
    names = ("type", "outcome", "completed_on")
    told = {name: str(before[name]) for name in names if before[name] != after[name] and before[name] is not None}
    change = Change(subject_of(before["number"]), what, ((ER_CASES, after),), because, {"before": told})
    write(connection, person, now, change)
