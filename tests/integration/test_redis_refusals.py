"""What Redis says no with, or does not say at all: one sentence with its own reason, wherever a person reads."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import trustme
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from enrichment.lookup import NotReadable
from enrichment.reference.redis import answer
from sandbox.program import Guarded
from sandbox.server import free_port
from sandbox.valkey import answers, binary
from stream.settings import Settings
from tests.integration.test_redis_connections import MASTER, Sentinels
from tests.support.console import accesswatch
from tests.support.own_valkey import STAFF, accesses, all_known, outcomes, staff
from tests.support.worker import a_worker, eventually, without_ours

pytestmark = [pytest.mark.services]

#: What nothing may print.
PASSWORD = "sw0rdfish"  # noqa: S105 a test's own server
WRONG = "hunter2"


class Valkey:
    """A Valkey with arguments of this test's own; ``accesswatch`` may do everything there."""

    def __init__(self, directory: Path, stack: ExitStack, *arguments: str) -> None:
        self.port = free_port()
        self.directory = directory
        self._arguments = arguments
        directory.mkdir(exist_ok=True)
        stack.callback(self.kill)
        self._start()

    def _start(self) -> None:
        arguments = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.directory), "--save", ""]
        user = ["--user", "accesswatch", "on", f">{PASSWORD}", "~*", "&*", "+@all"]
        self.program = Guarded((str(binary()), *arguments, *user, *self._arguments), log=self.directory / "log")
        self.program.start()
        eventually(lambda: answers(f"127.0.0.1:{self.port}") or self._loading())

    def _loading(self) -> bool:
        with self.admin() as connection, suppress(redis.ConnectionError):
            return bool(connection.info()["loading"])
        return False

    def kill(self) -> None:
        """End it at once."""
        self.program.kill()

    def restart(self) -> None:
        """Kill it and start it with the same data."""
        self.kill()
        self._start()

    def admin(self) -> "redis.Redis":
        """A connection as the default user."""
        return redis.Redis(port=self.port)

    def told(self, *command: str) -> Any:
        """The answer to a command."""
        with self.admin() as connection:
            return connection.execute_command(*command)

    def url(self, login: str = f"accesswatch:{PASSWORD}@", path: str = "/0", scheme: str = "redis") -> str:
        """Where it is."""
        return f"{scheme}://{login}127.0.0.1:{self.port}{path}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is ended after the test."""
    with ExitStack() as ended:
        yield ended


@pytest.fixture
def valkey(tmp_path: Path, stack: ExitStack) -> Valkey:
    """A Valkey of this test alone."""
    return Valkey(tmp_path / "valkey", stack)


def shown(url: str, directory: Path, **more: str) -> str:
    """What a command that asks Redis says on stderr: one line, exit 1, no traceback and no secret."""
    settings = {"ACCESSWATCH_REDIS": url, "ACCESSWATCH_STATE_DIR": str(directory), **more}
    ended = accesswatch("reference", "show", "staff:s7", environment=without_ours() | settings)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended.stderr
    for secret in (PASSWORD, WRONG, "staff:s7", "127.0.0.1"):
        assert secret not in ended.stderr
    return ended.stderr.strip()


# -- commands ----------------------------------------------------------------------------------------------------


def test_a_wrong_password(valkey: Valkey, tmp_path: Path) -> None:
    """Of a user, without one, and none where one is asked for."""
    refused = "Redis refuses our user name or password (WRONGPASS invalid username-password pair or user is disabled)"
    assert shown(valkey.url(f"accesswatch:{WRONG}@"), tmp_path).startswith(refused)
    assert shown(valkey.url("accesswatch@"), tmp_path, ACCESSWATCH_REDIS_PASSWORD=WRONG).startswith(refused)
    valkey.told("CONFIG", "SET", "requirepass", PASSWORD)
    asked = "Redis asks for a password (NOAUTH Authentication required): set ACCESSWATCH_REDIS_PASSWORD_FILE."
    assert shown(valkey.url(""), tmp_path) == asked


def test_a_user_without_rights(valkey: Valkey, tmp_path: Path) -> None:
    """The command that is forbidden is named; a key never is."""
    for rights, words in [
        (["+@all", "-mget", "-get"], "Redis does not let our user run get (NOPERM): give its user the rights of"),
        (["+@all", "resetkeys", "~other:*"], "Redis does not let our user do what is needed (NOPERM "),
    ]:
        valkey.told("ACL", "SETUSER", "accesswatch", "reset", "on", f">{PASSWORD}", "~*", "&*", *rights)
        assert shown(valkey.url(), tmp_path).startswith(words)


def test_a_wrong_database_number(valkey: Valkey, tmp_path: Path) -> None:
    """It has sixteen."""
    assert shown(valkey.url(path="/77"), tmp_path) == (
        "Redis has no database of that number (DB index is out of range): "
        "check the number at the end of ACCESSWATCH_REDIS."
    )


def test_nobody_there(tmp_path: Path) -> None:
    """A port that nobody listens on, and a name that nobody has."""
    assert shown(f"redis://127.0.0.1:{free_port()}/0", tmp_path) == "Redis does not answer (connection refused)."
    assert shown("redis://redis.invalid:6379/0", tmp_path) == "Redis does not answer (its name is not known)."


def test_a_replica_without_its_primary(valkey: Valkey, tmp_path: Path) -> None:
    """It may serve nothing then."""
    valkey.told("CONFIG", "SET", "replica-serve-stale-data", "no")
    valkey.told("REPLICAOF", "127.0.0.1", str(free_port()))
    words = "Redis is a replica whose primary is away (MASTERDOWN Link with MASTER is down and replica-serve-stale-data"
    assert shown(valkey.url(), tmp_path).startswith(words)


def test_a_server_that_has_just_started(tmp_path: Path, stack: ExitStack) -> None:
    """It reads what it saved before it answers anything."""
    saved = Valkey(tmp_path / "valkey", stack)
    with saved.admin() as connection:
        for number in range(2_000):
            connection.set(f"filler:{number}", "x" * 1_000)
    saved.told("SAVE")
    saved._arguments = (
        "--enable-debug-command",
        "yes",
        "--key-load-delay",
        "20000",
        "--loading-process-events-interval-bytes",
        "1024",
    )
    saved.restart()
    assert shown(saved.url(), tmp_path).startswith("Redis has just started and reads its data (LOADING")


def test_a_cluster(tmp_path: Path, stack: ExitStack) -> None:
    """Whole or with slots that nobody has: it is refused with a true sentence, before anything is looked for in it."""
    cluster = Valkey(tmp_path / "valkey", stack, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "yes")
    sentence = (
        "Redis runs as a Redis Cluster, which accesswatch does not work with: "
        "name a single server in ACCESSWATCH_REDIS, or one with sentinels."
    )
    assert shown(cluster.url(), tmp_path) == sentence
    cluster.told("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    assert shown(cluster.url(), tmp_path) == sentence
    # Where it may not be asked what it is, its answers say so.
    cluster.told("CLUSTER", "FLUSHSLOTS")
    cluster.told("ACL", "SETUSER", "accesswatch", "-info", "-config")
    assert shown(cluster.url(), tmp_path) == sentence


def test_a_command_that_was_renamed(tmp_path: Path, stack: ExitStack) -> None:
    """As some providers do; which one it is stands in the sentence."""
    renamed = Valkey(tmp_path / "valkey", stack, "--rename-command", "EVALSHA", "", "--rename-command", "EVAL", "")
    with renamed.admin() as connection:
        connection.set("accesswatch::epoch", "generation.nonce")
    assert shown(renamed.url(), tmp_path).startswith("Redis does not know the command EVALSHA")


OTHERS = [
    ("min-replicas-to-write", "1", "Redis takes no writes because it has too few replicas (NOREPLICAS Not enough good"),
    ("maxclients", "1", "Redis takes no more connections (max number of clients reached): raise its maxclients"),
    ("replica-read-only", "yes", "Redis refuses what it was asked (WRONGTYPE)"),
]


@pytest.mark.parametrize(("setting", "value", "words"), OTHERS, ids=[words for *_, words in OTHERS])
async def test_what_else_it_says(valkey: Valkey, setting: str, value: str, words: str) -> None:
    """Its own words where they are known to repeat nothing, else the code alone: never the key."""
    with valkey.admin() as admin:
        admin.set("staff:s7", "x")
        admin.config_set(setting, value)
        connection = redis.asyncio.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0))
        with pytest.raises(NotReadable) as caught:
            await answer(connection.hset("staff:s7", "r", "x"))
        await connection.aclose()
        admin.config_set("maxclients", "100")
    assert str(caught.value).startswith(words)
    assert "s7" not in str(caught.value)


async def test_a_server_that_runs_somebodys_script(valkey: Valkey) -> None:
    """It answers nobody until that ends, or is ended."""
    valkey.told("CONFIG", "SET", "busy-reply-threshold", "50")
    busy, connection = redis.asyncio.Redis(port=valkey.port), redis.asyncio.Redis(port=valkey.port)
    running = asyncio.ensure_future(busy.eval("while true do end", 0))
    await asyncio.sleep(0.5)
    with pytest.raises(NotReadable, match="Redis is busy with somebody's script") as caught:
        await answer(connection.get("staff:s7"))
    assert "s7" not in str(caught.value)
    await connection.script_kill()
    with pytest.raises(redis.ResponseError):
        await running
    await busy.aclose()
    await connection.aclose()


@dataclass(frozen=True)
class Relay:
    """Speaks TLS to whoever comes, and plainly to a Valkey behind it, as stunnel does."""

    port: int
    ca: Path


@asynccontextmanager
async def over_tls(valkey: Valkey, directory: Path) -> AsyncIterator[Relay]:
    """Put TLS before a Valkey: the server of the installed package speaks none."""
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", valkey.port)
        with suppress(OSError):
            await asyncio.wait(
                [asyncio.create_task(_pour(reader, forth)), asyncio.create_task(_pour(back, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        forth.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    async with server:
        yield Relay(server.sockets[0].getsockname()[1], directory / "ca.pem")


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await source.read(65_536):
            sink.write(content)
            await sink.drain()


async def test_tls_on_one_side_alone(valkey: Valkey, tmp_path: Path) -> None:
    """Either way the sentence says what to write; and a certificate that is not believed is told from both."""
    plain = "Redis speaks no TLS at that address: write redis:// in ACCESSWATCH_REDIS, or name its port for TLS."
    assert await asyncio.to_thread(shown, valkey.url(scheme="rediss"), tmp_path) == plain
    async with over_tls(valkey, tmp_path) as relay:
        address = f"accesswatch:{PASSWORD}@127.0.0.1:{relay.port}/0"
        said = await asyncio.to_thread(shown, f"redis://{address}", tmp_path)
        assert said == "Redis speaks TLS at that address: write rediss:// in ACCESSWATCH_REDIS."
        said = await asyncio.to_thread(shown, f"rediss://{address}", tmp_path)
        assert said.startswith("Redis shows a certificate that is not believed: name the CA")
        said = await asyncio.to_thread(
            lambda: shown(f"rediss://{address}", tmp_path, ACCESSWATCH_REDIS_CA_FILE=str(relay.ca))
        )
        assert said.startswith("Redis holds no reference data")


# -- a worker ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("topics")
async def test_a_worker_says_what_its_redis_says(
    settings: Settings, environment: dict[str, str], valkey: Valkey, tmp_path: Path
) -> None:
    """One trouble after the other under a running worker: ``/readyz`` and the log have the reason, no value."""
    troubles: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "Redis refuses our user name or password (WRONGPASS",
            lambda: valkey.told("ACL", "SETUSER", "accesswatch", "resetpass", f">{WRONG}"),
            lambda: valkey.told("ACL", "SETUSER", "accesswatch", f">{PASSWORD}"),
        ),
        (
            "Redis does not let our user run evalsha (NOPERM)",
            lambda: valkey.told("ACL", "SETUSER", "accesswatch", "-evalsha", "-eval"),
            lambda: valkey.told("ACL", "SETUSER", "accesswatch", "+@all"),
        ),
        (
            "Redis is a replica and takes no writes",
            lambda: valkey.told("REPLICAOF", "127.0.0.1", str(free_port())),
            lambda: valkey.told("REPLICAOF", "NO", "ONE"),
        ),
        (
            "Redis does not answer (connection refused)",
            valkey.kill,
            valkey.restart,
        ),
    ]  # fmt: skip
    await staff(settings, range(STAFF))
    sent = 0
    with a_worker(environment | {"ACCESSWATCH_REDIS": valkey.url()}, tmp_path) as worker:
        for words, begin, end in troubles:
            begin()
            with suppress(redis.ConnectionError):
                valkey.told("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            for agent in ("screen", "reference"):
                reason = f"{agent}: {words}"
                await asyncio.to_thread(
                    eventually, lambda reason=reason: reason in worker.page("/readyz")[1], f"never: {reason}"
                )
            await accesses(settings, words, 40)
            sent += 40
            end()
            assert await outcomes(settings, sent) == {"hit"}
            eventually(lambda: all_known(worker))
        assert worker.stop() == 0
        # The same event is said a few times in a row only, so the first trouble is there for sure.
        assert troubles[0][0] in worker.log()
        for secret in (PASSWORD, WRONG, "staff:s", "Traceback"):
            assert secret not in worker.log()


# -- sentinels that ask for a password ---------------------------------------------------------------------------


@pytest.mark.usefixtures("topics")
async def test_sentinels_with_a_password_of_their_own(
    settings: Settings, environment: dict[str, str], tmp_path: Path, stack: ExitStack
) -> None:
    """By ``ACCESSWATCH_REDIS_SENTINEL_PASSWORD``, and with a user too; without it the sentence names the setting."""
    sentinels = Sentinels(tmp_path / "sentinels", stack, password=PASSWORD)
    asked = "The sentinels refuse our user name or password, or ask for one: check ACCESSWATCH_REDIS_SENTINEL_PASSWORD"
    assert shown(sentinels.url, tmp_path).startswith(asked)
    assert shown(sentinels.url, tmp_path, ACCESSWATCH_REDIS_SENTINEL_PASSWORD=WRONG).startswith(asked)
    known = {"ACCESSWATCH_REDIS_SENTINEL_USERNAME": "asker", "ACCESSWATCH_REDIS_SENTINEL_PASSWORD": PASSWORD}
    assert shown(sentinels.url, tmp_path, **known).startswith("Redis holds no reference data")
    elsewhere = sentinels.url.replace(f"/{MASTER}/", "/another/")
    assert shown(elsewhere, tmp_path, **known).startswith("The sentinels know no primary of that name that is up")
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    by_file = {"ACCESSWATCH_REDIS": sentinels.url, "ACCESSWATCH_REDIS_SENTINEL_PASSWORD_FILE": str(file)}
    await staff(settings, range(STAFF))
    with a_worker(environment | by_file, tmp_path) as worker:
        await accesses(settings, "before", 100)
        assert await outcomes(settings, 100) == {"hit"}
        await asyncio.to_thread(sentinels.master.kill)
        await accesses(settings, "after", 100)
        assert await outcomes(settings, 200) == {"hit"}
        assert worker.stop() == 0
        assert PASSWORD not in worker.log()
