"""A file in force: read at the start, and again whenever it changes, without a restart.

A file with mistakes changes nothing: what was read before stays in force, and the log and a metric say so until it is
mended.
"""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

#: Seconds between looks at the file.
LOOK_SECONDS = 1.0


class FileInForce(ABC):
    """Watches files; whoever inherits says what is taken from them."""

    def __init__(self, *paths: Path) -> None:
        """Note what the files hold now."""
        self._paths = paths
        self._content = self._read()

    async def watch(self) -> None:
        """Look again and again, for as long as the worker runs."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take what the files hold if it has changed and holds no mistakes."""
        content = self._read()
        if content != self._content:
            self._content = content
            self._take()

    @abstractmethod
    def _take(self) -> None:
        """Take what the files hold, or say why not."""

    def _read(self) -> tuple[bytes | None, ...]:
        """Give what the files hold: a file may be replaced with its size and time unchanged."""
        return tuple(_content(path) for path in self._paths)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
