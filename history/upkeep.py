"""What the history is: how much, of which months, how complete; and whether every file is as it was written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from sqlalchemy import func, inspect, select, text

from alerts.store.audit import START
from history.answers import Gap
from history.reading import digest_of_reading, open_duckdb
from history.state import gaps_accepted, gaps_open, state_of
from history.table import HistoryTable, checksum, digest_of_file, is_compact, month_named, name_of, noted_files
from history.tables import READINGS, UNREAD

_CHAIN_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Status:
    """The history in a few figures. ``rows`` are distinct accesses."""

    rows: int
    bytes: int
    months: list[str]
    complete_to: datetime | None
    gaps: list[Gap]
    open_gaps: list[tuple[int, int, int]]
    holds: int
    unread: int


def status(table: HistoryTable) -> Status:
    """Return how much there is, and how far it may be trusted."""
    table.reload()
    rows = size = 0
    months = table.months()
    for files in months.values():
        size += sum(file.file_size_in_bytes for file in files)
        if all(map(is_compact, files)):
            rows += sum(file.record_count for file in files)
            continue
        rows += _distinct(table, files)
    with table.database.reading() as connection:
        complete = state_of(connection, "complete_to")
        holds = 0
        if inspect(connection).has_table("case_holds"):
            query_of_holds = text("SELECT count(*) FROM case_holds WHERE released_at IS NULL")
            holds = int(connection.execute(query_of_holds).scalar_one())
        return Status(
            rows, size, list(months), datetime.fromisoformat(complete) if complete else None,
            list(gaps_accepted(connection)), gaps_open(connection), holds,
            connection.execute(select(func.count()).select_from(UNREAD)).scalar_one(),
        )  # fmt: skip


def _distinct(table: HistoryTable, files: Sequence[DataFile]) -> int:
    connection = open_duckdb(table.data)
    try:
        paths = [str(table.data / name_of(file)) for file in files]
        query = "SELECT count(DISTINCT event_id) FROM read_parquet($1, hive_partitioning=false)"
        found = connection.execute(query, [paths]).fetchone()
    finally:
        connection.close()
    return int(found[0]) if found is not None else 0


@dataclass(frozen=True, slots=True)
class Verified:
    """What ``verify`` found: how much it looked at, and a sentence for each thing that is not as it was written."""

    files: int
    rows: int
    problems: list[str]
    #: The last digest of each chain, to be noted elsewhere.
    heads: Mapping[str, str]


def verify(table: HistoryTable) -> Verified:
    """Compare every file that the table names with what was noted when it was written, and look through both chains."""
    table.reload()
    problems: list[str] = []
    noted: dict[str, Mapping[str, Any]] = {}
    before = START
    for number, row in enumerate(noted_files(table.database), start=1):
        expected = digest_of_file(before, number, row["name"], row["month"], row["rows"], row["bytes"], row["sha256"])
        if row["number"] != number or row["digest"] != expected:
            problems.append(f"The list of files is not as it was written, from its entry {number} on.")
            break
        before = row["digest"]
    for row in noted_files(table.database):
        noted[row["name"]] = row
    rows = count = 0
    for file in sorted(table.files(), key=name_of):
        name, month = name_of(file), month_named(file)
        count += 1
        rows += file.record_count
        path, known = table.data / name, noted.get(name)
        if known is None:
            problems.append(f"{month}: {name} is in the table, and was not written by us.")
        elif not path.is_file():
            problems.append(f"{month}: {name} is missing.")
        elif checksum(path) != (known["bytes"], known["sha256"]):
            problems.append(f"{month}: {name} is not as it was written.")
        elif not known["rows"] == file.record_count == pq.read_metadata(path).num_rows:
            problems.append(f"{month}: {name} has another number of rows than was written.")
    readings, broken = _readings(table)
    return Verified(count, rows, [*problems, *broken], {"files": before, "readings": readings})


def _readings(table: HistoryTable) -> tuple[str, list[str]]:
    before, number = START, 0
    while True:
        with table.database.reading() as connection:
            query = select(READINGS).where(READINGS.c.number > number).order_by(READINGS.c.number).limit(_CHAIN_PAGE)
            page = connection.execute(query).mappings().all()
        if not page:
            return before, []
        for row in page:
            number += 1
            values = {name: value for name, value in row.items() if name != "digest"}
            if row["number"] != number or row["digest"] != digest_of_reading(before, values):
                return before, [f"The reading log is not as it was written, from its entry {number} on."]
            before = row["digest"]
