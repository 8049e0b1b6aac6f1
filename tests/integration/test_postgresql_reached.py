"""Reaching a PostgreSQL: over TLS and not, with rights and without; each refusal in the server's own words, no value.

Collected where ``TEST_POSTGRESQL`` says that there is a PostgreSQL (``make test-postgresql``).
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alerts.store.database import StoreError, open_engine, parse
from alerts.store.queries import Filters
from alerts.store.store import Store
from enrichment.errors import why
from tests.support.alert_builders import NOW, RULES, a_hit
from tests.support.every_channel import Trust
from tests.support.postgresql import Server, a_directory, a_server

#: That the server takes at most.
_CONNECTIONS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose user ``limited`` has a password, and may do nothing."""
    with a_directory() as directory, a_server(directory / "server", max_connections=str(_CONNECTIONS)) as one:
        one.psql("CREATE ROLE limited LOGIN PASSWORD 'hunter2'")
        one.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        rules = one.directory / "data" / "pg_hba.conf"
        rules.write_text(
            f"host all limited 127.0.0.1/32 scram-sha-256\nhost nobody all all reject\n{rules.read_text()}"
        )
        one.psql("SELECT pg_reload_conf()")
        yield one


REFUSED: list[Any] = [
    pytest.param("limited:hunter2x", "postgres", 'password authentication failed for user "limited"', id="password"),
    pytest.param("postgres", "none", 'database "none" does not exist', id="no such database"),
    pytest.param("nobody", "postgres", 'role "nobody" does not exist', id="no such user"),
    pytest.param("postgres", "nobody", "pg_hba.conf rejects connection for host", id="not let in"),
    pytest.param(
        "limited:hunter2", "postgres", r"permission denied for schema public \(42501\): grant our user the right",
        id="no right",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("login", "database", "said"), REFUSED)
def test_what_the_server_says_is_passed_on(server: Server, login: str, database: str, said: str) -> None:
    """Each row: who we are, what we ask for, and the server's words; never a password, never a class's name."""
    with pytest.raises(StoreError, match=f"cannot be used: .*{said}") as raised:
        Store.open(f"postgresql://{login}@127.0.0.1:{server.port}/{database}", RULES)
    assert "hunter2" not in str(raised.value)
    assert "Error" not in str(raised.value)


def test_a_server_that_takes_no_more_connections(server: Server) -> None:
    """Others have taken all that there are."""
    store = Store.open(server.url, RULES)
    store.close()
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS):
            stack.enter_context(psycopg.connect(server.url))
        with pytest.raises(StoreError, match=r"cannot be used: .*too many clients already"):
            store.listed(Filters(), 1)
    assert store.listed(Filters(), 1) == []
    store.close()


def test_no_error_quotes_a_value(server: Server) -> None:
    """Data, constraints and triggers: the table and the constraint are named, what stood in the row is not."""
    store = Store.open(server.url, RULES)
    store.take_hits([a_hit()], NOW)
    server.psql(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no % here', NEW.alert_id; END$$"
    )
    server.psql("CREATE TRIGGER tell BEFORE UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION tell()")
    planted = "zqv-4711"
    expected = {
        "SELECT CAST(:x AS integer)": "it refuses a value (22P02)",
        "SELECT CAST(:x AS timestamptz)": "it refuses a value (22007)",
        "INSERT INTO staff_register VALUES (:x, :x, NULL)": (
            "it refuses a value (23502, table staff_register, column internal_integrity)"
        ),
        "INSERT INTO kept_from VALUES (:x, :x)": (
            "it refuses a value (23503, table kept_from, constraint fk_kept_from_alert_id)"
        ),
        "INSERT INTO turns SELECT name FROM turns": "it refuses a value (23505, table turns, constraint pk_turns)",
        "UPDATE alerts SET staff_id = :x": "it refuses a value (P0001)",
        "SELECT nothing FROM alerts WHERE staff_id = :x": 'column "nothing" does not exist (42703)',
    }
    engine = open_engine(parse(server.url), create=True)
    said = {}
    for statement in expected:
        with pytest.raises(SQLAlchemyError) as raised, engine.begin() as connection:
            connection.execute(text(statement), {"x": planted} if ":x" in statement else {})
        said[statement] = why(raised.value)
    engine.dispose()
    store.close()
    assert said == expected
    assert planted not in " ".join(said.values())


# Over TLS


def test_the_server_is_believed_by_its_ca_alone(tmp_path: Path) -> None:
    """``sslmode=verify-full``: by the right CA all is well; another CA, another name or no TLS at all is a sentence."""
    trust = Trust(tmp_path)
    (tmp_path / "others").mkdir()
    others = Trust(tmp_path / "others")
    with a_directory() as directory:
        files = [_given(one, directory / one.name) for one in trust.server_files()]
        with a_server(
            directory / "server", ssl="on", ssl_cert_file=str(files[0]), ssl_key_file=str(files[1])
        ) as secured:
            asked = f"{secured.url}?sslmode=verify-full&sslrootcert="
            store = Store.open(f"{asked}{trust.ca_file}", RULES)
            assert store.take_hits([a_hit()], NOW).new_hits == 1
            store.close()
            with pytest.raises(StoreError, match=r"cannot be used: .*certificate verify failed"):
                Store.open(f"{asked}{others.ca_file}", RULES)
            with pytest.raises(StoreError, match=r"cannot be used: .*does not exist"):
                Store.open(f"{asked}{tmp_path / 'none.pem'}", RULES)
        with (
            a_server(directory / "plain") as plain,
            pytest.raises(StoreError, match=r"cannot be used: .*server does not support SSL, but SSL was required"),
        ):
            Store.open(f"{plain.url}?sslmode=verify-full&sslrootcert={trust.ca_file}", RULES)


def _given(file: Path, to: Path) -> Path:
    """Copy a file for the server's user alone, who reads no other; return the copy."""
    shutil.copy(file, to)
    shutil.chown(to, "postgres") if to.parent.owner() == "postgres" else None
    to.chmod(0o600)
    return to
