"""What a process inherits from whatever has started it, put in order before anything else is done.

A job of a scheduler, a supervisor, an `ssh` without a terminal: each hands on signals that it ignores or blocks,
streams that are closed, a umask, a locale. None of that may decide whether the service can be stopped, or who may write
its files.
"""

import os
import signal
import sys
from io import TextIOWrapper
from typing import Final

#: Others may at most read what we write, whatever the umask was.
_NOT_FOR_OTHERS: Final = 0o022
#: What has to work whoever has started us: to be ended, and to learn that a child has ended.
_NEVER_IGNORED: Final = (signal.SIGTERM, signal.SIGCHLD)


def put_in_order() -> None:
    """Undo what must not be inherited. To ignore SIGINT and SIGHUP stays, as of a job in the background or `nohup`."""
    for number in _NEVER_IGNORED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(os.umask(_NOT_FOR_OTHERS) | _NOT_FOR_OTHERS)
    _open_streams()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and _is_at_a_terminal():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # Whatever the locale: what it has no character for is said by its number, not with a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _open_streams() -> None:
    """Put nothing in the place of streams that are closed; the next file or socket would become one of them."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _is_at_a_terminal() -> bool:
    """Return whether somebody can press Ctrl-C: ours is the foreground job of a terminal."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
