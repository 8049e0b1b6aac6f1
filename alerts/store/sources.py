"""What has come of each source: kept in the store, since whether the log is whole must be known after any restart.

All workers of a group write here, each what came of its partitions. A record that is read again changes nothing of a
source with a sequence; of one without, a crash may count some records of the day twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from alerts.store.database import Database, NotPossible, insert_into
from alerts.store.tables import SOURCE_DAYS, SOURCE_GAPS_ACCEPTED, SOURCE_POLLS, SOURCES
from enrichment.mapping.sequence import Gap, SequenceRuns
from enrichment.nz_time import is_weekday, nz_date

#: Days whose counts are kept: four of each weekday, and some for people to look at.
DAYS_KEPT: Final = 60
#: Days of the same weekday that a day is compared with, and how many of them must be there.
WEEKS_COMPARED: Final = 4
WEEKS_COMPARED_MIN: Final = 2
#: Records that an ordinary day must have for a comparison to say anything.
DAY_RECORDS_MIN: Final = 100


@dataclass(slots=True)
class Arrived:
    """What came of one source: a batch, or a part of one."""

    #: When the newest record came.
    newest: datetime
    #: New Zealand day -> records without a number of the source's own.
    unnumbered: dict[date, int] = field(default_factory=dict)
    #: New Zealand day -> the numbers of the others.
    numbers: dict[date, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceDay:
    """One day of a source."""

    day: date
    records: int
    #: What the source itself counts, where it was asked.
    counted: int | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How whole a source is."""

    source: str
    newest: datetime
    runs: SequenceRuns
    #: In order, the newest last.
    days: tuple[SourceDay, ...]

    def gaps(self) -> list[Gap]:
        """Return what is missing of its sequence."""
        return self.runs.gaps()

    def missing_of_days(self) -> int:
        """Return by how many records the source counts more than came, over the days that it has counted."""
        return sum(max(0, one.counted - one.records) for one in self.days if one.counted is not None)

    def share_of_usual(self, today: date) -> float:
        """Return yesterday's records over the median of that weekday in the weeks before.

        It is 1 where they cannot be compared: on a day on which nobody works, or with too little before.
        """
        yesterday = today - timedelta(days=1)
        records = {one.day: one.records for one in self.days}
        before = [yesterday - timedelta(weeks=week) for week in range(1, WEEKS_COMPARED + 1)]
        compared = sorted(records[day] for day in before if day in records and is_weekday(day))
        usual = compared[len(compared) // 2] if len(compared) >= WEEKS_COMPARED_MIN else 0
        if not is_weekday(yesterday) or usual < DAY_RECORDS_MIN:
            return 1.0
        return records.get(yesterday, 0) / usual


class SourceStore:
    """What the store knows of sources. Each call is one transaction, and blocks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, sources: Collection[str], now: datetime) -> None:
        """Begin to watch these sources, those that are new from now on: one that never sends is noticed.

        Raises:
            StoreError: the database does not answer; so do all of these.
        """
        with self._database.writing() as connection:
            for source in sources:
                row = {"source": source, "newest": now, "runs": "[]", "given_up": 0}
                connection.execute(insert_into(connection, SOURCES).values(row).on_conflict_do_nothing())

    def note(self, arrived: Mapping[str, Arrived], now: datetime) -> None:
        """Note what came; more than once changes nothing of records with numbers."""
        with self._database.writing() as connection:
            # In one order everywhere, so that two workers never wait for each other.
            for source in sorted(arrived):
                _note(connection, source, arrived[source], now)

    def coverage(self, sources: Collection[str] | None = None) -> list[Coverage]:
        """Return how whole these sources are, or all; those that nothing is known of are left out."""
        with self._database.reading() as connection:
            rows = connection.execute(select(SOURCES).order_by(SOURCES.c.source)).all()
            days: dict[str, list[SourceDay]] = {}
            for day in connection.execute(select(SOURCE_DAYS).order_by(SOURCE_DAYS.c.day)):
                days.setdefault(day.source, []).append(SourceDay(day.day, day.records, day.counted))
        return [
            Coverage(row.source, row.newest, _runs(row), tuple(days.get(row.source, ())))
            for row in rows
            if sources is None or row.source in sources
        ]

    def accept(self, source: str, first: int, last: int, *, by: str, because: str, now: datetime) -> int:
        """Take missing numbers for come, and write down who did it and why; return how many those were.

        Raises:
            NotPossible: nothing is known of the source, or none of these numbers is missing.
        """
        with self._database.writing() as connection:
            row = _locked(connection, source)
            runs = _runs(row) if row is not None else None
            found = 0 if runs is None else runs.accept(first, last)
            if runs is None or not found:
                raise NotPossible(f"No number from {first} to {last} of the source {source} is missing.")
            _keep(connection, source, runs, row.newest if row is not None else now)
            entry = {"source": source, "first_number": first, "last_number": last, "records": found}
            connection.execute(insert(SOURCE_GAPS_ACCEPTED).values(entry | {"at": now, "by": by, "because": because}))
        return found

    def counted(self, source: str, day: date, number: int) -> None:
        """Note how many records the source itself says that a day has."""
        with self._database.writing() as connection:
            _add_to_day(connection, source, day, 0)
            mine = (SOURCE_DAYS.c.source == source, SOURCE_DAYS.c.day == day)
            connection.execute(update(SOURCE_DAYS).where(*mine).values(counted=number))

    def poll_state(self, source: str) -> dict[str, Any]:
        """Return how far a database was read; empty where it was not."""
        with self._database.reading() as connection:
            query = select(SOURCE_POLLS.c.state).where(SOURCE_POLLS.c.source == source)
            text = connection.execute(query).scalar()
        return {} if text is None else dict(orjson.loads(text))

    def keep_poll_state(self, source: str, state: Mapping[str, Any], now: datetime) -> None:
        """Note how far a database was read."""
        row = {"state": orjson.dumps(dict(state)).decode(), "at": now}
        with self._database.writing() as connection:
            statement = insert_into(connection, SOURCE_POLLS).values(row | {"source": source})
            connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=row))


def _note(connection: Connection, source: str, arrived: Arrived, now: datetime) -> None:
    # There before it is locked: two workers that both found none would each write theirs.
    empty = {"source": source, "newest": arrived.newest, "runs": "[]", "given_up": 0}
    connection.execute(insert_into(connection, SOURCES).values(empty).on_conflict_do_nothing())
    row = _locked(connection, source)
    runs = _runs(row)
    now_ms = int(now.timestamp() * 1000)
    new: dict[date, int] = dict(arrived.unnumbered)
    for day, numbers in arrived.numbers.items():
        new[day] = new.get(day, 0) + runs.add(numbers, now_ms)
    _keep(connection, source, runs, max(arrived.newest, row.newest))
    for day in sorted(new):
        _add_to_day(connection, source, day, new[day])
    oldest = nz_date(now) - timedelta(days=DAYS_KEPT)
    connection.execute(delete(SOURCE_DAYS).where(SOURCE_DAYS.c.source == source, SOURCE_DAYS.c.day < oldest))


def _locked(connection: Connection, source: str) -> Any:
    """Return a source's row, held until the transaction ends; None where there is none."""
    return connection.execute(select(SOURCES).where(SOURCES.c.source == source).with_for_update()).first()


def _keep(connection: Connection, source: str, runs: SequenceRuns, newest: datetime) -> None:
    values = {"runs": orjson.dumps(list(runs)).decode(), "given_up": runs.given_up, "newest": newest}
    connection.execute(update(SOURCES).where(SOURCES.c.source == source).values(values))


def _runs(row: Any) -> SequenceRuns:
    runs: Sequence[tuple[int, int, int]] = [tuple(one) for one in orjson.loads(row.runs)]
    return SequenceRuns(runs, row.given_up)


def _add_to_day(connection: Connection, source: str, day: date, number: int) -> None:
    row = {"source": source, "day": day, "records": number}
    statement = insert_into(connection, SOURCE_DAYS).values(row)
    more = {"records": SOURCE_DAYS.c.records + number}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "day"], set_=more))
