"""Ways to reach Redis: an ACL user with the shipped rights and no more, and real sentinels through a failover."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError, RedisError

from sandbox.program import Guarded
from sandbox.server import free_port
from sandbox.valkey import answers, binary
from stream.settings import Settings, redis_url
from tests.support.own_valkey import STAFF, OwnValkey, accesses, all_known, outcomes, staff
from tests.support.worker import a_worker, eventually

ACL = Path(__file__).parents[2] / "deploy" / "redis-acl.conf"
MASTER = "facts"

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


def test_the_url_of_sentinels_is_read() -> None:
    """Addresses, the master's name, the database, and who we are to it."""
    url = redis_url("redis+sentinel://user:p%40ss@one:1,[::2]:3/facts/4")
    assert (url.servers, url.master, url.database) == ((("one", 1), ("::2", 3)), "facts", 4)
    assert (url.username, url.password, url.secure) == ("user", "p@ss", False)
    for wrong in ("redis+sentinel://one/facts", "redis+sentinel://one:1", "redis+sentinel://:1/f"):
        with pytest.raises(ValueError, match="must look like"):
            redis_url(wrong)


def told(connection: "redis.Redis", *command: str) -> Any:
    """The answer to a command."""
    return connection.execute_command(*command)  # type: ignore[no-untyped-call]


async def test_the_shipped_rights_are_enough_and_no_more(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A worker does all its work with them, a rebuild too; nobody else gets in, and it may not do more."""
    valkey = OwnValkey(tmp_path / "valkey")
    try:
        with valkey.connection() as admin:
            told(admin, "ACL", "SETUSER", "admin", "on", ">admin", "allcommands", "allkeys")
        admin = redis.Redis(port=valkey.port, username="admin", password="admin")  # noqa: S106 a test's own server
        for line in ACL.read_text("utf-8").splitlines():
            if line.startswith("user "):
                rights = line.replace("~accesswatch:*", f"~{settings.group}:*").replace("#" + "0" * 64, ">secret")
                told(admin, "ACL", "SETUSER", *rights.split()[1:])
        limited = environment | {"ACCESSWATCH_REDIS": f"redis://accesswatch:secret@127.0.0.1:{valkey.port}/0"}
        await staff(settings, range(STAFF))
        with a_worker(limited, tmp_path) as worker:
            await accesses(settings, "before", 100)
            admin.flushall()
            await accesses(settings, "after", 100)
            assert await outcomes(settings, 200) == {"hit"}
            eventually(lambda: all_known(worker))
            assert worker.stop() == 0, worker.log()
            assert "NoPermission" not in worker.log()
        assert told(admin, "ACL", "LOG") == []
        ours = redis.Redis(port=valkey.port, username="accesswatch", password="secret")  # noqa: S106 as above
        for command in (("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("GET", "another"), ("SET", "x", "y")):
            with pytest.raises(NoPermissionError):
                told(ours, *command)
        with pytest.raises(RedisError):
            redis.Redis(port=valkey.port).ping()
        ours.close()
        admin.close()
    finally:
        valkey.end()


class Sentinels:
    """A master, a replica and three sentinels, all real; the sentinels may ask for a password of their own."""

    def __init__(self, directory: Path, stack: ExitStack, password: str | None = None) -> None:
        self._password = password
        self.ports = [free_port() for _ in range(2)]
        self.sentinels = [free_port() for _ in range(3)]
        self._directory = directory
        directory.mkdir()
        self.master = self._start("master", self.ports[0], [], stack)
        replica = [f"replicaof 127.0.0.1 {self.ports[0]}", "repl-diskless-sync-delay 0"]
        self._start("replica", self.ports[1], replica, stack)
        eventually(lambda: self._info(self.ports[1])["master_link_status"] == "up")
        watched = [
            f"sentinel monitor {MASTER} 127.0.0.1 {self.ports[0]} 2",
            f"sentinel down-after-milliseconds {MASTER} 1000",
            f"sentinel failover-timeout {MASTER} 5000",
        ]
        if password is not None:
            watched += [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
            watched.append(f"user asker on >{password} +sentinel|masters +hello +ping")
        for number, port in enumerate(self.sentinels):
            self._start(f"sentinel-{number}", port, watched, stack, "--sentinel")
        eventually(lambda: all(self._seen(port) for port in self.sentinels))

    @property
    def url(self) -> str:
        """How a client asks them."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.sentinels)}/{MASTER}/0"

    def _start(self, name: str, port: int, lines: list[str], stack: ExitStack, *arguments: str) -> Guarded:
        file = self._directory / f"{name}.conf"
        file.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {self._directory}", *lines]) + "\n")
        saving = [] if arguments else ["--save", ""]
        program = Guarded((str(binary()), str(file), *arguments, *saving), log=self._directory / f"{name}.log")
        program.start()
        stack.callback(program.kill)
        eventually(lambda: answers(f"127.0.0.1:{port}") or self._asks(port))
        return program

    def _asks(self, port: int) -> bool:
        """Whether a sentinel answers that it wants a password."""
        with redis.Redis(port=port, password=self._password) as connection, suppress(redis.ConnectionError):
            return self._password is not None and bool(connection.ping())
        return False

    def _info(self, port: int) -> dict[str, str]:
        with redis.Redis(port=port) as connection:
            return dict(connection.info("replication"))

    def _seen(self, port: int) -> bool:
        """Whether a sentinel knows the replica and both other sentinels."""
        with redis.Redis(port=port, password=self._password) as connection:
            state = connection.sentinel_masters()[MASTER]
            return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2)


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """Real sentinels over a real master and its replica."""
    with ExitStack() as stack:
        yield Sentinels(tmp_path / "sentinels", stack)


async def test_a_failover_holds_accesses_and_judges_all_of_them(
    settings: Settings, environment: dict[str, str], sentinels: Sentinels, tmp_path: Path
) -> None:
    """The master is killed with accesses in flight; the sentinels name the replica, and the worker goes on there."""
    by_name = environment | {"ACCESSWATCH_REDIS": sentinels.url}
    await staff(settings, range(STAFF))
    with a_worker(by_name, tmp_path) as worker:
        await accesses(settings, "before", 200)
        in_flight = asyncio.create_task(accesses(settings, "meanwhile", 200))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(sentinels.master.kill)
        await accesses(settings, "after", 200)
        await in_flight
        assert await outcomes(settings, 600) == {"hit"}
        eventually(lambda: all_known(worker))
        with redis.Redis(port=sentinels.ports[1]) as replica:
            assert replica.info("replication")["role"] == "master"
        assert worker.stop() == 0
