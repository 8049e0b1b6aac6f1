"""The chain of cases: numbers without gaps, and every change found."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select

import history.tables  # noqa: F401 what the migrations make
from alerts.store import database
from alerts.store.database import Database, NotPossible
from alerts.store.tables import METADATA as STORE_METADATA
from cases import tables
from cases.record import Change, entries_of, head, held, next_number, verify, write
from tests.support.case_store import NOW, PRIVACY


def a_hold(name: str, **fields: object) -> dict[str, object]:
    """A row of holds."""
    row: dict[str, object] = {"hold_id": name, "kind": "staff", "id": "S-1", "since": NOW.date(), "authority": "court"}
    return row | {"by": "S-9", "at": NOW, "released_by": None, "released_at": None} | fields


@pytest.fixture
def filled(store: Database) -> Database:
    """A store with three holds, one of which was changed."""
    with store.writing() as connection:
        for name in ("H-1", "H-2", "H-3"):
            write(connection, PRIVACY, NOW, Change(f"hold:{name}", "placed", ((tables.HOLDS, a_hold(name)),), "why"))
        row = held(connection, tables.HOLDS, "hold", hold_id="H-2")
        write(
            connection, PRIVACY, NOW, Change("hold:H-2", "released", ((tables.HOLDS, {**row, "released_by": "S-8"}),))
        )
    return store


def test_nothing_was_changed(filled: Database) -> None:
    """Four entries, each bound to the one before; the head that was noted is still in it."""
    with filled.writing() as connection:
        noted = head(connection)
        assert noted[0] == 4
        assert verify(connection, noted) == []
        assert [entry.what for entry in entries_of(connection, "hold:H-2")] == ["placed", "released"]
        assert entries_of(connection, "hold:H-1")[0].account == PRIVACY.account
        write(connection, PRIVACY, NOW, Change("hold:H-1", "looked_at"))
        assert verify(connection, noted) == []


TAMPERED = [
    pytest.param("UPDATE case_holds SET authority = 'x' WHERE hold_id = 'H-1'", "not as it was written", id="a row"),
    pytest.param("DELETE FROM case_holds WHERE hold_id = 'H-3'", "is missing", id="a row that is gone"),
    pytest.param("UPDATE case_entries SET because = 'x' WHERE number = 1", "Entry 1 (hold:H-1) was changed", id="why"),
    pytest.param("UPDATE case_entries SET by = 'S-1' WHERE number = 3", "Entry 3 (hold:H-3) was changed", id="who"),
    pytest.param("DELETE FROM case_entries WHERE number = 2", "Entry 2 of the cases is missing", id="an entry"),
    pytest.param("DELETE FROM case_entries WHERE number = 4", "their head speaks of 4", id="the last entry"),
    pytest.param("UPDATE chain SET entries = 3 WHERE name = 'cases'", "their head speaks of 3", id="the head"),
]


@pytest.mark.parametrize(("statement", "expected"), TAMPERED)
def test_a_change_is_found(filled: Database, statement: str, expected: str) -> None:
    """Whoever made it, it is one sentence that names the place."""
    with filled.writing() as connection:
        connection.exec_driver_sql(statement)
        assert any(expected in problem for problem in verify(connection))


def test_a_row_that_nobody_wrote_down(filled: Database) -> None:
    """An insert past the chain."""
    with filled.writing() as connection:
        connection.execute(insert(tables.HOLDS), a_hold("H-9"))
        assert verify(connection) == ['case_holds holds a row that no entry speaks of: ["H-9"].']


def test_a_chain_made_anew(filled: Database) -> None:
    """Whoever computes all of it anew does not have the head that was noted."""
    with filled.writing() as connection:
        assert verify(connection, (2, "0" * 64)) == [
            "Entry 2 is not the one that was noted before: the chain was made anew."
        ]
        assert verify(connection, (9, "0" * 64)) == ["The cases end at entry 4; entry 9 was noted before."]


def test_numbers_have_no_gaps(store: Database) -> None:
    """A number of a transaction that came to nothing is given again; each year begins with 1."""
    with store.writing() as connection:
        assert next_number(connection, "IC", 2027) == "IC-2027-0001"
    with pytest.raises(ZeroDivisionError):
        _takes_one_and_fails(store)
    with store.writing() as connection:
        assert next_number(connection, "IC", 2027) == "IC-2027-0002"
        assert next_number(connection, "IC", 2028) == "IC-2028-0001"
        assert next_number(connection, "ER", 2027) == "ER-2027-0001"
        connection.exec_driver_sql("UPDATE case_numbers SET last = 9999 WHERE series = 'IC' AND year = 2027")
        assert next_number(connection, "IC", 2027) == "IC-2027-10000"


def _takes_one_and_fails(store: Database) -> None:
    with store.writing() as connection:
        assert next_number(connection, "IC", 2027) == "IC-2027-0002"
        raise ZeroDivisionError


def test_what_is_not_there(store: Database) -> None:
    """It is said in a sentence."""
    with store.writing() as connection, pytest.raises(NotPossible, match="There is no hold H-1"):
        held(connection, tables.HOLDS, "hold", hold_id="H-1")


def test_times_are_kept_to_the_microsecond(store: Database) -> None:
    """What comes back from the database has the digest of what went in."""
    at = datetime(2027, 4, 3, 14, 30, 0, 123456, tzinfo=UTC)
    with store.writing() as connection:
        write(connection, PRIVACY, at, Change("hold:H-1", "placed", ((tables.HOLDS, a_hold("H-1", at=at)),)))
        assert verify(connection) == []
        assert connection.execute(select(tables.HOLDS.c.at)).scalar() == at


def test_the_migrations_make_what_the_code_expects(store: Database) -> None:
    """Alembic finds no difference; down and up again there is none either."""
    for revision in (None, "0006", "head"):
        if revision is not None:
            database.move(store._reads, revision)
        with store.reading() as connection:
            found = compare_metadata(MigrationContext.configure(connection), STORE_METADATA)
        assert (found == []) is (revision != "0006")
