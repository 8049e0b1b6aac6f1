"""The writer: keeps what is read in memory until it is much or old, then adds it to the table. One at a time of all.

What is in memory is lost in a crash, and read again: reading goes on from where the table says (``table.py``, promise
1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final, NamedTuple

import pyarrow as pa

from history.removals import erased_of, without_erased
from history.rows import Columns
from history.state import put_state
from history.table import Conflict, HistoryTable

#: Rows, and seconds, after which what is in memory is added.
FLUSH_ROWS: Final = 250_000
FLUSH_SECONDS: Final = 300.0
#: Tries to add the same rows, where compactions come in between.
TRIES_MAX: Final = 5


class HistoryRecord(NamedTuple):
    """One record of ``integrity.assessment.v1``."""

    partition: int
    offset: int
    timestamp_ms: int
    #: None where it had none, or its bytes could not be had.
    value: bytes | None


class SeizedError(Exception):
    """Another writer has gone on from where this one was: it must begin from where the table is now."""


@dataclass(slots=True)
class HistoryWriter:
    """Takes records in order of each partition."""

    table: HistoryTable
    topic: str
    #: Where reading began, by partition, and goes on: behind the last record that was taken.
    following: dict[int, int] = field(default_factory=dict)
    #: What the table said when this began or last flushed.
    _base: dict[int, int] = field(default_factory=dict)
    _parts: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _since: float | None = None

    def begin(self) -> None:
        """Look where the table is. What is in memory is dropped.

        Raises:
            ValueError: the table has rows, and does not say of which topic: it is somebody else's.
        """
        self.table.reload()
        found = self.table.offsets(self.topic)
        if found is None and not self.table.is_empty():
            raise ValueError(
                f"The history has rows and does not say how far it has read {self.topic}: it was made for another "
                "topic or by something else. Set ACCESSWATCH_HISTORY to another folder, or put the copy back."
            )
        self._base = dict(found or {})
        self.following = dict(self._base)
        self._parts, self._rows, self._since = [], 0, None

    @property
    def waiting(self) -> int:
        """How many rows are in memory."""
        return self._rows

    @property
    def is_due(self) -> bool:
        """Whether what is in memory is much or old."""
        old = self._since is not None and monotonic() - self._since >= FLUSH_SECONDS
        return self._rows >= FLUSH_ROWS or old

    def take(self, records: Sequence[HistoryRecord]) -> list[HistoryRecord]:
        """Take records, and return those that are no assessments."""
        columns, unread = Columns(), []
        for record in records:
            if record.value is None or not columns.add(
                record.value, record.partition, record.offset, record.timestamp_ms
            ):
                unread.append(record)
            self.following[record.partition] = record.offset + 1
        if len(columns):
            self._parts.append(columns.table())
            self._rows += len(columns)
        if records and self._since is None:
            self._since = monotonic()
        return unread

    def pass_to(self, positions: Mapping[int, int]) -> None:
        """Note that there is nothing to keep before these offsets, in partitions that are read to there."""
        for partition, offset in positions.items():
            self.following[partition] = max(offset, self.following.get(partition, 0))

    def flush(self) -> int:
        """Add what is in memory; return how many rows.

        Raises:
            SeizedError: another writer has added rows; begin again.
            OSError, StoreError: it cannot be written now; it may be tried again.
        """
        if not self._rows and self.following == self._base:
            return 0
        rows = pa.concat_tables(self._parts) if self._parts else Columns().table()
        rows = without_erased(rows, erased_of(self.table.database))
        for _ in range(TRIES_MAX):
            try:
                if len(rows):
                    self.table.add(rows, self.topic, self.following)
                else:
                    self.table.commit(added=(), removed=(), topic=self.topic, following=self.following)
            except Conflict:
                # A compaction came first, and the same may be tried again; or another has written, and we must not.
                if (self.table.offsets(self.topic) or {}) != self._base:
                    raise SeizedError from None
            else:
                self._base = dict(self.following)
                self._parts, self._rows, self._since = [], 0, None
                return len(rows)
        raise SeizedError

    def say_complete(self, to: datetime) -> None:
        """Write down to which time everything that was published is in the table."""
        with self.table.database.writing() as connection:
            put_state(connection, "complete_to", to.isoformat())
