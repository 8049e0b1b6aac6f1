"""Compaction: the small files of a month become few, sorted by client, with each event id once. In its own process.

``python -m history.compaction WAREHOUSE MONTH...``: the database's URL stands in the environment as
``ACCESSWATCH_HISTORY_DATABASE``, since it may hold a password. Rows out are the distinct event ids in, or nothing is
done; exactly the files that were read are replaced.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa

from alerts.store.database import Database
from history.answers import Row, merged
from history.reading import open_duckdb
from history.rows import NAMES, SCHEMA, row_of, table_of
from history.table import (
    COMPACT,
    FILE_ROWS_MAX,
    ROW_GROUP_ROWS,
    Conflict,
    File,
    HistoryTable,
    is_compact,
    name_of,
)

#: Landing files of a month past which it is compacted.
LANDING_FILES_MAX: Final = 48
#: Where the database's URL stands for the process.
URL_VARIABLE: Final = "ACCESSWATCH_HISTORY_DATABASE"
MEMORY: Final = "1GB"
TRIES_MAX: Final = 3
#: Duplicates that are merged at a time.
MERGED_PER_STEP: Final = 20_000
_COLUMNS: Final = ", ".join(NAMES)


class NotTheSameError(Exception):
    """What would be written is not what was read."""


def compact(table: HistoryTable, month: str) -> int:
    """Compact a month, however small; return how many rows it has then.

    Raises:
        NotTheSameError: the rows would not be those that were read; nothing is changed.
    """
    for _ in range(TRIES_MAX):
        table.reload()
        old = table.files_of(month)
        if not old or (len(old) == 1 and is_compact(old[0])):
            return sum(file.record_count for file in old)
        files = _written(table, month, [str(table.data / name_of(file)) for file in old])
        table.note(files)
        try:
            table.commit(added=files, removed=old)
        except Conflict:
            table.unlink(files)
            continue
        return sum(file.rows for file in files)
    return sum(file.record_count for file in table.files_of(month))


def _written(table: HistoryTable, month: str, paths: Sequence[str]) -> list[File]:
    files: list[File] = []
    with TemporaryDirectory(prefix="accesswatch-compaction-") as temporary:
        connection = open_duckdb(table.data, memory=MEMORY, temporary=Path(temporary))
        try:
            source = "read_parquet($1, hive_partitioning=false)"
            counted = connection.execute(f"SELECT count(*), count(DISTINCT event_id) FROM {source}", [paths]).fetchone()  # noqa: S608 text of ours
            rows, events = counted if counted is not None else (0, 0)
            connection.execute(
                f"CREATE TEMP TABLE twice AS SELECT event_id FROM {source} GROUP BY event_id HAVING count(*) > 1",  # noqa: S608
                [paths],
            )
            connection.execute(f"CREATE TEMP TABLE once AS SELECT {_COLUMNS} FROM {source} LIMIT 0", [paths])  # noqa: S608
            for merged_rows in _merged(connection, paths):
                connection.register("again", merged_rows)
                connection.execute(f"INSERT INTO once SELECT {_COLUMNS} FROM again")  # noqa: S608
                connection.unregister("again")
            for where, values in _slices(connection, paths, rows):
                query = (
                    f"SELECT {_COLUMNS} FROM (SELECT {_COLUMNS} FROM {source} WHERE event_id NOT IN "  # noqa: S608
                    f"(SELECT event_id FROM twice) UNION ALL SELECT {_COLUMNS} FROM once) WHERE {where} "
                    "ORDER BY client_id NULLS FIRST, occurred_at, event_id"
                )
                with table.writing(month, COMPACT) as writer:
                    for batch in connection.sql(query, params=[paths, *values]).to_arrow_reader(ROW_GROUP_ROWS):
                        writer.write(pa.Table.from_batches([batch]).cast(SCHEMA))
                files.append(writer.file)
        except BaseException:
            table.unlink(files)
            raise
        finally:
            connection.close()
    if sum(file.rows for file in files) != events:
        table.unlink(files)
        raise NotTheSameError(f"{month}: {sum(file.rows for file in files):,} rows of {events:,} events")
    return files


def _merged(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of events that stand there more than once, each once, some at a time."""
    query = (
        f"SELECT {_COLUMNS} FROM read_parquet($1, hive_partitioning=false) "  # noqa: S608 text of ours
        "WHERE event_id IN (SELECT event_id FROM twice) ORDER BY event_id"
    )
    found = connection.execute(query, [list(paths)])
    waiting: list[Row] = []
    done: list[Row] = []
    tables: list[pa.Table] = []
    while rows := found.fetchmany(MERGED_PER_STEP):
        for one in rows:
            row = row_of(dict(zip(NAMES, one, strict=True)))
            if waiting and waiting[0].assessment.event_id != row.assessment.event_id:
                done.append(merged(waiting))
                waiting = []
            waiting.append(row)
        tables.append(table_of(done))
        done = []
    if waiting:
        tables.append(table_of([merged(waiting)]))
    yield from tables


def _slices(connection: duckdb.DuckDBPyConnection, paths: Sequence[str], rows: int) -> list[tuple[str, list[str]]]:
    """Return conditions that cut a month by client, so that each file has its bounded number of rows."""
    number = -(-rows // FILE_ROWS_MAX)
    if number <= 1:
        return [("true", [])]
    shares = [one / number for one in range(1, number)]
    query = "SELECT quantile_disc(client_id, $2) FROM read_parquet($1, hive_partitioning=false)"
    found = connection.execute(query, [list(paths), shares]).fetchone()
    bounds = sorted(set(found[0])) if found is not None and found[0] is not None else []
    if not bounds:
        return [("true", [])]
    slices: list[tuple[str, list[str]]] = [("(client_id IS NULL OR client_id < $2)", [bounds[0]])]
    slices += [("client_id >= $2 AND client_id < $3", [low, high]) for low, high in pairwise(bounds)]
    return [*slices, ("client_id >= $2", [bounds[-1]])]


def due(table: HistoryTable) -> list[str]:
    """Return the months with too many landing files."""
    return [
        month
        for month, files in table.months().items()
        if sum(not is_compact(file) for file in files) > LANDING_FILES_MAX
    ]


def main(warehouse: Path, months: Sequence[str]) -> None:
    """Compact some months."""
    url = os.environ[URL_VARIABLE]
    database = Database.open(url)
    table = HistoryTable(url, warehouse, database)
    try:
        for month in months:
            sys.stdout.write(f"{month} {compact(table, month)}\n")
            sys.stdout.flush()
    finally:
        table.close()
        database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
