"""Programs that we start, one that dies with us whatever happens to us and one that stays, and what can go wrong."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from enrichment.errors import UserError
from sandbox import guardian


class EmbeddedError(UserError):
    """Something could not be started; the message is one sentence that says what to do."""


class EndedAtStartError(EmbeddedError):
    """The program itself ended while it was started; its log says more."""


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

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describe the program; *environment* is its whole environment, ours when None."""
        self._command = [str(part) for part in command]
        self._environment = environment
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
                    self._command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
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


#: How long the guardian may take to say that the child runs.
REPORT_SECONDS_MAX = 30.0
_REPORT_BYTES_MAX = 512


class Guarded:
    """A program that never outlives this process; see ``guardian``. It may be started again once it has ended."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        grace_seconds: float = guardian.GRACE_SECONDS,
    ) -> None:
        """Describe the program.

        Args:
            command: the program and its arguments.
            environment: the whole environment; ours when None.
            log: the file that its output is added to; our own output when None.
            grace_seconds: how long it may take to end by itself after this process has died.
        """
        self._command = [str(part) for part in command]
        self._environment = None if environment is None else dict(environment)
        self._log = log
        self._grace_seconds = grace_seconds
        self._guardian: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._pid = 0

    @property
    def pid(self) -> int:
        """The process id of the program itself, not of its guardian; 0 before the first start."""
        return self._pid

    def start(self) -> None:
        """Start the program.

        Raises:
            EmbeddedError: it cannot be started, or still runs.
        """
        if self._guardian is not None and self.poll() is None:
            raise EmbeddedError(f"{self._command[0]} is running already.")
        lifeline_read, lifeline_write = os.pipe()
        report_read, report_write = os.pipe()
        try:
            self._guardian = self._start_guardian(lifeline_read, report_write)
        except OSError:
            os.close(lifeline_write)
            os.close(report_read)
            raise
        finally:
            os.close(lifeline_read)
            os.close(report_write)
        self._lifeline = lifeline_write
        report = _read_report(report_read)
        if not report.isdigit():
            self.kill()
            reason = report.removeprefix("!") or "its guardian did not answer"
            raise EmbeddedError(f"{self._command[0]} cannot be started: {reason}.")
        self._pid = int(report)

    def _start_guardian(self, lifeline: int, report: int) -> subprocess.Popen[bytes]:
        # Isolated and without site-packages: nothing of the environment slows it down or gets in its way.
        command = [sys.executable, "-I", "-S", guardian.__file__, str(os.getpid()), str(lifeline), str(report)]
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self._log.open("ab")) if self._log else None
            return subprocess.Popen(  # noqa: S603 - the command is our own
                [*command, str(self._grace_seconds), "--", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                pass_fds=(lifeline, report),
                start_new_session=True,
            )

    def poll(self) -> int | None:
        """The exit code once the program has ended, 128 + n for a signal n; None while it runs."""
        code = self._started().poll()
        if code is not None:
            self._let_go()
        return code

    def stop(self, timeout: float) -> int:
        """Ask the program to end, kill it after *timeout* seconds; return its exit code."""
        self._order(guardian.ORDER_TERMINATE)
        try:
            self._started().wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()
        self._let_go()
        return self._started().returncode

    def kill(self) -> int:
        """Kill the program at once; return its exit code."""
        process = self._started()
        self._order(guardian.ORDER_KILL)
        try:
            process.wait(KILL_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            # The guardian itself hangs; on Linux the child dies with it, elsewhere we see to it.
            if self._pid and sys.platform != "linux":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            process.kill()
            process.wait(KILL_SECONDS_MAX)
        self._let_go()
        return process.returncode

    def _order(self, order: bytes) -> None:
        if self._lifeline >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._lifeline, order)

    def _let_go(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _started(self) -> subprocess.Popen[bytes]:
        if self._guardian is None:
            raise EmbeddedError(f"{self._command[0]} has not been started.")
        return self._guardian


def _read_report(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb", buffering=0) as report:
        ready, _, _ = select.select([report], [], [], REPORT_SECONDS_MAX)
        return (report.read(_REPORT_BYTES_MAX) or b"").decode("utf-8", "replace") if ready else ""
