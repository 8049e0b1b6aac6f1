"""The database's address: one server or several in every form that is used, and what a person is shown of it."""

import pytest

from alerts.store.database import StoreError, name_of, parse

NAMED = [
    ("postgresql://u:p@db.example:6432/alerts", "PostgreSQL alerts at db.example:6432"),
    ("postgres://u@db/alerts", "PostgreSQL alerts at db"),
    ("postgresql+psycopg://u@[::1]:5432/alerts", "PostgreSQL alerts at ::1:5432"),
    ("postgresql:///alerts", "PostgreSQL alerts at this host"),
    ("postgresql://u@/alerts?host=/run/postgresql", "PostgreSQL alerts at /run/postgresql"),
    ("postgresql://u:p@one:5432,two:5433/alerts", "PostgreSQL alerts at one:5432, two:5433"),
    ("postgresql://u:p@one,two,three/alerts", "PostgreSQL alerts at one, two, three"),
    ("postgresql://u:p@[::1]:1,[::2]:2/alerts?sslmode=require", "PostgreSQL alerts at ::1:1, ::2:2"),
    ("postgresql://one:1,two:2/alerts", "PostgreSQL alerts at one:1, two:2"),
    ("postgresql://u:p@/alerts?host=one,two&port=1,2", "PostgreSQL alerts at one:1, two:2"),
    ("postgresql://u:p@/alerts?host=one:1&host=two:2", "PostgreSQL alerts at one:1, two:2"),
    ("postgresql://u:p@/alerts?host=one&host=two&target_session_attrs=any", "PostgreSQL alerts at one, two"),
    ("postgresql://u:p%40ss%2Fw@db/alerts", "PostgreSQL alerts at db"),
    ("sqlite:////var/lib/a@b/alerts.sqlite3", "/var/lib/a@b/alerts.sqlite3"),
]


@pytest.mark.parametrize(("url", "name"), NAMED)
def test_what_a_person_is_shown(url: str, name: str) -> None:
    """Each row: the setting, and the servers and the database that it names; never user or password."""
    assert name_of(parse(url)) == name


SEVERAL = [
    ("postgresql://u:p@one:5432,two/alerts?sslmode=require", "one,two", "5432,"),
    ("postgresql://u:p@/alerts?host=one:1&host=two:2&sslmode=require", "one,two", "1,2"),
    ("postgresql://u:p@/alerts?host=one,two&port=1,2&sslmode=require", "one,two", "1,2"),
]


@pytest.mark.parametrize(("url", "hosts", "ports"), SEVERAL)
def test_several_servers_are_handed_on_in_one_form(url: str, hosts: str, ports: str) -> None:
    """As libpq takes them, with whatever else the setting holds."""
    parsed = parse(url)
    assert (parsed.host, parsed.port, parsed.username, parsed.password) == (None, None, "u", "p")
    assert dict(parsed.query) == {"host": hosts, "port": ports, "sslmode": "require"}


REFUSED = [
    ("garbage", "is no URL"),
    ("postgresql://u@db:port/alerts", "is no URL"),
    ("postgresql://u@one:x,two/alerts", "is no URL"),
    ("postgresql://u@/alerts?host=one,two&port=1", "is no URL"),
    ("mysql://u@db/alerts", "runs on SQLite or PostgreSQL, not on mysql"),
    ("postgresql://u:hunter@2@db/alerts", "holds more than one @: write %40"),
    ("postgresql://u:hunter@2,3@db/alerts", "holds more than one @: write %40"),
    ("postgresql://u:hunter@a?2@db/alerts", "holds more than one @: write %40"),
]


@pytest.mark.parametrize(("url", "sentence"), REFUSED)
def test_a_mistake_is_a_sentence(url: str, sentence: str) -> None:
    """Without any part of what may be a password."""
    with pytest.raises(StoreError, match=sentence) as raised:
        parse(url)
    assert "hunter" not in str(raised.value)
    assert raised.value.__cause__ is None
