"""What a program that we started can be asked, whoever watches over it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stream.embedded.failure import EmbeddedError

#: How long a killed process may take to be gone.
KILL_SECONDS_MAX = 5.0


class Program(Protocol):
    """A running program, whoever watches over it."""

    @property
    def pid(self) -> int:
        """The program's own process id."""

    def poll(self) -> int | None:
        """The exit code once it has ended, else None; 128 + n (guarded) or -n (detached) after signal n."""

    def stop(self, timeout: float) -> int:
        """Ask it to end, kill it after *timeout* seconds, and return its exit code."""

    def kill(self) -> int:
        """Kill it at once and return its exit code."""


class Detached:
    """A program that outlives this process and its terminal; it is stopped by its pid later."""

    def __init__(self, command: Sequence[str | Path], *, log: Path) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __del__(self) -> None:
        # Popen warns of a child that nobody has waited for; to leave it running is what this class is for.
        if self._process is not None and self._process.returncode is None:
            self._process.returncode = 0

    @property
    def pid(self) -> int:
        """The program's process id; 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the program in a session of its own; raises EmbeddedError."""
        try:
            with self._log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - the command is our own
                    self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
        except OSError as error:
            raise EmbeddedError(f"{self._command[0]} cannot be started: {error.strerror}.") from error

    def poll(self) -> int | None:
        """The exit code once it has ended, else None."""
        return self._process.poll() if self._process else None

    def stop(self, timeout: float) -> int:
        """Ask it to end, kill it after *timeout* seconds, and return its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill it at once and return its exit code."""
        if self._process is None:
            return 0
        self._process.kill()
        return self._process.wait(KILL_SECONDS_MAX)
