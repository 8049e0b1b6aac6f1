"""The alert store behind PgBouncer in transaction mode, beside what ``test_alert_store.py`` and others do through it.

Collected where ``TEST_PGBOUNCER`` says that there is one (``make test-postgresql``).
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.store.database import StoreError, open_engine, parse
from alerts.store.queries import Filters
from alerts.store.store import Store
from stream.settings import Settings
from tests.integration.test_postgresql_failover import ended, goes_on_over
from tests.support.alert_builders import NOW, RULES, a_hit
from tests.support.console import accesswatch
from tests.support.databases import POOLED, an_empty_database
from tests.support.postgresql import Server, a_directory, a_pair, a_pooler, a_server

_STORES = 12
_HITS = 10


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test's own."""
    with a_directory() as directory, a_server(directory / "server") as one:
        yield one


async def test_many_sessions_share_few_of_the_server(tmp_path: Path) -> None:
    """More at once than the pooler has: each transaction gets another session, and none minds."""
    with an_empty_database(POOLED, tmp_path) as url:
        stores = [Store.open(url, RULES) for _ in range(_STORES)]

        def take(number: int) -> int:
            hits = [a_hit(f"e-{number}-{hit}", staff=f"S-{number}") for hit in range(_HITS)]
            return sum(stores[number].take_hits([hit], NOW).new_hits for hit in hits)

        taken = await asyncio.gather(*(asyncio.to_thread(take, number) for number in range(_STORES)))
        assert taken == [_HITS] * _STORES
        assert [alert.access_count for alert in stores[0].listed(Filters(), 100)] == [_HITS] * _STORES
        for store in stores:
            store.close()


@pytest.mark.parametrize("kind", ["postgresql", POOLED])
def test_nothing_is_prepared_in_a_session_that_is_not_ours(tmp_path: Path, kind: str) -> None:
    """Of the same statement again and again: directly it is prepared on the server, behind the pooler it is not."""
    with an_empty_database(kind, tmp_path) as url:
        engine = open_engine(parse(url), create=True)
        prepared = 0
        for _ in range(20):
            with engine.begin() as connection:
                connection.execute(text("SELECT :x"), {"x": 1})
                found = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
                prepared = max(prepared, found)
        engine.dispose()
        assert (prepared > 0) == (kind != POOLED)


REFUSED = [
    pytest.param({}, "?options=-csearch_path%3Dx", "unsupported startup parameter: options", id="a start-up option"),
    pytest.param({}, "", 'database "none" does not exist', id="no such database"),
    pytest.param({"max_client_conn": "0"}, "", r"no more connections allowed \(max_client_conn\)", id="too many"),
    pytest.param({"auth_type": "md5"}, "", "no such user|authentication failed", id="a user that it does not know"),
]


@pytest.mark.parametrize(("pooler", "options", "said"), REFUSED)
def test_what_the_pooler_says_is_passed_on(
    server: Server, tmp_path: Path, pooler: dict[str, str], options: str, said: str
) -> None:
    """In its own words, by a command too; never the password."""
    with a_directory() as directory, a_pooler(server.port, directory, **pooler) as url:
        named = f"{url}none{options}".replace("@", ":hunter2@")
        with pytest.raises(StoreError, match=f"cannot be used: .*(?:{said})") as raised:
            Store.open(named, RULES)
        shown = accesswatch(
            "alerts", "list", environment={"ACCESSWATCH_DATABASE": named, "ACCESSWATCH_STATE_DIR": str(tmp_path)}
        )
        assert (shown.returncode, shown.stdout) == (1, "")
        assert shown.stderr.strip() == str(raised.value)
        assert "hunter2" not in shown.stderr


async def test_a_server_that_ends_behind_the_pooler_is_waited_for(server: Server) -> None:
    """The pooler keeps our connection and ends it, or makes it wait; once the server is back all goes on."""
    with a_directory() as directory, a_pooler(server.port, directory, query_wait_timeout="1") as url:
        store = Store.open(f"{url}postgres", RULES)
        store.take_hits([a_hit()], NOW)
        server.stop("fast")
        with pytest.raises(StoreError, match=r"cannot be used: (?!.*Error)"):
            store.take_hits([a_hit("e-2")], NOW)
        server.start()
        for _ in range(20):
            try:
                assert store.take_hits([a_hit("e-2")], NOW).new_hits == 1
            except StoreError:
                await asyncio.sleep(0.5)
            else:
                break
        assert server.psql("SELECT count(*) FROM alert_hits") == "2"
        store.close()


@pytest.mark.services
@pytest.mark.usefixtures("topics")
async def test_a_worker_goes_on_behind_a_pooler(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The primary ends, the standby takes its place; worker and pooler find it by themselves."""
    with a_pair() as pair, a_directory() as directory, a_pooler(pair.address.port, directory) as url:
        await goes_on_over(pair, f"{url}postgres", ended, settings, environment, tmp_path)
