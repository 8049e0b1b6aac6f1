"""Opening the database: SQLite for the processes of one host, PostgreSQL for more.

SQLite: Python's driver begins transactions when it sees fit, which is too late for a read
that decides a write. So SQLAlchemy begins them here (its "Non-Legacy Transactional Modes"):
``BEGIN IMMEDIATE`` for those that write, so that waiting happens before the first read.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from alerts.store.errors import NoStore, StoreError

#: How long one process waits for another's transaction before it says that the store is busy.
BUSY_TIMEOUT_SECONDS: Final = 15
CONNECT_TIMEOUT_SECONDS: Final = 5
#: PostgreSQL ends a statement or a wait for a lock after this; the agents try again.
STATEMENT_TIMEOUT_SECONDS: Final = 30

#: Execution option of connections whose transactions write.
WRITES: Final = "accesswatch_writes"

_TRIED = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def parse(url: str) -> URL:
    """Read a database URL.

    Raises:
        StoreError: it is none, or names a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            "The database setting is no URL; it looks like sqlite:////var/lib/accesswatch/alerts.sqlite3 "
            "or postgresql://user@host/name."
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in _TRIED:
        raise StoreError(f"The alert store runs on SQLite or PostgreSQL, not on {backend}.")
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:" or parsed.query):
        raise StoreError("The alert store needs the path of a SQLite file: it is shared between threads and processes.")
    return parsed.set(drivername=_TRIED[backend])


def name_of(url: URL) -> str:
    """Name a database for a person: its file, or its host and name; never user or password."""
    if url.drivername == "sqlite":
        return str(url.database)
    return f"PostgreSQL {url.database} at {url.host or 'this host'}{f':{url.port}' if url.port else ''}"


def open_engine(url: URL, *, create: bool) -> Engine:
    """Make the engine; nothing is connected yet.

    Args:
        url: as ``parse`` gave it.
        create: make the SQLite file, readable by its owner alone, where it is missing.

    Raises:
        NoStore: the file is missing and is not to be made.
        StoreError: the file cannot be made.
    """
    # Parameters hold personal data: they stay out of every error message.
    plain: dict[str, Any] = {"hide_parameters": True}
    if url.drivername == "sqlite":
        _have_file(Path(str(url.database)), create=create)
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, **plain)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s"
    arguments = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options}
    return create_engine(url, connect_args=arguments, pool_pre_ping=True, **plain)


def _have_file(path: Path, *, create: bool) -> None:
    if not create:
        if not path.is_file():
            raise NoStore(f"There is no alert store at {path} yet; a worker makes it when it first starts.")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The alert store {path} cannot be made ({type(error).__name__}).") from None


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
