"""``local up`` and ``local down``: a Kafka and a Valkey that stay, for development.

They live in a session of their own until they are stopped. What is remembered of them is the
command line beside the pid, so that a pid that meanwhile belongs to somebody else is never touched.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import kafka, valkey
from sandbox.program import EmbeddedError, EndedAtStartError
from sandbox.server import Server, disk_sentence
from sandbox.services import Addresses

_PROC = Path("/proc")
_PS_SECONDS_MAX = 5.0


def runs(pid: int, command: list[str]) -> bool:
    """Whether *pid* is a running process with exactly this command line.

    False for a process that has ended and only waits to be collected, and for a pid that meanwhile belongs to another.
    """
    if (_PROC / "self").exists():
        try:
            content = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return False
        return content == b"".join(part.encode("utf-8", "surrogateescape") + b"\0" for part in command)
    ps = shutil.which("ps")
    if ps is None:
        return False
    shown = subprocess.run(  # noqa: S603 - a system tool and a number
        [ps, "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=_PS_SECONDS_MAX,
        check=False,
    )
    return shown.stdout.strip() == " ".join(command).strip()


GONE_POLL_SECONDS = 0.05
#: How long a killed process may take to be gone.
KILL_SECONDS_MAX = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A server that was started: where it answers, and how to know it again."""

    pid: int
    address: str
    command: list[str]

    @property
    def alive(self) -> bool:
        """Whether this pid is still the program that was started."""
        return runs(self.pid, self.command)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def running(state_dir: Path) -> Addresses | None:
    """The addresses of what ``up`` has started, when both still run."""
    directory = _directory(state_dir)
    servers = [_recall(directory, name) for name in ("kafka", "valkey")]
    alive = [server for server in servers if server is not None and server.alive]
    return _addresses(*alive) if len(alive) == len(servers) else None


def up(state_dir: Path, say: Say) -> Addresses:
    """Start what does not run yet; what runs already stays as it is.

    Args:
        state_dir: they keep their files in ``local`` below it. Kafka's data survives a reboot; Valkey starts empty.
        say: receives a line of progress now and then.

    Raises:
        EmbeddedError: one of them cannot be started; what was started in this call is stopped again.
    """
    directory = _directory(state_dir)
    with _alone(state_dir):
        started: list[Server] = []
        try:
            redis = _recall(directory, "valkey")
            if redis is None or not redis.alive:
                started.append(_start_valkey(directory, redis))
            broker = _recall(directory, "kafka")
            if broker is None or not broker.alive:
                say("Starting Kafka ...")
                started.append(_start_kafka(directory, broker, say))
        except BaseException:
            for server in started:
                server.program.kill()
            raise
        addresses = running(state_dir)
        if addresses is None:
            raise EmbeddedError(f"Kafka or Valkey ended right after the start; their logs are below {directory}.")
        return addresses


def down(state_dir: Path) -> bool:
    """Stop both and remove everything they kept; False when there was nothing at all.

    Raises:
        EmbeddedError: the directory cannot be removed.
    """
    directory = _directory(state_dir)
    if not directory.exists():
        return False
    with _alone(state_dir):
        limits = {"kafka": kafka.STOP_SECONDS_MAX, "valkey": valkey.STOP_SECONDS_MAX}
        for name, seconds_max in limits.items():
            server = _recall(directory, name)
            if server is not None:
                _stop(server, seconds_max)
        try:
            shutil.rmtree(directory)
        except OSError as error:
            raise EmbeddedError(f"{directory} cannot be removed ({error.strerror}).") from error
    return True


def _start_valkey(directory: Path, before: _Remembered | None) -> Server:
    return valkey.start_valkey(
        directory / "valkey",
        guarded=False,
        port=before.port if before else None,
        on_launch=lambda server: _remember(directory, "valkey", server),
    )


def _start_kafka(directory: Path, before: _Remembered | None, say: Say) -> Server:
    """Start Kafka with the data it has, or without when it cannot start with them."""
    place = directory / "kafka"
    had_data = (place / "data" / "meta.properties").exists()

    def start() -> Server:
        return kafka.start_kafka(
            place,
            guarded=False,
            port=before.port if before else None,
            on_launch=lambda server: _remember(directory, "kafka", server),
        )

    try:
        return start()
    except EndedAtStartError as error:
        if not had_data:
            raise
        say(f"Kafka cannot start with its old data and starts empty: {error}")
        shutil.rmtree(place / "data", ignore_errors=True)
        return start()


def _stop(server: _Remembered, seconds_max: float) -> None:
    for number, seconds in ((signal.SIGTERM, seconds_max), (signal.SIGKILL, KILL_SECONDS_MAX)):
        deadline = time.monotonic() + seconds
        if server.alive:
            with suppress(ProcessLookupError):
                os.kill(server.pid, number)
        while server.alive and time.monotonic() < deadline:
            time.sleep(GONE_POLL_SECONDS)


def _addresses(broker: _Remembered, redis: _Remembered) -> Addresses:
    return Addresses(kafka=broker.address, redis=f"redis://{redis.address}/0")


def _directory(state_dir: Path) -> Path:
    return state_dir.absolute() / "local"


def _remember(directory: Path, name: str, server: Server) -> None:
    """Write it down at once: what is not remembered could not be stopped."""
    remembered = _Remembered(server.program.pid, server.address, list(server.command))
    try:
        (directory / f"{name}.json").write_text(json.dumps(asdict(remembered)), "utf-8")
    except OSError as error:
        server.program.kill()
        raise EmbeddedError(disk_sentence(error, directory)) from error


def _recall(directory: Path, name: str) -> _Remembered | None:
    try:
        found = json.loads((directory / f"{name}.json").read_text("utf-8"))
        return _Remembered(pid=int(found["pid"]), address=str(found["address"]), command=list(found["command"]))
    except (OSError, ValueError, KeyError, TypeError):
        # Never written, or cut short by a crash: then there is nothing to know again.
        return None


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Let one ``up`` or ``down`` work at a time; the other waits."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "local.lock").open("w")
    except OSError as error:
        raise EmbeddedError(disk_sentence(error, state_dir)) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
