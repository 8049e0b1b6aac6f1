"""The alert store over a fail-over: a real primary, its standby, and an address that moves; and several servers named.

Collected where ``TEST_POSTGRESQL`` says that there is a PostgreSQL (``make test-postgresql``).
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents.metrics import Metrics
from agents.retry import Hold
from alerts.grouping import HitRecord
from alerts.store import database
from alerts.store.database import StoreError
from alerts.store.queries import Filters
from alerts.store.store import Store
from stream.settings import Settings
from tests.integration.test_alert_store import assert_everything_is_there_once
from tests.integration.test_worker import a_client, a_staff_member, an_access
from tests.support.alert_builders import NOW, RULES, a_hit
from tests.support.alert_workers import HITS, the_hits
from tests.support.postgresql import Pair, Server, a_pair
from tests.support.worker import a_worker, eventually, eventually_async, publish, values

#: Hits that are taken in one transaction, and how many transactions there are before the fault.
_BATCH = 1
_BEFORE = 20
#: Alerts that a worker raises.
ALERTS = 20
#: Connections that are reset while the writer writes.
_CUTS = 5


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary, its standby and an address."""
    with a_pair() as both:
        yield both


class Writer:
    """Takes hits into a store as the alert agent does: what does not work now is held and tried again."""

    def __init__(self, url: str) -> None:
        self.store = Store.open(url, RULES)
        self.taken = 0
        #: Why it was held, each reason once.
        self.held: list[str] = []
        self._hold = Hold("alert", Metrics())

    async def take(self) -> None:
        """Take all hits, batch after batch."""
        hits = the_hits()
        for start in range(0, len(hits), _BATCH):
            batch = hits[start : start + _BATCH]
            await self._hold.until_it_works(lambda: self._try(batch), (StoreError,))  # noqa: B023 awaited at once
            self.taken += 1

    async def _try(self, batch: list[HitRecord]) -> None:
        try:
            await asyncio.to_thread(self.store.take_hits, batch, NOW)
        except StoreError as error:
            if str(error) not in self.held:
                self.held.append(str(error))
            raise

    async def through(self, fault: Callable[[], object]) -> None:
        """Take all hits, and let something happen on the way."""
        taking = asyncio.create_task(self.take())
        while self.taken < _BEFORE and not taking.done():  # noqa: ASYNC110 what it waits for happens in a thread
            await asyncio.sleep(0.01)
        assert 0 < self.taken < HITS // _BATCH - _BEFORE
        await asyncio.to_thread(fault)
        await taking
        self.store.close()


def taken_by(server: Server) -> int:
    """How many hits a server holds."""
    return int(server.psql("SELECT count(*) FROM alert_hits"))


# What becomes of the primary


def ended(pair: Pair) -> None:
    """An administrator ends it (57P01); the standby follows."""
    pair.primary.stop("fast")
    pair.move()


def crashed(pair: Pair) -> None:
    """It crashes: connections are reset; the standby follows."""
    pair.primary.stop("immediate")
    pair.move()


def demoted(pair: Pair) -> None:
    """It is set to read only and goes on answering (25006), also on the connections that we have."""
    pair.primary.set("default_transaction_read_only", "on")
    pair.move()


def demoted_and_back(pair: Pair) -> None:
    """It comes back as a standby, at its old place, before the address moves."""
    pair.primary.stop("fast")
    pair.primary.become_standby_of(pair.standby)
    pair.primary.start()
    pair.move()


def frozen(pair: Pair) -> None:
    """It stops answering and closes nothing; the address moves."""
    for process in pair.primary.processes():
        os.kill(process, signal.SIGSTOP)
    pair.move()


def thaw(server: Server) -> None:
    """Let a server that was frozen go on."""
    for process in server.processes():
        os.kill(process, signal.SIGCONT)


FAULTS = [ended, crashed, demoted, demoted_and_back, frozen]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_nothing_is_lost_or_doubled_over_a_fail_over(
    pair: Pair, fault: Callable[[Pair], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer goes on with the new primary by itself, on whatever connections it had."""
    monkeypatch.setattr(database, "ANSWER_SECONDS_MAX", 3)
    writer = Writer(pair.url)
    try:
        await writer.through(lambda: fault(pair))
        assert_everything_is_there_once(pair.standby.url)
        assert pair.standby.psql("SELECT pg_is_in_recovery()") == "f"
        if fault in {demoted, frozen}:
            # The old one answers, again or all the time: the writer has really left it, perhaps without being held.
            thaw(pair.primary)
            assert 0 < taken_by(pair.primary) < HITS
        else:
            assert writer.held
        assert all("Error" not in reason for reason in writer.held)
    finally:
        with suppress(OSError):
            thaw(pair.primary)


async def test_connections_that_are_reset_are_made_again(pair: Pair) -> None:
    """Again and again, whatever the writer has just sent."""

    def cut() -> None:
        cut = 0
        while cut < _CUTS:
            cut += pair.address.cut()
            time.sleep(0.03)

    writer = Writer(pair.url)
    await writer.through(cut)
    assert_everything_is_there_once(pair.primary.url)


async def test_whoever_only_reads_leaves_a_primary_that_was_demoted(pair: Pair) -> None:
    """A worker of the deliver agent alone asks whether there is something to do, and writes where there is."""
    reader = Store.open(pair.url, RULES)
    assert reader.claim_unpublished("relay", NOW, 10) == []
    demoted(pair)
    writer = Store.open(pair.standby.url, RULES)
    writer.take_hits([a_hit()], NOW)
    assert len(reader.claim_unpublished("relay", NOW, 10)) == 1
    for store in (reader, writer):
        store.close()


async def test_several_servers_may_be_named(pair: Pair) -> None:
    """The one that takes writes is found, by the form of libpq that most write; now one, then the other."""
    servers = f"127.0.0.1:{pair.primary.port},127.0.0.1:{pair.standby.port}"
    writer = Writer(f"postgresql://postgres@{servers}/postgres")
    await writer.through(lambda: ended(pair))
    assert_everything_is_there_once(pair.standby.url)
    pair.primary.become_standby_of(pair.standby)
    pair.primary.start()
    for form in (
        f"postgresql://postgres@/postgres?host=127.0.0.1,127.0.0.1&port={pair.primary.port},{pair.standby.port}",
        f"postgresql://postgres@/postgres?host=127.0.0.1:{pair.primary.port}&host=127.0.0.1:{pair.standby.port}",
    ):
        store = Store.open(f"{form}&target_session_attrs=read-write" if "port=" in form else form, RULES)
        assert store.take_hits([a_hit(form[-9:])], NOW).new_hits == 1
        store.close()


async def test_a_standby_is_read_by_commands_and_refused_by_workers(pair: Pair) -> None:
    """A sentence says what it is; a command that wants to write is told so too."""
    Store.open(pair.url, RULES).close()
    with pytest.raises(StoreError, match="takes no writes: it is a standby, or set to read only"):
        Store.open(pair.standby.url, RULES)
    eventually(lambda: pair.standby.psql("SELECT to_regclass('alembic_version')") != "")
    looking = Store.open_existing(pair.standby.url, RULES)
    assert looking.listed(Filters(), 10) == []
    with pytest.raises(StoreError, match=r"cannot execute .* in a read-only transaction \(25006\)"):
        looking.verify()
    looking.close()


async def test_a_commit_that_its_standby_has_not_confirmed_is_not_believed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the standby is away nothing counts as done; once it is back all is there, once."""
    monkeypatch.setattr(database, "ANSWER_SECONDS_MAX", 2)
    store = Store.open(pair.url, RULES)
    pair.standby.stop("fast")
    with pytest.raises(StoreError, match="it has not answered for 2 s"):
        store.take_hits([a_hit()], NOW)
    pair.standby.start()
    writer = Writer(pair.url)
    await writer.take()
    writer.store.close()
    store.take_hits([a_hit()], NOW)
    assert taken_by(pair.standby) >= HITS
    store.close()


@pytest.mark.services
@pytest.mark.usefixtures("topics")
async def test_a_worker_goes_on_with_the_new_primary(
    pair: Pair, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """From accesses to alerts on Kafka, while the primary is demoted and goes on answering: each alert once."""
    await goes_on_over(pair, pair.url, demoted, settings, environment, tmp_path)
    assert 0 < taken_by(pair.primary) < ALERTS


async def goes_on_over(  # noqa: PLR0917 what a test has
    pair: Pair,
    url: str,
    fault: Callable[[Pair], None],
    settings: Settings,
    environment: dict[str, str],
    directory: Path,
) -> None:
    """Let a worker raise half of its alerts, lose the primary, and raise the others; nothing is lost or doubled."""
    people = [f"s{number}" for number in range(ALERTS)]
    await publish(settings, "ref.staff.v1", [a_staff_member(one, client_ids=[f"c-{one}"]) for one in people])
    await publish(settings, "ref.client.v1", [a_client(f"c-{one}") for one in people])
    accesses = [(one, an_access(f"e-{one}", one, f"c-{one}")) for one in people]

    async def alerts() -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for alert in await values(settings, "integrity.alert.v1"):
            assert alert["access_count"] == 1
            found.setdefault(alert["staff_id"], set()).add(alert["revision"])
        return found

    async def raised(people: list[str]) -> bool | None:
        return await alerts() == {one: {1} for one in people} or None

    half = len(people) // 2
    with a_worker(environment | {"ACCESSWATCH_DATABASE": url}, directory) as worker:
        await publish(settings, "cms.access.v1", accesses[:half])
        await eventually_async(lambda: raised(people[:half]))
        await asyncio.to_thread(fault, pair)
        await publish(settings, "cms.access.v1", accesses[half:])
        await eventually_async(lambda: raised(people))
        await asyncio.to_thread(eventually, lambda: worker.page("/readyz")[0] == 200)
        assert worker.stop() == 0, worker.log()
    assert taken_by(pair.standby) == ALERTS
