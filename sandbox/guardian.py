"""What we start never outlives us, kill -9 of the parent included.

A guardian is a small process of its own between us and the program that we start::

    parent --(lifeline pipe)--> guardian --> child

It reads orders from the pipe: ``T`` terminates the child, ``K`` kills it, and the pipe's end,
which comes with the parent's death, terminates it and kills it after ``GRACE_SECONDS``.
It lives in a session of its own, so that a Ctrl-C in the terminal reaches the parent alone
and the parent decides the order in which things stop. Only the standard library: it starts in milliseconds.

Run as ``python guardian.py PARENT_PID LIFELINE_FD REPORT_FD GRACE_SECONDS -- command ...``.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

#: How long a child may take to end after the parent has died.
GRACE_SECONDS = 10.0
#: How often the guardian looks whether its parent is still there, should the pipe have leaked into a fork.
PARENT_CHECK_SECONDS = 0.5

ORDER_TERMINATE = b"T"
ORDER_KILL = b"K"
#: The guardian's own exit code when the command cannot be started; the report says why.
EXIT_NOT_STARTED = 127
_EXIT_SIGNAL_BASE = 128
_PR_SET_PDEATHSIG = 1


def guard(parent: int, lifeline: int, report: int, grace_seconds: float, command: list[str]) -> int:
    """Run *command* for as long as *parent* lives; return its exit code, 128 + n for a signal n.

    Writes the child's pid to *report*, or ``!`` and the reason when it cannot be started.
    """
    wakeups = _wake_on_signals()
    try:
        # The command is the caller's own; nothing of it comes from outside.
        child = subprocess.Popen(command, process_group=0, preexec_fn=_die_with_guardian())  # noqa: S603, PLW1509
    except OSError as error:
        os.write(report, f"!{error.strerror}".encode())
        return EXIT_NOT_STARTED
    os.write(report, str(child.pid).encode())
    os.close(report)
    try:
        _watch(child, parent, lifeline, wakeups, grace_seconds)
    finally:
        # Whatever the child itself has started goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else _EXIT_SIGNAL_BASE - child.returncode


def _watch(child: subprocess.Popen[bytes], parent: int, lifeline: int, wakeups: int, grace_seconds: float) -> None:
    sources = [lifeline, wakeups]
    kill_at: float | None = None
    while child.poll() is None:
        if kill_at is not None and time.monotonic() >= kill_at:
            child.kill()
        ready, _, _ = select.select(sources, [], [], PARENT_CHECK_SECONDS)
        terminate = os.getppid() != parent
        if wakeups in ready:
            signals = os.read(wakeups, 64)
            terminate = terminate or signal.SIGTERM in signals
        if lifeline in ready:
            order = os.read(lifeline, 1)
            if order == ORDER_KILL:
                child.kill()
            elif order == ORDER_TERMINATE:
                # The parent is alive and counts the seconds itself.
                child.terminate()
            else:
                sources.remove(lifeline)
                terminate = True
        if terminate and kill_at is None:
            kill_at = time.monotonic() + grace_seconds
            child.terminate()


def _wake_on_signals() -> int:
    """Let SIGCHLD and SIGTERM end the select, and ignore what a terminal sends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A parent that blocks signals hands that on.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reader


def _die_with_guardian() -> Callable[[], None]:
    """What the child does before it becomes the command: undo our signals, and on Linux die if the guardian does."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    guardian = os.getpid()

    def prepare() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guardian:
                os._exit(EXIT_NOT_STARTED)

    return prepare


def main(arguments: list[str]) -> int:
    """Read the command line that ``program.Guarded`` writes."""
    parent, lifeline, report, grace_seconds, _, *command = arguments
    return guard(int(parent), int(lifeline), int(report), float(grace_seconds), command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
