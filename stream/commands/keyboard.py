"""Single keys from a terminal, which is given back as it was, however the command ends."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

_READ_BYTES_MAX: Final = 64
_TERMINATED: Final = 128 + signal.SIGTERM


class Key(Enum):
    """What a key means here."""

    UP = "up"
    DOWN = "down"
    NEWEST = "newest"
    ACKNOWLEDGE = "acknowledge"
    END = "end"


#: As terminals send them; the longer ones stand first.
_KEYS: Final = {
    b"\x1b[A": Key.UP,
    b"\x1bOA": Key.UP,
    b"\x1b[B": Key.DOWN,
    b"\x1bOB": Key.DOWN,
    b"\x1b[H": Key.NEWEST,
    b"k": Key.UP,
    b"j": Key.DOWN,
    b"g": Key.NEWEST,
    b"a": Key.ACKNOWLEDGE,
    b"q": Key.END,
}


@contextmanager
def keyboard() -> Iterator[Callable[[float], list[Key]]]:
    """Give a function that waits so many seconds for keys and returns those that mean something.

    Ctrl-C stays an interrupt; SIGTERM ends the command too, and the terminal is given back.
    """
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    handler = signal.signal(signal.SIGTERM, _terminated)
    try:
        tty.setcbreak(terminal)
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, handler)


def _pressed(terminal: int, seconds: float) -> list[Key]:
    readable, _, _ = select.select([terminal], [], [], seconds)
    if not readable:
        return []
    typed = os.read(terminal, _READ_BYTES_MAX)
    # Nothing to read from a terminal that is readable: it is gone.
    return _meant(typed) if typed else [Key.END]


def _meant(typed: bytes) -> list[Key]:
    keys = []
    while typed:
        found = next((sent for sent in _KEYS if typed.startswith(sent)), None)
        if found is not None:
            keys.append(_KEYS[found])
        typed = typed[len(found) if found is not None else 1 :]
    return keys


def _terminated(_number: int, _frame: Any) -> None:
    sys.exit(_TERMINATED)
