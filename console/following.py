"""A file that a program still writes to, read as it grows: ``access import --follow``.

Whole lines only: what stands behind the last line end is being written. A file that is moved away or cut short, as
rotation does it, is read to its end, and then the one that has taken its name.
"""

import hashlib
import io
import os
import threading
from pathlib import Path
from typing import Any, Final

from enrichment.errors import CommandError

#: Seconds between looks whether a file has grown, or is there at all.
LOOK_SECONDS: Final = 0.5
#: Bytes in which the lines must end by which a file is told from another.
_FIRST_LINES_BYTES_MAX: Final = 64 * 1024
_CHUNK_BYTES: Final = 256 * 1024


class StoppedError(Exception):
    """Reading was told to stop, perhaps inside a row; that row is read again the next time."""


class GrowingFile(io.RawIOBase):
    """Reads one file in whole lines, and waits at its end until there is more, it is replaced, or *stop* is set."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        super().__init__()
        self._path = path
        self._stop = stop
        self._file = path.open("rb", buffering=0)
        #: Whole lines that were read and not handed over, and what stands behind them.
        self._lines, self._rest = b"", b""
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read whole lines; wait where there are none. 0 where nothing more will come.

        Raises:
            StoppedError: *stop* is set.
        """
        while not self._lines:
            if self._ended:
                return 0
            # Looked at before the last read: what was written until it was replaced is read.
            replaced = self._replaced()
            chunk = self._file.read(_CHUNK_BYTES)
            if chunk:
                whole, end, self._rest = (self._rest + chunk).rpartition(b"\n")
                self._lines = whole + end
            elif replaced:
                self._lines, self._rest, self._ended = self._rest, b"", True
            elif self._stop.wait(LOOK_SECONDS):
                raise StoppedError
        if self._stop.is_set():
            raise StoppedError
        handed, self._lines = self._lines[: len(buffer)], self._lines[len(buffer) :]
        buffer[: len(handed)] = handed
        return len(handed)

    def identity(self, lines: int) -> str | None:
        """Return what tells this file from another one of its name or place; None before so many lines of it are there.

        Args:
            lines: what all files of this kind begin with (a header) and one more.
        """
        stat = os.fstat(self._file.fileno())
        first = os.pread(self._file.fileno(), _FIRST_LINES_BYTES_MAX, 0)
        parts = first.split(b"\n", lines)
        if len(parts) <= lines and len(first) < _FIRST_LINES_BYTES_MAX:
            return None
        named = f"{stat.st_dev}-{stat.st_ino}-".encode() + b"\n".join(parts[:lines])
        return hashlib.sha256(named).hexdigest()

    def close(self) -> None:
        """Close it."""
        self._file.close()
        super().close()

    def _replaced(self) -> bool:
        own = os.fstat(self._file.fileno())
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise CommandError(f"{self._path} cannot be read any more ({error.strerror}).") from None
        return (own.st_dev, own.st_ino) != (now.st_dev, now.st_ino) or own.st_size < self._file.tell()


def opened(path: Path, stop: threading.Event, lines: int) -> tuple[GrowingFile, str] | None:
    """Open a file once it is there with its first lines; None where *stop* is set before.

    Returns:
        The file and its identity.

    Raises:
        CommandError: it is there and cannot be read.
    """
    while not stop.is_set():
        try:
            file = GrowingFile(path, stop)
        except FileNotFoundError:
            stop.wait(LOOK_SECONDS)
            continue
        except OSError as error:
            raise CommandError(f"{path} cannot be read ({error.strerror}).") from None
        identity = file.identity(lines)
        if identity is not None:
            return file, identity
        file.close()
        stop.wait(LOOK_SECONDS)
    return None
