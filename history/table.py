"""The history's table: Apache Iceberg v2, ``integrity.access``; its catalog lies in the alert store's database.

The owner of what makes each assessment be in it once. It promises

  1. where reading goes on stands in the table's properties, set in the transaction that adds the rows before it;
  2. a commit whose base has changed is refused; it is never repeated without looking (PyIceberg's own retries are off);
  3. a file is on the disk, fsynced with its folder, and noted with its checksum before the table names it;
  4. a replacement takes exactly the files that were read.

Layout: below the warehouse ``integrity/access/data/<month>-<what>-<random>.parquet``; a month is one of New Zealand
dates.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.expressions import And as AllOf
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.transforms import MonthTransform
from sqlalchemy import func, insert, select

from alerts.store.audit import START, digest_of
from alerts.store.database import BUSY_TIMEOUT_SECONDS, Database, parse
from history.rows import SCHEMA, day_after, first_of
from history.tables import FILES

CATALOG: Final = "accesswatch"
NAMESPACE: Final = "integrity"
NAME: Final = "integrity.access"
#: Property of the table: {"topic": its name, "next": {partition: next offset}} as JSON.
OFFSETS: Final = "accesswatch.offsets"
#: In a snapshot's summary: names the commit, so that one whose outcome is unknown can be looked for.
COMMIT_ID: Final = "accesswatch.commit-id"
ROW_GROUP_ROWS: Final = 65_536
#: Rows that one file holds at most: some 160 MB.
FILE_ROWS_MAX: Final = 4_000_000
#: How long files that the table names no more are left for whoever reads them still.
LEFT_FOR: Final = timedelta(minutes=15)
#: Iceberg's months reach hardly further than the calendar does.
FIRST_DAY, LAST_DAY = date(1, 2, 1), date(9999, 10, 31)
LANDING, COMPACT = "landing", "compact"
_READ_BYTES: Final = 1024 * 1024
_PROPERTIES: Final = {
    "write.metadata.metrics.column.client_id": "full",
    "write.metadata.metrics.column.event_id": "none",
    "write.parquet.compression-codec": "zstd",
    # Whoever repeats a commit without looking may write the same rows twice: we decide.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
_DELTA: Final = ("occurred_at", "judged_at", "recorded_at", "source_offset", "access_offset")
_PLAIN: Final = frozenset({"event_id", "answers", *_DELTA})


class Conflict(Exception):  # noqa: N818 it names a state, and is answered by looking again
    """Somebody else has committed since the table was read."""


@dataclass(frozen=True, slots=True)
class File:
    """A data file that was written and is noted, but which the table may not name yet."""

    name: str
    month: str
    rows: int
    path: Path


class HistoryTable:
    """The table, opened. Each use blocks, so call it in a thread."""

    def __init__(self, url: str, warehouse: Path, database: Database) -> None:
        """Open it, and make it where it is missing.

        Args:
            url: of the alert store's database.
            warehouse: the folder that it lies in.
            database: the same, opened.
        """
        self.warehouse = warehouse
        self.database = database
        warehouse.mkdir(mode=0o700, parents=True, exist_ok=True)
        location = warehouse.absolute()
        parsed = parse(url)
        if parsed.drivername == "sqlite":
            # Others write in the same file: wait for them as the store itself does.
            parsed = parsed.update_query_dict({"timeout": str(BUSY_TIMEOUT_SECONDS)})
        self._catalog = SqlCatalog(
            CATALOG, uri=parsed.render_as_string(hide_password=False), warehouse=location.as_uri()
        )
        self.table = self._opened()
        self.data = location / "integrity" / "access" / "data"
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _opened(self) -> Table:
        try:
            return self._catalog.load_table(NAME)
        except NoSuchTableError:
            pass
        with suppress(NamespaceAlreadyExistsError):
            self._catalog.create_namespace(NAMESPACE)
        location = (self.warehouse.absolute() / "integrity" / "access").as_uri()
        made = self._catalog.create_table_if_not_exists(
            NAME, schema=SCHEMA, location=location, properties={**_PROPERTIES}
        )
        if not made.spec().fields:
            with made.update_spec() as spec:
                spec.add_field("day", MonthTransform(), "month")
        return self._catalog.load_table(NAME)

    def close(self) -> None:
        """Close the catalog's connections."""
        self._catalog.engine.dispose()

    def reload(self) -> None:
        """Look at the table anew."""
        self.table = self._catalog.load_table(NAME)

    # -- where reading goes on ----------------------------------------------------------------------------------

    def offsets(self, topic: str) -> dict[int, int] | None:
        """Return the next offset of each partition; None where the table says nothing of this topic."""
        found = json.loads(self.table.properties.get(OFFSETS, "{}"))
        if found.get("topic") != topic:
            return None
        return {int(partition): int(offset) for partition, offset in found["next"].items()}

    def is_empty(self) -> bool:
        """Return whether nothing was ever added."""
        return self.table.current_snapshot() is None

    # -- writing ------------------------------------------------------------------------------------------------

    def add(self, rows: pa.Table, topic: str, following: Mapping[int, int]) -> list[File]:
        """Add rows, and say where reading goes on, in one transaction.

        Args:
            rows: of ``SCHEMA``.
            topic: that they were read from.
            following: the next offset of every partition.

        Raises:
            Conflict: somebody else has committed; the files of this try are removed.
        """
        files = self.write(rows, LANDING)
        try:
            self.commit(added=files, removed=(), topic=topic, following=following)
        except Conflict:
            self.unlink(files)
            raise
        return files

    def write(self, rows: pa.Table, what: str) -> list[File]:
        """Write rows into files of a month each, sorted by client, and note them; the table does not name them yet."""
        months = pc.strftime(rows["day"], format="%Y-%m") if len(rows) else pa.chunked_array([[]], pa.string())
        files = []
        for month in sorted(pc.unique(months).to_pylist()):
            of_month = rows.filter(pc.equal(months, month))
            keys = [(name, "ascending", "at_start") for name in ("client_id", "occurred_at", "event_id")]
            order = pc.sort_indices(of_month, sort_keys=keys)
            with self.writing(month, what) as writer:
                writer.write(of_month.take(order))
            files.append(writer.file)
        self.note(files)
        return files

    def writing(self, month: str, what: str) -> "FileWriter":
        """Return a context that writes one file; ``note`` it when it is written."""
        name = f"{month}-{what}-{uuid4().hex}.parquet"
        return FileWriter(File(name, month, 0, self.data / name))

    def note(self, files: Sequence[File]) -> None:
        """Write down how files were written, before the table names them."""
        noted = [(file, *checksum(file.path)) for file in files]
        now = datetime.now(UTC)
        with self.database.writing() as connection:
            newest = select(FILES.c.number, FILES.c.digest).order_by(FILES.c.number.desc()).limit(1)
            row = connection.execute(newest).first()
            number, before = (row.number, row.digest) if row is not None else (0, START)
            for file, size, sha256 in noted:
                number += 1
                before = digest_of_file(before, number, file.name, file.month, file.rows, size, sha256)
                values = {
                    "number": number, "name": file.name, "month": file.month, "rows": file.rows, "bytes": size,
                    "sha256": sha256, "written_at": now, "digest": before,
                }  # fmt: skip
                connection.execute(insert(FILES), [values])

    def commit(
        self,
        *,
        added: Sequence[File],
        removed: Sequence[DataFile],
        topic: str | None = None,
        following: Mapping[int, int] | None = None,
        commit_id: str | None = None,
    ) -> None:
        """Name new files and no longer name others, in one transaction.

        Raises:
            Conflict: somebody else has committed since the table was read.
        """
        commit_id = commit_id or uuid4().hex
        summary = {COMMIT_ID: commit_id}
        try:
            with self.table.transaction() as transaction:
                if transaction.table_metadata.name_mapping() is None:
                    mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
                    transaction.set_properties({"schema.name-mapping.default": mapping})
                if topic is not None and following is not None:
                    reached = {str(partition): offset for partition, offset in sorted(following.items())}
                    transaction.set_properties({OFFSETS: json.dumps({"topic": topic, "next": reached})})
                paths = iter([file.path.as_uri() for file in added])
                metadata = transaction.table_metadata
                files = list(parquet_files_to_data_files(self.table.io, metadata, paths)) if added else []
                if removed:
                    with transaction.update_snapshot(snapshot_properties=summary).overwrite() as snapshot:
                        for old in removed:
                            snapshot.delete_data_file(old)
                        for file in files:
                            snapshot.append_data_file(file)
                elif files:
                    with transaction.update_snapshot(snapshot_properties=summary).fast_append() as append:
                        for file in files:
                            append.append_data_file(file)
        except CommitFailedException as error:
            self.reload()
            if self.has_commit(commit_id):
                return
            raise Conflict(str(error)) from error
        self.reload()

    def has_commit(self, commit_id: str) -> bool:
        """Return whether a commit is in the table, as far back as its snapshots go."""
        return any(
            snapshot.summary is not None and snapshot.summary.additional_properties.get(COMMIT_ID) == commit_id
            for snapshot in self.table.snapshots()
        )

    # -- which files --------------------------------------------------------------------------------------------

    def files(self, first: Any = None, last: Any = None, more: BooleanExpression | None = None) -> list[DataFile]:
        """Return the data files that may hold rows of some days, both ends inclusive; all where none is given."""
        wanted: BooleanExpression = more if more is not None else AlwaysTrue()
        if first is not None:
            wanted = AllOf(wanted, GreaterThanOrEqual(term="day", value=max(first, FIRST_DAY).isoformat()))
        if last is not None:
            wanted = AllOf(wanted, LessThanOrEqual(term="day", value=min(last, LAST_DAY).isoformat()))
        return [task.file for task in self.table.scan(row_filter=wanted).plan_files()]

    def files_of(self, month: str) -> list[DataFile]:
        """Return the data files of a month."""
        found = self.files(first_of(month), day_after(month) - timedelta(days=1))
        return [file for file in found if name_of(file).startswith(month)]

    def months(self) -> dict[str, list[DataFile]]:
        """Return the data files by month, the first month first."""
        found: dict[str, list[DataFile]] = {}
        for file in sorted(self.files(), key=name_of):
            found.setdefault(month_named(file), []).append(file)
        return found

    def set_aside(self, now: datetime) -> Path:
        """Drop the table from the catalog and keep its folder under another name; return that."""
        self._catalog.drop_table(NAME)
        kept = self.warehouse.with_name(f"{self.warehouse.name}-until-{now:%Y%m%dT%H%M%SZ}")
        self.warehouse.rename(kept)
        return kept

    def unlink(self, files: Sequence[File]) -> None:
        """Remove files that the table was never told of."""
        for file in files:
            file.path.unlink(missing_ok=True)

    def sweep(self, now: datetime, left_for: timedelta = LEFT_FOR) -> int:
        """Expire old snapshots, and remove files that the table names no more; return how many were removed."""
        expire = self.table.maintenance.expire_snapshots()
        before = now - left_for
        old = [
            snapshot.snapshot_id
            for snapshot in self.table.snapshots()
            if snapshot.timestamp_ms < before.timestamp() * 1000
            and snapshot.snapshot_id != self.table.metadata.current_snapshot_id
        ]
        if old:
            expire.by_ids(old).commit()
            self.reload()
        named = {name_of(file) for file in self.files()}
        for snapshot in self.table.snapshots():
            named |= {name_of(task.file) for task in self.table.scan(snapshot_id=snapshot.snapshot_id).plan_files()}
        removed = 0
        for path in self.data.glob("*.parquet"):
            if path.name not in named and path.stat().st_mtime < before.timestamp():
                path.unlink(missing_ok=True)
                removed += 1
        return removed


class FileWriter:
    """Writes one file of the history; a context, at whose end the file and its folder are on the disk."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        """Begin it."""
        self._writer = pq.ParquetWriter(
            self.file.path,
            SCHEMA,
            compression="zstd",
            compression_level=3,
            use_dictionary=[name for name in SCHEMA.names if name not in _PLAIN],
            column_encoding=dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
            bloom_filter_options={"event_id": {"ndv": ROW_GROUP_ROWS, "fpp": 0.01}},
        )
        return self

    def write(self, rows: pa.Table) -> None:
        """Add rows, sorted by client, time and event id among all that are added."""
        if self._writer is None:
            raise ValueError("the file is not open")
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        self._rows += len(rows)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it; after an error nothing is left of it."""
        if self._writer is not None:
            self._writer.close()
        if kind is not None:
            self.file.path.unlink(missing_ok=True)
            return
        self.file = File(self.file.name, self.file.month, self._rows, self.file.path)
        for path, flags in ((self.file.path, os.O_RDONLY), (self.file.path.parent, os.O_RDONLY | os.O_DIRECTORY)):
            handle = os.open(path, flags)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def name_of(file: DataFile) -> str:
    """Return the name of a data file, below its folder."""
    return file.file_path.rpartition("/")[2]


def month_named(file: DataFile) -> str:
    """Return the month of a data file."""
    return name_of(file)[: len("2026-11")]


def is_compact(file: DataFile) -> bool:
    """Return whether a file's event ids are there once, as far as its month goes."""
    return f"-{COMPACT}-" in name_of(file)


def digest_of_file(before: str, number: int, *noted: object) -> str:
    """Bind a file's row to the one before it."""
    return digest_of(before, str(number), *map(str, noted))


def checksum(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            found.update(block)
            size += len(block)
    return size, found.hexdigest()


def noted_files(database: Database) -> list[Mapping[str, Any]]:
    """Return what was noted of every file that was ever written, in order."""
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(select(FILES).order_by(FILES.c.number)).mappings()]


def rows_noted(database: Database) -> int:
    """Return how many rows were ever written."""
    with database.reading() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(FILES.c.rows), 0))).scalar_one())
