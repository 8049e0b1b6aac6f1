"""A pseudo-terminal with one of our commands on it, and a screen that shows what a person would see."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyte

from tests.support.console import ACCESSWATCH
from tests.support.worker import eventually

LINES, COLUMNS = 24, 100


class Terminal:
    """The command runs until it ends or is closed."""

    def __init__(
        self, *arguments: str, environment: Mapping[str, str], lines: int = LINES, columns: int = COLUMNS
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.written = b""
        self.process = subprocess.Popen(
            [ACCESSWATCH, *arguments],
            # Whatever terminal the tests themselves run on, or none.
            env=dict(environment) | {"TERM": "xterm", "COLUMNS": str(columns), "LINES": str(lines)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 Ctrl-C needs its terminal
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def shows(self, *words: str) -> list[str]:
        """Wait until all of these words are on the screen; give its lines."""
        try:
            return eventually(lambda: self._shows(words))
        except AssertionError:
            raise AssertionError(f"{words} did not come; the screen:\n{self}") from None

    def chosen(self) -> str:
        """The line of the alert that is chosen."""
        return next((line for line in self.lines() if line.startswith(">")), "")

    def choose(self, keys: str, words: str) -> None:
        """Type and wait until the chosen line holds these words."""
        self.press(keys)
        eventually(lambda: words in self.chosen(), f"{words} was not chosen")

    def title(self) -> str:
        """What the terminal's title was set to."""
        return str(self._screen.title)

    def lines(self) -> list[str]:
        """What stands on the screen."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def ended(self) -> int:
        """Wait for the end of the command and for all that it wrote; the terminal's modes must be as they were."""
        code = self.process.wait(60)
        assert termios.tcgetattr(self._theirs) == self.before
        os.close(self._theirs)
        self._reader.join(10)
        return code

    def end(self) -> int:
        """As ``ended``, for a command that takes the whole screen: it gives it back, and the cursor."""
        code = self.ended()
        assert self.written.count(b"\x1b[?1049h") == self.written.count(b"\x1b[?1049l") == 1
        assert self.written.rindex(b"\x1b[?25h") > self.written.rindex(b"\x1b[?25l")
        assert b"Traceback" not in self.written
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _shows(self, words: tuple[str, ...]) -> list[str]:
        lines = self.lines()
        return lines if all(any(word in line for line in lines) for word in words) else []

    def _read(self) -> None:
        while True:
            try:
                written = os.read(self._ours, 65_536)
            except OSError:  # the other end is closed
                return
            with self._lock:
                self.written += written
                self._stream.feed(written)


@contextmanager
def a_terminal(
    *arguments: str, environment: Mapping[str, str], lines: int = LINES, columns: int = COLUMNS
) -> Iterator[Terminal]:
    """Run a command on a terminal for as long as the block."""
    terminal = Terminal(*arguments, environment=environment, lines=lines, columns=columns)
    try:
        yield terminal
    finally:
        terminal.close()
