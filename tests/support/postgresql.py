"""Real PostgreSQL servers from an installed package: alone, with a standby, and behind PgBouncer.

``python -m tests.support.postgresql COMMAND ...`` runs a command with a server of its own and, where PgBouncer is
installed, a pooler in transaction mode before it: ``TEST_POSTGRESQL`` and ``TEST_PGBOUNCER`` name them to the command.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox.server import free_port, listens
from tests.support.forwarder import Forwarder, a_forwarder
from tests.support.processes import eventually

START_SECONDS_MAX = 60
#: Where Debian and its children put what is on nobody's PATH.
_PACKAGED = Path("/usr/lib/postgresql")
_USER = "postgres"
_MISSING = "No {} is installed: install the package {}{}.\n"


def programs() -> Path | None:
    """Find the directory of the server's programs: the newest that is packaged, or that of PATH."""
    packaged = sorted(_PACKAGED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = packaged[-1] if packaged else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True, slots=True)
class Server:
    """One server and its files. Nobody needs a password: it listens on this host alone, and lives for one test."""

    directory: Path
    port: int

    @property
    def url(self) -> str:
        """What a client needs."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> str:
        """What it has written down."""
        return (self.directory / "log").read_text("utf-8", "replace")

    def start(self, **settings: str) -> None:
        """Start it, with these settings beside its own, and wait until it takes connections."""
        given = {"listen_addresses": "127.0.0.1", "fsync": "off", "unix_socket_directories": str(self.directory)}
        words = " ".join(f"-c {name}={value}" for name, value in (given | settings).items())
        self._control("--log", str(self.directory / "log"), "-o", f"-p {self.port} {words}", "start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it: ``fast`` tells every session that an administrator does so, ``immediate`` is a crash."""
        self._control("--mode", mode, "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._control("promote")

    def set(self, name: str, value: str) -> None:
        """Change a setting of the running server, as an administrator does."""
        self.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.psql("SELECT pg_reload_conf()")

    def psql(self, statement: str) -> str:
        """Return what a statement answers, as text."""
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()

    def processes(self) -> list[int]:
        """Return the numbers of its processes, the first of them first."""
        first = (self.directory / "data" / "postmaster.pid").read_text("utf-8").split("\n", 1)[0]
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", first], check=True, capture_output=True, text=True)
        return [int(first), *map(int, listed.stdout.split())]

    def become_standby_of(self, other: "Server") -> None:
        """Have a stopped server follow another one from its next start on."""
        data = self.directory / "data"
        (data / "standby.signal").touch()
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={other.port} user={_USER}'\n")

    def _control(self, *arguments: str) -> None:
        waiting = ("--wait", "--timeout", str(START_SECONDS_MAX))
        _quietly(_as_user(), _program("pg_ctl"), "--pgdata", str(self.directory / "data"), *waiting, *arguments)


@contextmanager
def a_server(directory: Path, **settings: str) -> Iterator[Server]:
    """Run a new server for as long as the block."""
    server = Server(_own(directory), free_port())
    data = ("--pgdata", str(directory / "data"))
    _quietly(_as_user(), _program("initdb"), "--auth=trust", f"--username={_USER}", "--no-sync", *data)
    with _running(server, settings):
        yield server


@contextmanager
def a_standby(of: Server, directory: Path, **settings: str) -> Iterator[Server]:
    """Run a standby that follows a server by streaming replication, for as long as the block."""
    server = Server(_own(directory), free_port())
    data = ("--pgdata", str(directory / "data"))
    _quietly(
        _as_user(), _program("pg_basebackup"), *data, "--checkpoint=fast", "--no-sync", "--write-recovery-conf",
        "--dbname", f"host=127.0.0.1 port={of.port} user={_USER} application_name=standby",
    )  # fmt: skip
    with _running(server, settings):
        yield server


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary that commits nothing before its standby has it, and the address that clients know."""

    primary: Server
    standby: Server
    address: Forwarder

    @property
    def url(self) -> str:
        """The address, wherever it leads."""
        return f"postgresql://{_USER}@127.0.0.1:{self.address.port}/postgres"

    def move(self) -> None:
        """Make the standby the primary, and lead the address there. What is connected stays where it is."""
        self.standby.promote()
        self.address.point_to(self.standby.port)


@contextmanager
def a_pair() -> Iterator[Pair]:
    """Run both and the address for as long as the block."""
    with ExitStack() as stack:
        directory = stack.enter_context(a_directory())
        primary = stack.enter_context(a_server(directory / "one"))
        standby = stack.enter_context(a_standby(primary, directory / "two"))
        primary.set("synchronous_standby_names", "standby")
        eventually(lambda: primary.psql("SELECT sync_state FROM pg_stat_replication") == "sync")
        yield Pair(primary, standby, stack.enter_context(a_forwarder(primary.port)))


@contextmanager
def a_directory() -> Iterator[Path]:
    """Yield a directory of the server's user, for as long as the block: a test's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="accesswatch-postgresql-") as name:
        yield _own(Path(name))


@contextmanager
def a_pooler(port: int, directory: Path, **settings: str) -> Iterator[str]:
    """Run PgBouncer in transaction mode before the server at this port; yield a URL through it without a database."""
    own = free_port()
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(own),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": "4",
        "server_login_retry": "1",
        "logfile": str(directory / "pgbouncer.log"),
        **settings,
    }
    file = _own(directory) / "pgbouncer.ini"
    text = [f"[databases]\n* = host=127.0.0.1 port={port} user={_USER}\n[pgbouncer]"]
    file.write_text("\n".join([*text, *(f"{name} = {value}" for name, value in lines.items())]) + "\n")
    file.chmod(0o644)
    pooler = subprocess.Popen([*_as_user(), "pgbouncer", "-q", str(file)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(f"127.0.0.1:{own}") or pooler.poll() is not None)
        assert listens(f"127.0.0.1:{own}"), (directory / "pgbouncer.log").read_text("utf-8")
        yield f"postgresql://{_USER}@127.0.0.1:{own}/"
    finally:
        pooler.terminate()
        pooler.wait()


@contextmanager
def _running(server: Server, settings: dict[str, str]) -> Iterator[None]:
    server.start(**settings)
    try:
        yield
    finally:
        # A test may have stopped it already.
        if (server.directory / "data" / "postmaster.pid").exists():
            server.stop("immediate")


def _own(directory: Path) -> Path:
    """Make a directory that the server's user may write to."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(directory, _USER)
    return directory


def _as_user() -> list[str]:
    # A server refuses to be root; its package brings a user for it.
    return ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []


def _program(name: str) -> str:
    found = programs()
    assert found is not None, "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    return str(found / name)


def _quietly(as_user: list[str], *command: str) -> None:
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


def main() -> int:
    """Start them, run the command, stop them; return the command's exit code."""
    if programs() is None:
        sys.stderr.write(_MISSING.format("PostgreSQL server", "postgresql", ", or set TEST_POSTGRESQL"))
        return 1
    with a_directory() as directory, ExitStack() as stack:
        server = stack.enter_context(a_server(directory / "server"))
        environment = {"TEST_POSTGRESQL": server.url}
        if shutil.which("pgbouncer") is None:
            sys.stderr.write(_MISSING.format("PgBouncer", "pgbouncer", "; what goes through it is left out"))
        else:
            environment["TEST_PGBOUNCER"] = stack.enter_context(a_pooler(server.port, directory / "pooler"))
        return subprocess.run(sys.argv[1:], env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
