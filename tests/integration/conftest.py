"""What integration tests share: an empty database, a Valkey of a test alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PGBOUNCER, POSTGRESQL, an_empty_database, kinds
from tests.support.own_valkey import OwnValkey

#: Tests of a real PostgreSQL, and PgBouncer, alone.
collect_ignore = [
    *([] if POSTGRESQL else ["test_postgresql_failover.py", "test_postgresql_reached.py"]),
    *([] if POSTGRESQL and PGBOUNCER else ["test_postgresql_pooler.py"]),
]


@pytest.fixture(params=kinds())
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database that only this test has; once for each kind of database that can be had here."""
    with an_empty_database(request.param, tmp_path) as empty:
        yield empty


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """A Valkey of this test alone."""
    own = OwnValkey(tmp_path / "own-valkey")
    yield own
    own.end()


@pytest.fixture
def on_it(environment: dict[str, str], valkey: OwnValkey) -> dict[str, str]:
    """The environment with that Valkey in it."""
    return environment | {"ACCESSWATCH_REDIS": f"redis://127.0.0.1:{valkey.port}/0"}
