"""What the embedded servers have in common: a free port, a start that is watched, and errors that say where to look."""

import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.program import EmbeddedError, EndedAtStartError, Program

#: How often a start is tried again because somebody else took the port in between.
PORT_ATTEMPTS_MAX = 5
READY_POLL_SECONDS = 0.05
_PORT_TAKEN = "address already in use"
_DISK_FULL = "no space left on device"
_LOG_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at *address* (host:port)."""

    name: str
    address: str
    program: Program
    command: tuple[str, ...]
    log: Path


#: Told of a server as soon as its process runs, before it answers.
OnLaunch = Callable[[Server], None]


def free_port(preferred: int | None = None) -> int:
    """A port on 127.0.0.1 that nobody listens on: the preferred one where that is possible."""
    for port in (preferred, 0):
        if port is not None:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                number: int = probe.getsockname()[1]
                return number
    raise EmbeddedError("No port is free on 127.0.0.1.")


def start(
    launch: Callable[[int], Server],
    is_ready: Callable[[str], bool],
    seconds_max: float,
    on_launch: OnLaunch | None = None,
) -> Server:
    """Start a server and wait until it answers.

    Args:
        launch: starts the program; receives the number of the attempt, from 0.
        is_ready: asks the server at an address; False means not yet.
        seconds_max: how long one attempt may take.
        on_launch: told of each attempt as soon as its process runs, before it answers.

    Raises:
        EmbeddedError: it ended, or did not answer in time; names the log.
    """
    for attempt in range(PORT_ATTEMPTS_MAX):
        server = launch(attempt)
        if on_launch is not None:
            on_launch(server)
        if _wait(server, is_ready, seconds_max):
            return server
        if _PORT_TAKEN not in _tail(server.log).lower():
            break
    raise _ended(server)


def _wait(server: Server, is_ready: Callable[[str], bool], seconds_max: float) -> bool:
    """Wait until the server answers (True) or has ended (False); leave nothing behind when it never does."""
    deadline = time.monotonic() + seconds_max
    try:
        while time.monotonic() < deadline:
            if server.program.poll() is not None:
                return False
            if is_ready(server.address):
                return True
            time.sleep(READY_POLL_SECONDS)
    except BaseException:
        server.program.kill()
        raise
    server.program.kill()
    raise EmbeddedError(f"{server.name} did not answer within {seconds_max:.0f} s; its log is {server.log}.")


def listens(address: str) -> bool:
    """Whether anybody accepts connections at *address*."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0


def disk_sentence(error: OSError, directory: Path) -> str:
    """Return one sentence: why *directory* cannot be written."""
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {directory} is full: make room, or set ACCESSWATCH_STATE_DIR to another place."
    return f"{directory} cannot be written ({error.strerror}): set ACCESSWATCH_STATE_DIR to a place that can."


def _ended(server: Server) -> EmbeddedError:
    tail = _tail(server.log)
    if _DISK_FULL in tail.lower():
        return EmbeddedError(disk_sentence(OSError(errno.ENOSPC, _DISK_FULL), server.log.parent))
    # Stack traces are indented; the last line that is not says what happened.
    lines = [line.strip() for line in tail.splitlines() if line.strip() and not line[0].isspace()]
    last = lines[-1] if lines else "it said nothing"
    return EndedAtStartError(f"{server.name} ended while it started: {last.rstrip('.')}; its log is {server.log}.")


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
