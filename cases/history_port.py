"""The history as this room sees it: rows, answers, gaps, and the named queries that give them.

The room ``history`` has the real ones (``history/reading.py``); this module is the only one here that names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from sqlalchemy import Connection, Integer, String, column, func, inspect, select, table

from alerts.store.database import Instant
from history.answers import Answer, Counted, Gap, Purpose, ReadingRefused, Row, TooManyRows, Totals

__all__ = [
    "Answer", "Counted", "Gap", "HistoryReader", "Purpose", "Reading", "ReadingLog", "ReadingRefused", "Row",
    "TooManyRows", "Totals", "readings_between", "readings_of",
]  # fmt: skip


class HistoryReader(Protocol):
    """Named queries, each written into the reading log before its first row leaves. Dates are inclusive."""

    def of_clients(
        self, client_ids: Sequence[str], first: date, last: date, *, rows_max: int, purpose: Purpose
    ) -> Answer:
        """Return every access to the records of these clients.

        Raises:
            TooManyRows: there are more than *rows_max*.
            ReadingRefused: the reading log cannot be written.
        """

    def of_staff(self, staff_id: str, first: date, last: date, *, rows_max: int, purpose: Purpose) -> Answer:
        """Return every access of one staff member; raises as ``of_clients``."""

    def of_event(
        self, event_id: str, first: date | None = None, last: date | None = None, *, purpose: Purpose
    ) -> Answer:
        """Return one access, or none."""

    def totals(self, first: date, last: date, *, purpose: Purpose) -> Totals:
        """Return counts by quarter."""

    def exports_without_client(self, first: date, last: date, *, purpose: Purpose) -> int:
        """Return how many prints and exports name no client."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One entry of the reading log."""

    at: datetime
    who: str
    role: str
    kind: str
    reason: str
    case_or_request: str | None
    rows: int


class ReadingLog(Protocol):
    """The reading log, for what this room shows without asking the history: cases, packs, releases."""

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


#: Where the room ``history`` keeps its reading log; read here for packs and for the quarter.
_READINGS: Final = table(
    "history_readings",
    *(
        column(name, kind)
        for name, kind in (
            ("number", Integer()),
            ("at", Instant()),
            ("who", String()),
            ("role", String()),
            ("kind", String()),
            ("reason", String()),
            ("case_or_request", String()),
            ("about", String()),
            ("rows", Integer()),
        )
    ),
)


def readings_of(connection: Connection, case_or_request: str) -> list[Reading]:
    """Return who has read of a case or a request, the oldest first."""
    if not inspect(connection).has_table(_READINGS.name):
        return []
    query = select(_READINGS).where(_READINGS.c.case_or_request == case_or_request).order_by(_READINGS.c.number)
    return [
        Reading(row.at, row.who, row.role, row.kind, row.reason, row.case_or_request, row.rows)
        for row in connection.execute(query)
    ]


def readings_between(connection: Connection, first: datetime, before: datetime) -> int:
    """Return how many readings there were."""
    if not inspect(connection).has_table(_READINGS.name):
        return 0
    query = select(func.count()).select_from(_READINGS).where(_READINGS.c.at >= first, _READINGS.c.at < before)
    return connection.execute(query).scalar_one()
