"""Reading the history: named queries with bound parameters over the files that the table names, by DuckDB.

No SQL of a user's, no file outside the warehouse, no extension; bounded memory, threads, time and rows. Who reads,
what, why and how many rows is written into the reading log, a chain, before the first row leaves.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from pyiceberg.expressions import AlwaysFalse, BooleanExpression, EqualTo
from pyiceberg.expressions import Or as AnyOf
from pyiceberg.manifest import DataFile
from sqlalchemy import Connection, insert, select

from alerts.store.audit import START, digest_of
from alerts.store.database import StoreError
from enrichment.errors import UserError
from history.answers import (
    Answer,
    Counted,
    Gap,
    HistoryDamaged,
    Purpose,
    ReadingRefused,
    Row,
    TooManyRows,
    Totals,
    merged,
)
from history.rows import NAMES, day_after, first_of, row_of
from history.state import gaps_accepted, state_of
from history.table import HistoryTable, is_compact, month_named
from history.tables import READINGS

MEMORY: Final = "512MB"
THREADS: Final = 2
#: Seconds after which a query is ended.
QUERY_SECONDS_MAX: Final = 60.0
#: Queries at once, and seconds that one waits for its turn.
AT_ONCE_MAX: Final = 4
TURN_SECONDS_MAX: Final = 10.0
#: Records of one access that are read at most, on average over an answer.
RECORDS_PER_ROW_MAX: Final = 4
#: Ids that one query may ask for.
IDS_MAX: Final = 100
_BUSY = threading.BoundedSemaphore(AT_ONCE_MAX)
_COLUMNS: Final = ", ".join(NAMES)
_QUARTER_MONTHS: Final = 3


class HistoryReading:
    """The named queries of ``cases/history_port.py``. Each use blocks, so call it in a thread."""

    def __init__(self, table: HistoryTable) -> None:
        """Read this table; it is looked at anew for each query."""
        self._table = table

    def of_clients(
        self, client_ids: Sequence[str], first: date, last: date, *, rows_max: int, purpose: Purpose
    ) -> Answer:
        """Return every access to the records of these clients.

        Raises:
            TooManyRows: there are more than *rows_max*.
            ReadingRefused: the reading log cannot be written.
            HistoryDamaged: a file is missing or cannot be read.
        """
        bounded = _ids(client_ids)
        where: BooleanExpression = AlwaysFalse()
        for one in bounded:
            where = AnyOf(where, EqualTo(term="client_id", value=one))
        files = self._files(first, last, where)
        return self._answer(
            "clients", files, "client_id IN (SELECT unnest($2)) AND day BETWEEN $3 AND $4", [bounded, first, last],
            about=bounded, days=(first, last), rows_max=rows_max, purpose=purpose,
        )  # fmt: skip

    def of_staff(self, staff_id: str, first: date, last: date, *, rows_max: int, purpose: Purpose) -> Answer:
        """Return every access of one staff member; raises as ``of_clients``."""
        return self._answer(
            "staff", self._files(first, last), "staff_id = $2 AND day BETWEEN $3 AND $4", [staff_id, first, last],
            about=[staff_id], days=(first, last), rows_max=rows_max, purpose=purpose,
        )  # fmt: skip

    def of_event(
        self, event_id: str, first: date | None = None, last: date | None = None, *, purpose: Purpose
    ) -> Answer:
        """Return one access, or none; raises as ``of_clients``. With a day it is found sooner."""
        files = self._files(first, last)
        return self._answer(
            "event", files, "event_id = $2", [event_id], about=[event_id], days=(first, last), rows_max=1,
            purpose=purpose,
        )  # fmt: skip

    def totals(self, first: date, last: date, *, purpose: Purpose) -> Totals:
        """Return counts by quarter; raises as ``of_clients``."""
        found: dict[date, Counted] = {}
        by_month: dict[str, list[DataFile]] = {}
        for file in self._files(first, last):
            by_month.setdefault(month_named(file), []).append(file)
        counted = 0
        with self._connection() as connection:
            for month, files in sorted(by_month.items()):
                begins, ends = max(first, first_of(month)), min(last, _last_of(month))
                one = _counted(connection, _paths(files), begins, ends, once=all(map(is_compact, files)))
                quarter = quarter_ending(begins)
                found[quarter] = _added(found.get(quarter), one)
                counted += one.accesses
        self.note(purpose, "totals", (), days=(first, last), rows=counted, now=datetime.now(UTC))
        return Totals(found, *self._trust())

    def exports_without_client(self, first: date, last: date, *, purpose: Purpose) -> int:
        """Return how many prints and exports name no client; raises as ``of_clients``."""
        files = self._files(first, last)
        number = 0
        if files:
            query = (
                "SELECT count(DISTINCT event_id) FROM read_parquet($1, hive_partitioning=false) "
                "WHERE client_id IS NULL AND action IN ('print', 'export') AND day BETWEEN $2 AND $3"
            )
            with self._connection() as connection:
                (number,) = _fetched(connection, query, [_paths(files), first, last])[0]
        self.note(purpose, "exports", (), days=(first, last), rows=number, now=datetime.now(UTC))
        return int(number)

    def not_there(self, events: pa.Table, first: date, last: date) -> list[int]:
        """Return the ``number`` of each of these events that the history has not, or that has no ``event_id``.

        It gives no row of the history to anybody, and so is not written into the reading log.
        """
        files = self._files(first, last)
        with self._connection() as connection:
            connection.register("asked", events)
            if not files:
                return [row[0] for row in connection.execute("SELECT number FROM asked ORDER BY number").fetchall()]
            query = (
                "SELECT number FROM asked WHERE event_id IS NULL OR event_id NOT IN (SELECT event_id FROM "
                "read_parquet($1, hive_partitioning=false) WHERE day BETWEEN $2 AND $3) ORDER BY number"
            )
            return [row[0] for row in _fetched(connection, query, [_paths(files), first, last])]

    def begins(self) -> date | None:
        """Return the first day of the first month that is kept."""
        self._table.reload()
        return self._trust()[2]

    def note(
        self,
        purpose: Purpose,
        query: str,
        about: Sequence[str],
        *,
        days: tuple[date | None, date | None],
        rows: int,
        now: datetime,
    ) -> None:
        """Write down that *rows* rows about these subjects are about to be shown.

        Raises:
            ReadingRefused: it cannot be written.
        """
        try:
            with self._table.database.writing() as connection:
                _append(connection, purpose, query, about, days=days, rows=rows, now=now)
        except StoreError as error:
            raise ReadingRefused(f"The reading log cannot be written ({error}): nothing is shown.") from None

    # -- parts --------------------------------------------------------------------------------------------------

    def _files(self, first: date | None, last: date | None, more: BooleanExpression | None = None) -> list[DataFile]:
        if first is not None and last is not None and last < first:
            raise UserError("The period ends before it begins.")
        self._table.reload()
        return self._table.files(first, last, more)

    def _answer(
        self, query: str, files: Sequence[DataFile], where: str, values: list[Any], *, about: Sequence[str],
        days: tuple[date | None, date | None], rows_max: int, purpose: Purpose,
    ) -> Answer:  # fmt: skip
        rows = self._rows(files, where, values, rows_max)
        self.note(purpose, query, about, days=days, rows=len(rows), now=datetime.now(UTC))
        return Answer(tuple(rows), *self._trust())

    def _rows(self, files: Sequence[DataFile], where: str, values: list[Any], rows_max: int) -> list[Row]:
        if not files:
            return []
        # An access may stand there several times until its month is compacted.
        most = RECORDS_PER_ROW_MAX * (rows_max + 1)
        text = f"SELECT {_COLUMNS} FROM read_parquet($1, hive_partitioning=false) WHERE {where} LIMIT {most}"  # noqa: S608 text of ours
        with self._connection() as connection:
            found = _fetched(connection, text, [_paths(files), *values])
        by_event: dict[str, list[Row]] = {}
        for one in found:
            row = row_of(dict(zip(NAMES, one, strict=True)))
            by_event.setdefault(row.assessment.event_id, []).append(row)
        if len(by_event) > rows_max:
            raise TooManyRows(f"More than {rows_max:,} accesses: narrow the period.")
        once = [merged(records) for records in by_event.values()]
        return sorted(once, key=lambda row: (row.assessment.occurred_at, row.assessment.event_id))

    def _trust(self) -> tuple[datetime | None, tuple[Gap, ...], date | None]:
        """Return to which time the history is complete, its gaps, and its first day."""
        with self._table.database.reading() as connection:
            complete = state_of(connection, "complete_to")
            gaps = gaps_accepted(connection)
        months = self._table.months()
        begins = first_of(next(iter(months))) if months else None
        return datetime.fromisoformat(complete) if complete else None, gaps, begins

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not _BUSY.acquire(timeout=TURN_SECONDS_MAX):
            raise UserError("The history answers others at this moment: ask again in a while.")
        try:
            connection = open_duckdb(self._table.data)
            timer = threading.Timer(QUERY_SECONDS_MAX, connection.interrupt)
            timer.daemon = True
            timer.start()
            try:
                yield connection
            finally:
                timer.cancel()
                connection.close()
        finally:
            _BUSY.release()


def open_duckdb(data: Path, *, memory: str = MEMORY, temporary: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection that may read files of this folder and nothing else."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"SET memory_limit='{memory}'; SET threads={THREADS}; SET TimeZone='UTC'")
    connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
    connection.execute("SET enable_progress_bar=false")
    if temporary is not None:
        connection.execute(f"SET temp_directory='{_quoted(temporary)}'")
    folders = [data, *([temporary] if temporary is not None else [])]
    allowed = ", ".join(f"'{_quoted(folder)}'" for folder in folders)
    connection.execute(f"SET allowed_directories=[{allowed}]")
    connection.execute("SET enable_external_access=false; SET lock_configuration=true")
    return connection


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")


def _fetched(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query, values).fetchall()
    except duckdb.InterruptException:
        raise TooManyRows(f"No answer within {QUERY_SECONDS_MAX:.0f} seconds: narrow the period.") from None
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise HistoryDamaged(_damage(values[0], error)) from None


def _damage(paths: Sequence[str], error: Exception) -> str:
    missing = [path for path in paths if not Path(path).is_file()]
    name = Path(missing[0]).name if missing else next((Path(one).name for one in paths if one in str(error)), "")
    what = "is missing" if missing else "cannot be read"
    month = f" of {name[:7]}" if name else ""
    return (
        f"A file{month} of the history {what}: nothing is answered; `accesswatch history verify` names each such file."
    )


def _paths(files: Sequence[DataFile]) -> list[str]:
    return [file.file_path.removeprefix("file://") for file in files]


def _ids(ids: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(ids))
    if not 1 <= len(found) <= IDS_MAX:
        raise UserError(f"Ask for 1 to {IDS_MAX} ids at once.")
    return found


#: What one access comes to, of all its records: as ``answers.merged``, for counting.
_ONCE: Final = """
    SELECT event_id, flatten(list(hits)) AS hits, bool_or(len(abstained) > 0) AS abstained,
           bool_or(explanation IS NOT NULL) AS explained
    FROM read_parquet($1, hive_partitioning=false) WHERE day BETWEEN $2 AND $3 GROUP BY event_id
"""
_AS_IT_IS: Final = """
    SELECT event_id, hits, len(abstained) > 0 AS abstained, explanation IS NOT NULL AS explained
    FROM read_parquet($1, hive_partitioning=false) WHERE day BETWEEN $2 AND $3
"""


def _counted(
    connection: duckdb.DuckDBPyConnection, paths: list[str], first: date, last: date, *, once: bool
) -> Counted:
    source = _AS_IT_IS if once else _ONCE
    query = (
        f"WITH one AS ({source}) SELECT count(*), count(*) FILTER (len(hits) > 0), "  # noqa: S608 text of ours
        "count(*) FILTER (len(hits) = 0 AND NOT abstained AND explained) FROM one"
    )
    ((accesses, asked, explained),) = _fetched(connection, query, [paths, first, last])
    rules = (
        f"WITH one AS ({source}) SELECT rule, count(*) FROM "  # noqa: S608 text of ours
        "(SELECT unnest(list_distinct(hits)) AS rule FROM one) GROUP BY rule ORDER BY rule"
    )
    by_rule = dict(_fetched(connection, rules, [paths, first, last]))
    return Counted(accesses, asked, explained, by_rule)


def _added(before: Counted | None, one: Counted) -> Counted:
    if before is None:
        return one
    rules = {**before.by_rule}
    for rule, number in one.by_rule.items():
        rules[rule] = rules.get(rule, 0) + number
    return Counted(
        before.accesses + one.accesses, before.asked_about + one.asked_about, before.explained + one.explained, rules
    )


def quarter_ending(day: date) -> date:
    """Return the last day of the quarter of a date."""
    last_month = (day.month + _QUARTER_MONTHS - 1) // _QUARTER_MONTHS * _QUARTER_MONTHS
    return _last_of(f"{day.year}-{last_month:02d}")


def _last_of(month: str) -> date:
    return date.fromordinal(day_after(month).toordinal() - 1)


def _append(
    connection: Connection, purpose: Purpose, query: str, about: Sequence[str], *,
    days: tuple[date | None, date | None], rows: int, now: datetime,
) -> None:  # fmt: skip
    newest = select(READINGS.c.number, READINGS.c.digest).order_by(READINGS.c.number.desc()).limit(1)
    row = connection.execute(newest).first()
    number, before = (row.number + 1, row.digest) if row is not None else (1, START)
    values: dict[str, Any] = {
        "number": number, "at": now, "who": purpose.who, "role": purpose.role, "kind": purpose.kind,
        "reason": purpose.reason, "case_or_request": purpose.case_or_request, "query": query,
        "about": json.dumps(list(about)), "first": days[0], "last": days[1], "rows": rows,
    }  # fmt: skip
    connection.execute(insert(READINGS), [values | {"digest": digest_of_reading(before, values)}])


def digest_of_reading(before: str, values: Mapping[str, Any]) -> str:
    """Bind an entry of the reading log to the one before it."""
    plain = {name: value.isoformat() if isinstance(value, date | datetime) else value for name, value in values.items()}
    return digest_of(before, json.dumps(plain, sort_keys=True))
