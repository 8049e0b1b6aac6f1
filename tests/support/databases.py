"""Empty databases for tests: a SQLite file always, one of a PostgreSQL server where ``TEST_POSTGRESQL`` names it.

``TEST_POSTGRESQL`` holds the URL of a database of a server in which this user may create others, ``TEST_PGBOUNCER`` the
URL of a pooler in transaction mode before that server, without a database.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

POSTGRESQL = os.environ.get("TEST_POSTGRESQL")
PGBOUNCER = os.environ.get("TEST_PGBOUNCER")
POOLED = "postgresql-pgbouncer"


def kinds() -> list[str]:
    """Name the kinds of databases that can be had here."""
    return ["sqlite", *(["postgresql"] if POSTGRESQL else []), *([POOLED] if POSTGRESQL and PGBOUNCER else [])]


@contextmanager
def an_empty_database(kind: str, directory: Path) -> Iterator[str]:
    """Yield the URL of a database that nobody else has, for as long as the block."""
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'state' / 'alerts.sqlite3'}"
        return
    name = f"test_{secrets.token_hex(4)}"
    given = make_url(POSTGRESQL or "")
    server = create_engine(given.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        reached = make_url(PGBOUNCER or "") if kind == POOLED else given
        yield reached.set(database=name).render_as_string(hide_password=False)
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        server.dispose()
