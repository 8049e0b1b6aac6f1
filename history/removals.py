"""Removing from the history: by whose authority, asked for by one person and approved by another.

``client`` and ``event`` erase: the files that may hold such rows are written anew without them, old snapshots are
expired and the files unlinked at once. ``months`` disposes of whole months to a last one. A legal hold keeps rows of
whom it is on: nothing is erased, and of a month those rows are kept. What was erased stays so: the
writer leaves it out when the history is made anew from Kafka.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo
from pyiceberg.manifest import DataFile
from sqlalchemy import Connection, insert, inspect, select, text, update

from alerts.store.database import Database
from enrichment.errors import UserError
from history.rows import SCHEMA, first_of
from history.table import ROW_GROUP_ROWS, Conflict, HistoryTable, month_named, name_of
from history.tables import REMOVALS

RemovalKind = Literal["client", "event", "months"]
#: Years for which the history is kept at least, whatever an authority says.
YEARS_MIN: Final = 3
_TRIES_MAX: Final = 5
_AT_ONCE: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Held:
    """Whose rows are under a legal hold."""

    staff: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removal:
    """One removal, as it stands."""

    removal_id: str
    kind: RemovalKind
    subject: str
    authority: str
    asked_by: str
    approved_by: str | None
    done_at: datetime | None
    rows: int | None


def held_now(connection: Connection) -> Held:
    """Return whom legal holds are on: the table of ``cases/holds.py``, which stands above this room, is read here."""
    if not inspect(connection).has_table("case_holds"):
        return Held()
    query = text("SELECT kind, id FROM case_holds WHERE released_at IS NULL")
    rows = connection.execute(query).all()
    return Held(
        frozenset(row.id for row in rows if row.kind == "staff"),
        frozenset(row.id for row in rows if row.kind == "client"),
    )


def ask(connection: Connection, kind: RemovalKind, subject: str, *, authority: str, by: str, now: datetime) -> str:
    """Ask for a removal; return its id.

    Raises:
        UserError: it names no authority, or a hold is on it.
    """
    if not authority.strip():
        raise UserError("A removal names its authority: a disposal authority, an order.")
    _refuse_held(connection, kind, subject)
    removal_id = f"hr-{uuid4().hex[:12]}"
    values = {
        "removal_id": removal_id, "kind": kind, "subject": subject, "authority": authority, "asked_by": by,
        "asked_at": now,
    }  # fmt: skip
    connection.execute(insert(REMOVALS), [values])
    return removal_id


def approve(connection: Connection, removal_id: str, *, by: str, now: datetime) -> Removal:
    """Approve a removal, as another person than who asked for it.

    Raises:
        UserError: there is none, it is the same person, it was approved before, or a hold is on it by now.
    """
    row = connection.execute(select(REMOVALS).where(REMOVALS.c.removal_id == removal_id)).first()
    if row is None:
        raise UserError(f"There is no removal {removal_id}.")
    if row.asked_by == by:
        raise UserError("Another person than who asked for a removal approves it.")
    if row.done_at is not None:
        raise UserError(f"Removal {removal_id} is done already.")
    _refuse_held(connection, row.kind, row.subject)
    if row.approved_at is None:
        approved = update(REMOVALS).where(REMOVALS.c.removal_id == removal_id)
        connection.execute(approved.values(approved_by=by, approved_at=now))
    return Removal(removal_id, row.kind, row.subject, row.authority, row.asked_by, by, None, None)


def _refuse_held(connection: Connection, kind: str, subject: str) -> None:
    if kind == "client" and subject in held_now(connection).clients:
        raise UserError("A legal hold is on this client: nothing of theirs is erased before it is released.")


def carry_out(table: HistoryTable, removal: Removal) -> int:
    """Remove, and return how many rows went. Carried out again it removes what is left.

    Raises:
        UserError: a hold keeps what was to be erased.
    """
    with table.database.reading() as connection:
        held = held_now(connection)
    if removal.kind == "months":
        rows = _dispose(table, removal.subject, held)
    else:
        rows = _erase(table, removal.kind, removal.subject, held)
    now = datetime.now(UTC)
    with table.database.writing() as connection:
        done = update(REMOVALS).where(REMOVALS.c.removal_id == removal.removal_id)
        connection.execute(done.values(done_at=now, rows=rows))
    table.sweep(now, _AT_ONCE)
    return rows


def _erase(table: HistoryTable, kind: RemovalKind, subject: str, held: Held) -> int:
    column = "client_id" if kind == "client" else "event_id"

    def kept(rows: pa.Table) -> pa.Table:
        goes = pc.fill_null(pc.equal(rows[column], subject), False)
        under_hold = _under_hold(rows.filter(goes), held)
        if len(under_hold):
            raise UserError("A legal hold is on somebody in these rows: nothing is erased before it is released.")
        return rows.filter(pc.invert(goes))

    table.reload()
    files = table.files(more=EqualTo(term=column, value=subject)) if kind == "client" else table.files()
    return _rewritten(table, files, kept)


def _dispose(table: HistoryTable, last: str, held: Held) -> int:
    """Remove whole months, but for rows under a hold."""
    if (datetime.now(UTC).date() - first_of(last)).days < YEARS_MIN * 365:
        raise UserError(f"The history is kept for {YEARS_MIN} years at least.")
    table.reload()
    files = [file for file in table.files() if month_named(file) <= last]
    return _rewritten(table, files, lambda rows: _under_hold(rows, held))


def _under_hold(rows: pa.Table, held: Held) -> pa.Table:
    clients, staff = (pa.array(sorted(ids), pa.string()) for ids in (held.clients, held.staff))
    of_client = pc.fill_null(pc.is_in(rows["client_id"], value_set=clients), False)
    return rows.filter(pc.or_(of_client, pc.is_in(rows["staff_id"], value_set=staff)))


def _rewritten(table: HistoryTable, files: Sequence[DataFile], kept: Callable[[pa.Table], pa.Table]) -> int:
    """Put in the place of each file what of it is kept; return how many rows went."""
    gone = 0
    for file in files:
        gone += _rewrite(table, name_of(file), kept)
    return gone


def _rewrite(table: HistoryTable, name: str, kept: Callable[[pa.Table], pa.Table]) -> int:
    for _ in range(_TRIES_MAX):
        old = [file for file in table.files() if name_of(file) == name]
        if not old:
            return 0
        what = name.split("-")[2]
        before = after = 0
        with table.writing(month_named(old[0]), what) as writer, pq.ParquetFile(table.data / name) as source:
            for batch in source.iter_batches(ROW_GROUP_ROWS):
                rows = pa.Table.from_batches([batch]).cast(SCHEMA)
                left = kept(rows)
                before, after = before + len(rows), after + len(left)
                if len(left):
                    writer.write(left)
        if after == before:
            table.unlink([writer.file])
            return 0
        added = [writer.file] if after else []
        if added:
            table.note(added)
        else:
            table.unlink([writer.file])
        try:
            table.commit(added=added, removed=old)
        except Conflict:
            table.unlink(added)
            continue
        return before - after
    raise UserError("The history was written by others again and again: try once more.")


def erased_of(database: Database) -> tuple[frozenset[str], frozenset[str]]:
    """Return the clients, and the events, of which nothing comes back."""
    with database.reading() as connection:
        query = select(REMOVALS.c.kind, REMOVALS.c.subject).where(REMOVALS.c.approved_at.is_not(None))
        rows = connection.execute(query.where(REMOVALS.c.kind != "months")).all()
    clients = frozenset(row.subject for row in rows if row.kind == "client")
    return clients, frozenset(row.subject for row in rows if row.kind == "event")


def without_erased(rows: pa.Table, erased: tuple[frozenset[str], frozenset[str]]) -> pa.Table:
    """Return rows without those that were erased before."""
    for ids, column in zip(erased, ("client_id", "event_id"), strict=True):
        if ids and len(rows):
            goes = pc.fill_null(pc.is_in(rows[column], value_set=pa.array(sorted(ids), pa.string())), False)
            rows = rows.filter(pc.invert(goes))
    return rows
