"""The store's database: how it is opened and brought to this release's schema, its transactions, what its errors mean.

SQLite serves the processes of one host, PostgreSQL more.

**SQLite.** Python's driver begins transactions when it sees fit, which is too late for a read that decides a write. So
SQLAlchemy begins them here (its "Non-Legacy Transactional Modes"): ``BEGIN IMMEDIATE`` for those that write, so that
waiting happens before the first read.

**PostgreSQL: nothing is kept in a session.** What stands between us and the server may be a pooler in transaction mode
(PgBouncer), which gives each transaction whatever session is free: nothing is asked for at the start of a session, and
what a transaction needs is set for it alone (``set_config(..., true)``). Statements are prepared on the server, which
saves it work, only while the session is the one that our connection was made to: a pooler's never is.

**PostgreSQL: a connection is asked before each transaction.** One statement, the first of the transaction, says whether
the server is there and takes writes. A kept connection whose server is gone, is a standby now or has been set to read
only is dropped with all others that are kept, and the transaction begins on a new one, made to wherever the address
leads now. A connection is kept for ``KEPT_SECONDS_MAX`` at most, so that an address that moved is followed though the
old server goes on. Commands, which may only want to read, keep none and take a standby too.

**PostgreSQL: no answer is waited for without end.** The server ends a statement after ``STATEMENT_SECONDS_MAX``; where
it is frozen, or waits for a standby that must confirm a commit, the connection is closed after ``ANSWER_SECONDS_MAX``.
Whether that transaction was committed is then not known: everything that writes may be done again.

**Errors** are sentences without a password or a parameter in them.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.abc import PQGen
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    NullPool,
    QueuePool,
    Table,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import ConnectionPoolEntry

from alerts.alert import utc
from enrichment.errors import UserError, in_one_line, place_of, register, why


class StoreError(UserError):
    """The store could not do it; the message is one sentence. Trying again later may help."""


class NoStore(StoreError):  # noqa: N818 a state, not a failure
    """There is no alert store at that address yet."""


class NotPossible(StoreError):  # noqa: N818 an answer, not a failure
    """What was asked for does not fit the alert as it stands, or names none."""


class Instant(TypeDecorator[datetime]):
    """An instant, kept and given back in UTC. SQLite has no zones: its text is UTC and sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the database UTC."""
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return back UTC, with its offset."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def insert_into(connection: Connection, table: Table) -> Any:
    """Begin an INSERT that can say what happens where the row is there already, in the database's own dialect."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite_dialect).insert(table)


class Database:
    """A store's database, opened: each use is one transaction, and blocks, so call it in a thread."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Take an engine whose schema is this release's, and what the database is called before a person."""
        self._reads = engine
        self._writes = engine.execution_options(**{WRITES: True})
        self._name = name

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Self:
        """Open the database; with *create* it is made, or brought to this release's schema.

        Raises:
            NoStore: there is none, and none is to be made.
            StoreError: one sentence, without a password.
        """
        parsed = parse(url)
        name = name_of(parsed)
        engine = open_engine(parsed, create=create)
        try:
            with _as_sentence(name):
                (upgrade if create else require_current)(engine, name)
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, name)

    def close(self) -> None:
        """Close its connections."""
        self._reads.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads."""
        with _as_sentence(self._name), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that writes: all of it, or nothing."""
        with _as_sentence(self._name), self._writes.begin() as connection:
            yield connection


@contextmanager
def _as_sentence(name: str) -> Iterator[None]:
    """Raise a database's error as a sentence: what it says, without the values that it may quote."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"The alert store {name} cannot be used: {why(error)}.") from None


_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: PostgreSQL's lock that makes two starting workers migrate one after the other; any number will do.
_ADVISORY_LOCK: Final = 0x61637761
#: Alembic keeps its context in module variables: one migration at a time in a process.
_ONE_AT_A_TIME = threading.Lock()


def upgrade(engine: Engine, name: str) -> None:
    """Bring the schema up to this release's, in one transaction; nothing to do is fine, at the same time too.

    Raises:
        StoreError: the database was made by a newer release.
    """
    with _ONE_AT_A_TIME, engine.execution_options(**{WRITES: True}).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = _config(connection)
        if _known(connection, config, name) != ScriptDirectory.from_config(config).get_current_head():
            command.upgrade(config, "head")


def move(engine: Engine, revision: str) -> None:
    """Bring the schema to this revision, up or down: ``0001``, ``head``. Going down loses what later ones hold."""
    with _ONE_AT_A_TIME, engine.execution_options(**{WRITES: True}).begin() as connection:
        config = _config(connection)
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
        at = MigrationContext.configure(connection).get_current_revision()
        down = revision in known and at in known and known.index(revision) > known.index(at)
        (command.downgrade if down else command.upgrade)(config, revision)


def require_current(engine: Engine, name: str) -> None:
    """Make sure that the schema is this release's, changing nothing.

    Raises:
        NoStore: there are no tables yet.
        StoreError: it is older or newer.
    """
    with engine.begin() as connection:
        config = _config(connection)
        revision = _known(connection, config, name)
        if revision is None:
            raise NoStore(f"There is no alert store in {name} yet; a worker makes it when it first starts.")
        if revision != ScriptDirectory.from_config(config).get_current_head():
            raise StoreError(f"The alert store {name} is of an older release; start a worker once to bring it up.")


def _known(connection: Connection, config: Config, name: str) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(f"The alert store {name} was made by a newer release of accesswatch; install that one.")
    return revision


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


CONNECT_SECONDS_MAX: Final = 5
#: PostgreSQL ends a statement or a wait for a lock after this; the agents try again.
STATEMENT_SECONDS_MAX: Final = 30
#: A server that has said nothing for so long is taken for lost, and the connection is closed.
ANSWER_SECONDS_MAX: Final = 40
#: How long a connection is used before another is made.
KEPT_SECONDS_MAX: Final = 300

_BEGIN: Final = (
    "SELECT set_config('TimeZone', 'UTC', true), "
    f"set_config('statement_timeout', '{STATEMENT_SECONDS_MAX}s', true), "
    "current_setting('transaction_read_only'), pg_backend_pid()"
)
#: A statement is prepared on the server when it comes so often: psycopg's own number.
_PREPARED_AFTER: Final = 5

#: Classes of SQLSTATE whose sentences may quote a value: of data, of constraints, and what a trigger raises.
_QUOTING: Final = ("22", "23", "P0")
#: SQLSTATE or the beginning of it, and what to do.
_TO_DO: Final = {
    "25006": "it is a standby, or set to read only; it goes on by itself as soon as the address leads to a primary",
    "28": "check the user and the password in ACCESSWATCH_DATABASE",
    "42501": "grant our user the right",
    "53300": "raise max_connections, or put a pooler before it",
    "57P": "it goes on by itself",
    "08": "it goes on by itself",
}
#: What libpq and psycopg write before what they, or the server, have to say.
_BEFORE: Final = re.compile(
    r"^(?:- host: .*?, port: '\d*'(?:, hostaddr: '.*?')?: )?"
    r"(?:(?:connection failed|connection is bad|(?:consuming|sending).* failed): )?"
)
_SEVERITY: Final = re.compile(r"\b(?:FATAL|ERROR|PANIC):\s+")


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose server may fall silent."""

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, for ``ANSWER_SECONDS_MAX`` at most; past it the connection is closed."""
        began, seconds = monotonic(), ANSWER_SECONDS_MAX if timeout is None else timeout
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError:
            if timeout is None and monotonic() - began >= seconds:
                # Not `close`, which would say goodbye first.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"it has not answered for {seconds} s") from None
            raise


def open_postgresql(url: URL, name: str, *, writes: bool) -> Engine:
    """Make the engine; nothing is connected yet.

    Args:
        url: of one server, or of several of which one takes writes.
        name: what the database is called before a person.
        writes: keep connections, and only to a server that takes writes.
    """
    options: dict[str, Any] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        options["connect_timeout"] = CONNECT_SECONDS_MAX
    if "," in url.query.get("host", "") and "target_session_attrs" not in url.query:
        options["target_session_attrs"] = "read-write"
    pool: dict[str, Any] = {"poolclass": NullPool}
    if writes:
        pool = {"poolclass": QueuePool, "pool_recycle": KEPT_SECONDS_MAX}
    engine = create_engine(url, connect_args=options, hide_parameters=True, **pool)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> _Connection:
        return _Connection.connect(*arguments, **named)

    @event.listens_for(engine, "checkout")
    def begin(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        kept = record.info.get("used", False)
        record.info["used"] = True
        try:
            with connection.cursor() as cursor:
                *_, reads_only, session = cursor.execute(_BEGIN).fetchone()
        except psycopg.Error:
            if not kept:
                raise
            # The pool drops all that it keeps and makes another one.
            raise InvalidatePoolError from None
        # What was prepared in another session is not there; what is prepared in this one is found again.
        connection.prepare_threshold = _PREPARED_AFTER if session == connection.info.backend_pid else None
        if writes and reads_only == "on":
            if kept:
                raise InvalidatePoolError
            raise StoreError(f"The alert store {name} takes no writes: {_TO_DO['25006']}.")

    return engine


@register
def _(error: psycopg.Error) -> str:
    state = error.sqlstate
    if state is None:
        return _of_connection(str(error))
    if state.startswith(_QUOTING):
        diag = error.diag
        named = ("table", diag.table_name), ("column", diag.column_name), ("constraint", diag.constraint_name)
        places = ", ".join(f"{kind} {name}" for kind, name in named if name)
        return f"it refuses a value ({', '.join(part for part in (state, places) if part)})"
    said = f"{in_one_line(error.diag.message_primary or 'no reason is given')} ({state})"
    to_do = next((words for known, words in _TO_DO.items() if state.startswith(known)), None)
    return f"{said}: {to_do}" if to_do else said


def _of_connection(text: str) -> str:
    """Return what a connection failed for: of each address what was said, without libpq's questions (indented)."""
    lines = [_BEFORE.sub("", line).strip() for line in text.splitlines() if line and not line[0].isspace()]
    said = list(dict.fromkeys(line for line in lines if line and not line.startswith("Multiple connection attempts")))
    return in_one_line(_SEVERITY.sub("", "; ".join(said)) or "no reason is given")


#: How long one process waits for another's transaction before it says that the store is busy.
BUSY_TIMEOUT_SECONDS: Final = 15

#: Execution option of connections whose transactions write.
WRITES: Final = "accesswatch_writes"

_TRIED = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
#: A URL with several servers, as libpq has it: ``postgresql://user:password@one:5432,two/name``.
_SEVERAL = re.compile(r"(?P<before>[^/]+://(?:[^@/]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<behind>.*)")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>\d*))?")


def parse(url: str) -> URL:
    """Read a database URL. One of PostgreSQL may name several servers, in any of the forms of libpq and SQLAlchemy.

    Raises:
        StoreError: it is none, or names a database that is not supported.
    """
    several = _SEVERAL.fullmatch(url)
    try:
        parsed = make_url(url if several is None else several["before"] + several["behind"])
        if several is not None:
            parsed = parsed.update_query_dict(_hosts_and_ports(several["hosts"].split(",")))
        parsed = parsed.set(drivername=_driver(parsed))
        servers = list(_servers(parsed))
    except (ArgumentError, ValueError):
        raise StoreError(
            "The database setting is no URL; it looks like sqlite:////var/lib/accesswatch/alerts.sqlite3 "
            "or postgresql://user@host/name."
        ) from None
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or parsed.query:
            raise StoreError(
                "The alert store needs the path of a SQLite file: it is shared between threads and processes."
            )
        return parsed
    # What comes before the last @ would be taken for a part of the host's name, and be shown as such.
    if url.count("@") > 1:
        raise StoreError(
            "The database setting holds more than one @: write %40 for one in a user name, a password or a path."
        )
    if len(servers) > 1:
        hosts, ports = zip(*servers, strict=True)
        query = {name: value for name, value in parsed.query.items() if name not in {"host", "port"}}
        return parsed.set(host=None, port=None, query={**query, "host": ",".join(hosts), "port": ",".join(ports)})
    return parsed


def name_of(url: URL) -> str:
    """Name a database for a person: its file, or its servers and name; never user or password."""
    if url.drivername == "sqlite":
        return str(url.database)
    servers = [f"{host or 'this host'}{f':{port}' if port else ''}" for host, port in _servers(url)]
    return f"PostgreSQL {url.database} at {', '.join(servers)}"


def _driver(url: URL) -> str:
    backend = url.drivername.partition("+")[0]
    if backend not in _TRIED:
        raise StoreError(f"The alert store runs on SQLite or PostgreSQL, not on {backend}.")
    return _TRIED[backend]


def _hosts_and_ports(servers: list[str]) -> dict[str, str]:
    found = [_HOST.fullmatch(server) for server in servers]
    if not all(found):
        raise ValueError("no hosts")
    named = [one for one in found if one is not None]
    return {
        "host": ",".join(one["host"].strip("[]") for one in named),
        "port": ",".join(one["port"] or "" for one in named),
    }


def _servers(url: URL) -> Iterator[tuple[str, str]]:
    """Yield host and port of each server; nothing for the port stands for the usual one."""
    given = url.query.get("host")
    if given is None:
        yield url.host or "", str(url.port or "")
        return
    hosts = given.split(",") if isinstance(given, str) else list(given)
    if "port" not in url.query:
        for host in hosts:
            found = _HOST.fullmatch(host)
            # A path is the directory of a socket.
            yield (
                (host, "")
                if found is None or host.startswith("/")
                else (found["host"].strip("[]"), found["port"] or "")
            )
        return
    ports = url.query["port"]
    yield from zip(hosts, ports.split(",") if isinstance(ports, str) else ports, strict=True)


def open_engine(url: URL, *, create: bool) -> Engine:
    """Make the engine; nothing is connected yet.

    Args:
        url: as ``parse`` gave it.
        create: for a worker. A SQLite file that is missing is made, readable by its owner alone; of PostgreSQL a
            server that takes no writes is refused.

    Raises:
        NoStore: the file is missing and is not to be made.
        StoreError: the file cannot be made.
    """
    if url.drivername != "sqlite":
        return open_postgresql(url, name_of(url), writes=create)
    _have_file(Path(str(url.database)), create=create)
    # Parameters hold personal data: they stay out of every error message.
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _have_file(path: Path, *, create: bool) -> None:
    if not create:
        if not path.is_file():
            raise NoStore(f"There is no alert store at {path} yet; a worker makes it when it first starts.")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The alert store {path} cannot be made: {why(error)}.") from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        # The hit's offset is committed in Kafka on the strength of this commit: it must survive a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@register
def _(error: SQLAlchemyError) -> str:
    # Its own texts carry the statement and its parameters.
    if isinstance(error, NoConnectionFree):
        return "all of our connections to it are in use"
    if isinstance(error, InvalidRequestError):
        return "it ended each connection that was made to it"
    return f"an error that accesswatch does not expect ({place_of(error)}): please report it"


@register
def _(error: DBAPIError) -> str:
    return "no reason is given" if error.orig is None else why(error.orig)


@register
def _(error: sqlite3.Error) -> str:
    # SQLite names tables, columns and constraints, and no value that came as a parameter.
    return in_one_line(str(error))
