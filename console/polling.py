"""``accesswatch adapt poll``: a table of another system, asked again and again, its rows onto the raw topic.

Read by time and key, each round from a while before the newest row on: a row whose transaction was committed late has
an earlier time than what was read already, and a plain cursor would never see it. What is read again is left out while
it is remembered, and counts once by its event id where it is not. How far it was read is kept after Kafka has taken it.

Where the database can hand over its changes by itself (Debezium), that is better: it sees what was rewritten, too.
"""

import asyncio
import signal
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import (
    ColumnElement,
    Engine,
    MetaData,
    NullPool,
    String,
    Table,
    and_,
    create_engine,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from agents.outputs import NotPublished, TooLarge
from agents.retry import Backoff, pause
from alerts.store.database import StoreError
from alerts.store.sources import SourceStore
from enrichment.errors import CommandError, why
from enrichment.log import events
from enrichment.nz_time import ZONE, nz_date
from stream.producer import RenewedOutputs

#: Rows of one question.
ROWS: Final = 5_000
#: Keys that are remembered so that rows that are read again are not sent again; of more, the oldest is forgotten.
KEYS_REMEMBERED_MAX: Final = 500_000
#: How far back each round begins, and how long it waits after one that brought all there was.
OVERLAP: Final = timedelta(minutes=15)
EVERY_SECONDS: Final = 10.0
#: A row that is older is stamped with the time at which it was read: Kafka forgets by the stamp.
STAMPED_AS_ITS_OWN: Final = timedelta(hours=24)
#: Within so long of a change of clocks a time without an offset is not told from one an hour away.
_CLOCKS: Final = timedelta(hours=3)
#: The name under which a page has what rows are compared by.
_SORT: Final = "accesswatch_sort"
_INTEGERS_MAX: Final = 2**63
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)

_log = events(__name__)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which table is read, and by which of its columns."""

    table: str
    key: str
    time: str
    #: Of times without an offset.
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How far back each round begins, how long it waits after one (None: there is one), and where the first begins."""

    overlap: timedelta = OVERLAP
    every_seconds: float | None = EVERY_SECONDS
    begin: datetime | None = None
    rows: int = ROWS


@dataclass(frozen=True, slots=True)
class Polled:
    """A table, and the columns by which it is read."""

    table: Table
    key: ColumnElement[Any]
    time: ColumnElement[Any]
    #: Of times without an offset.
    zone: ZoneInfo | None
    #: What rows are put into order and compared by. SQLite keeps times as text, each as its writer wrote it.
    sort: ColumnElement[Any]

    @classmethod
    def find(cls, engine: Engine, columns: Columns) -> "Polled":
        """Look the table up in the database.

        Raises:
            CommandError: there is no such table or column, or the column holds no dates with times.
            SQLAlchemyError: the database does not answer.
        """
        table, time = columns.table, columns.time
        schema, _, name = table.rpartition(".")
        try:
            found = Table(name, MetaData(), schema=schema or None, autoload_with=engine)
        except NoSuchTableError:
            raise CommandError(f"The database has no table {table} that this user may read.") from None
        for column in (columns.key, time):
            if column not in found.c:
                raise CommandError(f"The table {table} has no column {column}.")
        try:
            is_time = found.c[time].type.python_type is datetime
        except NotImplementedError:
            is_time = False
        if not is_time:
            raise CommandError(f"The column {time} of {table} holds no dates with times, by which it is to be read.")
        has_offset = bool(getattr(found.c[time].type, "timezone", False))
        if not has_offset and columns.zone is None:
            raise CommandError(f"The times in {time} of {table} have no offset: name their zone with --zone.")
        sort = type_coerce(found.c[time], String) if engine.dialect.name == "sqlite" else found.c[time]
        return cls(found, found.c[columns.key], found.c[time], None if has_offset else columns.zone, sort)

    def moment(self, value: datetime) -> datetime:
        """Return a time of the table in UTC."""
        return (value.replace(tzinfo=self.zone) if value.tzinfo is None else value).astimezone(UTC)

    def as_kept(self, moment: datetime) -> datetime | str:
        """Return a moment as the table has it."""
        kept = moment if self.zone is None else moment.astimezone(self.zone).replace(tzinfo=None)
        return kept if self.sort is self.time else kept.isoformat(" ", "seconds")

    def repeated(self, moment: datetime) -> timedelta:
        """Return by how much further back reading must begin about this moment: by the hour that clocks repeat.

        A time without an offset that is written in the second of the two is taken for one in the first.
        """
        if self.zone is None:
            return timedelta(0)
        before, after = ((moment + shift).astimezone(self.zone).utcoffset() for shift in (-_CLOCKS, _CLOCKS))
        return timedelta(0) if before == after else timedelta(hours=1)

    def page(self, engine: Engine, since: datetime, behind: tuple[Any, Any] | None, rows: int) -> list[Any]:
        """Return the next rows by time and key.

        Args:
            engine: the database.
            since: the earliest time that is read.
            behind: ``place`` of the row before the first; None for the first page.
            rows: how many at most.
        """
        query = select(self.table, self.sort.label(_SORT)).where(self.sort >= self.as_kept(since))
        if behind is not None:
            time, key = behind
            query = query.where(or_(self.sort > time, and_(self.sort == time, self.key > key)))
        with engine.connect() as connection:
            return list(connection.execute(query.order_by(self.sort, self.key).limit(rows)).mappings())

    def place(self, row: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return where a row stands among all."""
        return row[_SORT], row[str(self.key.name)]

    def count(self, engine: Engine, begin: datetime, end: datetime) -> int:
        """Return how many rows have a time from *begin* to before *end*."""
        between = and_(self.sort >= self.as_kept(begin), self.sort < self.as_kept(end))
        with engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(self.table).where(between)).scalar_one())


def open_source(url: str) -> Engine:
    """Return an engine of somebody else's database, not connected yet.

    Raises:
        CommandError: it is no URL, or the driver that it needs is not installed.
    """
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (NoSuchModuleError, ImportError) as error:
        missing = getattr(error, "name", None) or "for this kind of database"
        raise CommandError(
            f"ACCESSWATCH_POLL_DATABASE needs a driver that is not installed ({missing}): install it as well."
        ) from None
    except (ArgumentError, ValueError):
        raise CommandError(
            "ACCESSWATCH_POLL_DATABASE must look like postgresql+psycopg://user:password@host/name."
        ) from None


@dataclass(slots=True)
class Poll:
    """Reads one table round by round."""

    source: str
    polled: Polled
    engine: Engine
    store: SourceStore
    outputs: RenewedOutputs
    topic: str
    pace: Pace
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    #: Rows that were handed to Kafka since the start.
    sent: int = 0
    _newest: datetime | None = field(default=None, init=False)
    _counted: str | None = field(default=None, init=False)
    _since: datetime | None = field(default=None, init=False)
    _keys: "OrderedDict[tuple[datetime, str], None]" = field(default_factory=OrderedDict, init=False)

    def load(self) -> None:
        """Read how far it came before.

        Raises:
            CommandError: it was another table or other columns.
            StoreError: the store does not answer.
        """
        state = self.store.poll_state(self.source)
        if not state:
            return
        if state["of"] != self._of():
            raise CommandError(
                f"{self.source} was read from {' '.join(state['of'])} before: give what is another table another name."
            )
        self._newest = datetime.fromisoformat(state["newest"])
        self._since = datetime.fromisoformat(state["since"])
        self._counted = state["counted"]

    def _of(self) -> list[str]:
        return [self.polled.table.fullname, str(self.polled.key.name), str(self.polled.time.name)]

    async def once(self) -> int:
        """Read everything that there is now; return how many rows were new.

        Raises:
            SQLAlchemyError, StoreError, NotPublished: a service does not answer; it may be tried again.
        """
        newest = self._newest
        start = self.pace.begin or _EARLIEST
        if newest is not None:
            start = newest - self.pace.overlap - self.polled.repeated(newest)
        behind: tuple[Any, Any] | None = None
        new = 0
        while True:
            page = await asyncio.to_thread(self.polled.page, self.engine, start, behind, self.pace.rows)
            if page:
                new += await self._publish(page)
                behind = self.polled.place(page[-1])
                await self._keep(self.polled.moment(page[-1][self.polled.time.name]))
            if len(page) < self.pace.rows:
                break
        await self._count_yesterday()
        self.sent += new
        return new

    async def _publish(self, page: Sequence[Mapping[str, Any]]) -> int:
        now = self.clock()
        fresh: list[tuple[datetime, str]] = []
        for row in page:
            at = self.polled.moment(row[self.polled.time.name])
            key = str(row[self.polled.key.name])
            if (at, key) in self._keys:
                continue
            stamp = at if timedelta(0) <= now - at < STAMPED_AS_ITS_OWN else now
            try:
                await self.outputs.send(self.topic, key.encode(), _as_json(row), (), int(stamp.timestamp() * 1000))
            except TooLarge as error:
                _log.error("row-too-large", topic=self.topic, why=str(error))
            fresh.append((at, key))
        await self.outputs.flush()
        for one in fresh:
            self._keys[one] = None
        while len(self._keys) > KEYS_REMEMBERED_MAX:
            self._keys.popitem(last=False)
        return len(fresh)

    async def _keep(self, newest: datetime) -> None:
        """Note how far it was read. A row that is dated ahead shall not hide what comes until then."""
        now = self.clock()
        newest = min(newest, now)
        self._newest = newest if self._newest is None else max(self._newest, newest)
        self._since = self._since or now
        state = {
            "of": self._of(),
            "newest": self._newest.isoformat(),
            "since": self._since.isoformat(),
            "counted": self._counted,
        }
        await asyncio.to_thread(self.store.keep_poll_state, self.source, state, now)

    async def _count_yesterday(self) -> None:
        """Ask once a day how many rows yesterday has, once its late rows are there, if all of it was polled."""
        now = self.clock()
        today = nz_date(now)
        begin, end = (_midnight(day) for day in (today - timedelta(days=1), today))
        day = nz_date(begin)
        polled_whole = self._since is not None and self._since <= begin
        if (
            self._counted == day.isoformat()
            or not polled_whole
            or now < end + self.pace.overlap
            or self._newest is None
        ):
            return
        number = await asyncio.to_thread(self.polled.count, self.engine, begin, end)
        await asyncio.to_thread(self.store.counted, self.source, day, number)
        self._counted = day.isoformat()
        await self._keep(self._newest)

    async def follow(self, every: float, stop: asyncio.Event) -> None:
        """Read again and again until *stop* is set; what is away is waited for."""
        backoff = Backoff()
        while not stop.is_set():
            wait = every
            try:
                await self.once()
                backoff.reset()
            except (SQLAlchemyError, StoreError, NotPublished) as error:
                _log.warning("poll-waits", topic=self.topic, why=why(error))
                wait = backoff.next_seconds()
            await pause(wait, stop)


def stop_at_signals() -> asyncio.Event:
    """Return what is set at SIGINT and SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _midnight(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def _as_json(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps({str(name): value for name, value in row.items() if name != _SORT}, default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON has not as it is written in a mapping: whole numbers as such, others and bytes as text."""
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value() and abs(value) < _INTEGERS_MAX
        return int(value) if whole else format(value.normalize(), "f")
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)
