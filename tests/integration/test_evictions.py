"""Redis that lets keys go by itself, or from which somebody takes some: nothing is judged without the facts.

Every access of these tests is to the actor's own client record: with missing facts it would abstain, or its actor would
be unknown. So an outcome that is not ``hit`` says that something was judged without them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from enrichment.lookup import NotReadable
from enrichment.reference.layout import index_entries
from enrichment.reference.redis import EVICTED, RECORDS_MISSING, Change, EpochChanged, RedisReferenceStore, RedisUpkeep
from enrichment.reference.server import RedisServer, Unfit
from stream.redis_connection import namespace
from stream.settings import Settings
from tests.support.own_valkey import STAFF, OwnValkey, accesses, all_known, outcomes, staff
from tests.support.records import client
from tests.support.worker import RunningWorker, a_worker, eventually, publish, values

pytestmark = [pytest.mark.services]

ALL_KEYS = ["allkeys-lru", "allkeys-lfu", "allkeys-random"]
#: These evict what has a time to live: the windows.
VOLATILE = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
CLIENTS = 300


def configure(valkey: OwnValkey, **settings: str | int) -> None:
    """CONFIG SET."""
    with valkey.connection() as connection:
        for name, value in settings.items():
            connection.config_set(name.replace("_", "-"), value)


def info(valkey: OwnValkey) -> dict[str, Any]:
    """INFO."""
    with valkey.connection() as connection:
        return dict(connection.info())


def too_little(valkey: OwnValkey) -> int:
    """Bytes that are less than what is used now."""
    return int(info(valkey)["used_memory"]) - 60_000


def evict(valkey: OwnValkey, policy: str) -> None:
    """Let Redis evict keys, until it has."""
    before = info(valkey)["evicted_keys"]
    configure(valkey, maxmemory_policy=policy, maxmemory=too_little(valkey))

    def evicted() -> bool:
        with valkey.connection() as connection:
            with suppress(redis.OutOfMemoryError):  # what it may evict is not enough
                connection.set("another", "x")
            return bool(connection.info("stats")["evicted_keys"] > before)

    eventually(evicted, f"{policy} evicted nothing: the fault was not injected")


def keep_everything(valkey: OwnValkey) -> None:
    """Set it up as it should be."""
    configure(valkey, maxmemory_policy="noeviction", maxmemory=0)


def epoch(valkey: OwnValkey, settings: Settings) -> Any:
    """The epoch of the data."""
    with valkey.connection() as connection:
        return connection.get(f"{namespace(settings)}epoch")


def waits_for(worker: RunningWorker, words: str) -> None:
    """Wait until ``/readyz`` says 503 and these words."""
    eventually(lambda: worker.page("/readyz")[0] == 503 and words in worker.page("/readyz")[1], f"never: {words}")


# -- a worker ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_worker_that_starts_where_redis_may_evict_waits(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path, policy: str
) -> None:
    """It says the setting and the value to set, loads nothing and judges nothing; with that value it goes on."""
    configure(valkey, maxmemory_policy=policy, maxmemory=int(info(valkey)["used_memory"]) + 30_000)
    await staff(settings, range(STAFF))
    await accesses(settings, "waiting", 200)
    with a_worker(on_it, tmp_path, ready=False) as worker:
        for agent in ("screen", "reference"):
            waits_for(worker, f"{agent}: Redis may evict keys")
        waits_for(worker, f"its maxmemory-policy is {policy}, set it to noeviction")
        await asyncio.sleep(2)
        assert await values(settings, "integrity.assessment.v1") == []
        assert worker.page("/livez")[0] == 200
        keep_everything(valkey)
        assert await outcomes(settings, 200) == {"hit"}
        eventually(lambda: all_known(worker))
        assert worker.stop() == 0


@pytest.mark.usefixtures("topics")
async def test_evictions_with_accesses_in_flight(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """With each policy keys go while accesses come: none is judged without its facts, and everything is read again."""
    await staff(settings, range(STAFF))
    sent = 0
    with a_worker(on_it, tmp_path) as worker:
        for policy in [*ALL_KEYS, *VOLATILE]:
            await accesses(settings, f"before {policy}", 40)
            sent += 40
            assert await outcomes(settings, sent) == {"hit"}
            before = epoch(valkey, settings)
            in_flight = asyncio.create_task(accesses(settings, f"meanwhile {policy}", 60))
            await asyncio.to_thread(evict, valkey, policy)
            await asyncio.to_thread(waits_for, worker, f"maxmemory-policy is {policy}, set it to noeviction")
            await in_flight
            sent += 60
            keep_everything(valkey)
            assert await outcomes(settings, sent) == {"hit"}
            eventually(lambda: all_known(worker))
            assert epoch(valkey, settings) != before, "not everything was read again"
        assert {one["rules"][0] for one in await values(settings, "integrity.alert.v1")} == {"own-record"}
        assert worker.stop() == 0


@pytest.mark.usefixtures("topics")
async def test_what_was_evicted_while_no_worker_ran_is_noticed(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """The policy is good again when a worker comes: by the count of then and now it sees that keys have gone."""
    await staff(settings, range(STAFF))
    with a_worker(on_it, tmp_path) as worker:
        eventually(lambda: all_known(worker))
        assert worker.stop() == 0
    evict(valkey, "allkeys-random")
    keep_everything(valkey)
    await accesses(settings, "after", 200)
    with a_worker(on_it, tmp_path) as worker:
        assert await outcomes(settings, 200) == {"hit"}
        eventually(lambda: all_known(worker))
        assert worker.stop() == 0


@pytest.mark.usefixtures("topics")
async def test_a_redis_without_memory_holds_accesses(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """With noeviction and memory full the writes fail: held, with the server's own reason, until there is memory."""
    await staff(settings, range(STAFF))
    with a_worker(on_it, tmp_path) as worker:
        eventually(lambda: all_known(worker))
        configure(valkey, maxmemory=too_little(valkey))
        await accesses(settings, "held", 200)
        await staff(settings, range(STAFF, STAFF + 10))
        for agent in ("screen", "reference"):
            reason = "(OOM command not allowed when used memory > 'maxmemory')"
            waits_for(worker, f"{agent}: Redis has no memory left {reason}")
        assert await values(settings, "integrity.assessment.v1") == []
        configure(valkey, maxmemory=0)
        assert await outcomes(settings, 200) == {"hit"}
        eventually(lambda: worker.page("/readyz")[0] == 200)
        assert worker.stop() == 0


#: Which keys somebody takes away, behind the namespace.
TAKEN = [
    pytest.param("d*:staff:s7", id="a node"),
    pytest.param("*staff*", id="whatever is called staff"),
    pytest.param("*client*", id="whatever is called client"),
]


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("pattern", TAKEN)
async def test_records_that_somebody_takes_away_are_read_again(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path, pattern: str
) -> None:
    """What was counted when it was applied and is not there was lost: it does not become an unknown person."""
    await staff(settings, range(STAFF))
    clients = [(f"c{n}", {"client_id": f"c{n}", "status": "active"}) for n in range(STAFF)]
    await publish(settings, "ref.client.v1", clients)
    with a_worker(on_it, tmp_path) as worker:
        eventually(lambda: all_known(worker))
        with valkey.connection() as connection:
            taken = list(connection.scan_iter(f"{namespace(settings)}{pattern}", count=1_000))
            assert taken, "nothing was taken: the fault was not injected"
            connection.unlink(*taken)
        await accesses(settings, "after", 200)
        assert await outcomes(settings, 200) == {"hit"}
        eventually(lambda: RECORDS_MISSING in worker.log())
        eventually(lambda: all_known(worker))
        found = await values(settings, "integrity.assessment.v1")
        assert not [one for one in found if one["answers"][0]["rule"] != "own-record"]
        assert worker.stop() == 0


# -- who may ask what --------------------------------------------------------------------------------------------

INFO_ONLY, CONFIG_ONLY, NEITHER = "+info", "+config|get", ""


@pytest.mark.parametrize("right", [INFO_ONLY, CONFIG_ONLY])
@pytest.mark.parametrize(("policy", "fit"), [("noeviction", True), ("allkeys-lfu", False)])
async def test_the_policy_is_seen_by_either_command(valkey: OwnValkey, right: str, policy: str, fit: bool) -> None:
    """A cloud provider, or an ACL, may forbid the one or the other."""
    limit(valkey, right)
    configure(valkey, maxmemory_policy=policy, maxmemory=100_000_000)
    async with limited(valkey) as connection:
        server = RedisServer(connection)
        if fit:
            await server.check()
        else:
            with pytest.raises(Unfit, match="its maxmemory-policy is allkeys-lfu, set it to noeviction"):
                await server.check()


async def test_a_redis_that_lets_nothing_be_seen_is_said(valkey: OwnValkey) -> None:
    """Which right is missing; without it nothing is judged."""
    limit(valkey, NEITHER)
    async with limited(valkey) as connection:
        with pytest.raises(Unfit, match=r"does not let us see whether it evicts keys: allow its user INFO.*\(\+info\)"):
            await RedisServer(connection).check()


async def test_a_policy_without_a_bound_evicts_nothing(valkey: OwnValkey) -> None:
    """It would begin at maxmemory, and there is none."""
    configure(valkey, maxmemory_policy="allkeys-lru", maxmemory=0)
    async with Redis(port=valkey.port) as connection:
        await RedisServer(connection).check()


def limit(valkey: OwnValkey, right: str) -> None:
    """Make a user who may do next to nothing."""
    with valkey.connection() as connection:
        rights = ["reset", "on", ">x", "~*", "+hello", "+ping", "+client", *right.split()]
        connection.execute_command("ACL", "SETUSER", "limited", *rights)


def limited(valkey: OwnValkey) -> "Redis":
    """A connection of that user."""
    return Redis(port=valkey.port, username="limited", password="x")  # noqa: S106 a test's own server


# -- the data themselves -----------------------------------------------------------------------------------------


class Loaded:
    """Clients in a Valkey, found complete."""

    def __init__(self, connection: "Redis") -> None:
        self.references = RedisReferenceStore(connection, "ns:")
        self.upkeep = RedisUpkeep(connection, "ns:")
        self.epoch = ""

    async def load(self) -> None:
        """Load them, and find them complete."""
        self.epoch = await self.references.begin("generation.nonce")
        changes = [
            Change(n, "client", f"C-{n}", index_entries(client(f"C-{n}", status="active"), 1)) for n in range(CLIENTS)
        ]
        await self.references.apply(self.epoch, "p:0", changes, CLIENTS)
        assert await self.upkeep.lost(self.epoch, self.references) is None
        self.references.epoch = self.epoch

    async def read(self) -> int:
        """How many clients are known."""
        found = await self.references.read([f"client:C-{n}" for n in range(CLIENTS)])
        return sum(entity.client is not None for entity in found.values())


@pytest.mark.parametrize("policy", ALL_KEYS)
async def test_reading_notices_an_eviction_at_once(valkey: OwnValkey, policy: str) -> None:
    """Before anybody has looked at the policy: what is read was all there at that instant, or it is not given."""
    async with Redis(port=valkey.port) as connection:
        loaded = Loaded(connection)
        await loaded.load()
        assert await loaded.read() == CLIENTS
        kept = {name: await connection.get(name) or b"" for name in ("ns:epoch", "ns:changes", "ns:evicted")}
        await asyncio.to_thread(evict, valkey, policy)
        keep_everything(valkey)
        # Had these gone, that alone would be noticed; most often they stay.
        await connection.mset(kept)
        with pytest.raises(NotReadable, match=EVICTED):
            await loaded.read()
        assert await loaded.upkeep.lost(loaded.epoch, loaded.references) == EVICTED
        assert await loaded.references.current_epoch() is None


async def test_a_server_that_was_started_anew_with_its_data_has_lost_nothing(valkey: OwnValkey) -> None:
    """Another run of it, with figures of its own; so it is after CONFIG RESETSTAT."""
    async with Redis(port=valkey.port) as connection:
        loaded = Loaded(connection)
        await loaded.load()
        await connection.save()
        await asyncio.to_thread(valkey.restart)
        await connection.connection_pool.disconnect()
        assert await loaded.upkeep.lost(loaded.epoch, loaded.references) is None
        assert await loaded.read() == CLIENTS
        await connection.config_resetstat()
        assert await loaded.upkeep.lost(loaded.epoch, loaded.references) is None
        assert await loaded.read() == CLIENTS


async def test_evictions_before_the_data_were_begun_count_nothing(valkey: OwnValkey) -> None:
    """Somebody else's keys went, a while ago."""
    with valkey.connection() as other:
        for number in range(2_000):
            other.set(f"other:{number}", "x" * 100)
    evict(valkey, "allkeys-lru")
    keep_everything(valkey)
    async with Redis(port=valkey.port) as connection:
        loaded = Loaded(connection)
        await loaded.load()
        assert await loaded.read() == CLIENTS


WITHOUT_ASKING: list[tuple[str, Callable[["redis.Redis", str], object]]] = [
    ("a node", lambda connection, data: connection.delete(f"{data}client:C-7")),
    ("what it filled", lambda connection, data: connection.delete(f"{data}client:C-7", f"{data}at:client:C-7")),
    ("a field", lambda connection, data: connection.hdel(f"{data}client:C-7", "r")),
]


@pytest.mark.parametrize("take", [pytest.param(take, id=name) for name, take in WITHOUT_ASKING])
async def test_a_missing_record_is_noticed_by_whoever_reads_it(
    valkey: OwnValkey, take: Callable[["redis.Redis", str], object]
) -> None:
    """Where the server's own figures say nothing, since somebody deleted it; a person who never was is just unknown."""
    async with Redis(port=valkey.port) as connection:
        loaded = Loaded(connection)
        await loaded.load()
        assert (await loaded.references.read(["client:nobody"]))["client:nobody"].client is None
        with valkey.connection() as somebody:
            take(somebody, "ns:dgeneration:")
        with pytest.raises(NotReadable, match="are missing"):
            await loaded.read()
        assert await loaded.upkeep.lost(loaded.epoch, loaded.references) == RECORDS_MISSING
        assert await loaded.references.current_epoch() is None


async def test_a_missing_place_is_noticed_by_whoever_writes_over_it(valkey: OwnValkey) -> None:
    """A deletion would leave the record where it is, and nobody would know."""
    async with Redis(port=valkey.port) as connection:
        for change in (None, index_entries(client("C-7", status="closed"), 1)):
            loaded = Loaded(connection)
            await loaded.load()
            await connection.delete("ns:dgeneration:at:client:C-7")
            with pytest.raises(EpochChanged, match="are missing"):
                await loaded.references.apply(
                    loaded.epoch, "p:0", [Change(CLIENTS, "client", "C-7", change)], CLIENTS + 1
                )
            assert await loaded.upkeep.lost(loaded.epoch, loaded.references) == RECORDS_MISSING
            await loaded.upkeep.remove_discarded()


async def test_data_of_an_older_release_are_read(valkey: OwnValkey) -> None:
    """It counts no clients and notes no evictions: workers of both releases run beside each other for a while."""
    async with Redis(port=valkey.port) as connection:
        loaded = Loaded(connection)
        await loaded.load()
        await connection.delete("ns:evicted", "ns:dgeneration:counted", "ns:dgeneration:ids:client")
        assert await loaded.upkeep.lost(loaded.epoch, loaded.references) is None
        assert await loaded.read() == CLIENTS
        await connection.delete("ns:dgeneration:client:C-7")
        with pytest.raises(NotReadable, match="are missing"):
            await loaded.read()
