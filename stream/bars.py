"""How far a long command has come, on stderr: a bar on a terminal, now and then a plain line elsewhere."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

#: Between two plain lines about the same file.
PLAIN_SECONDS = 10.0
#: A bar is not moved for less; moving it costs more than publishing a record.
BYTES_STEP = 256 * 1024


class Bars:
    """One bar for each file, moved by how many of its bytes are read."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[records]} records"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._drawn = 0
        self._said = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def begin(self, file: Path) -> None:
        """Go on to the next file."""
        self._name, self._drawn, self._said = file.name, 0, time.monotonic()
        if self._console.is_terminal:
            self._task = self._progress.add_task(file.name, total=file.stat().st_size, records="0")

    def move(self, position: int, records: int) -> None:
        """So many bytes of the file are read, and so many records published."""
        if position - self._drawn < BYTES_STEP:
            return
        self._draw(position, records)
        if self._task is None and time.monotonic() - self._said >= PLAIN_SECONDS:
            self._said = time.monotonic()
            self.say(f"{self._name}: {records:,} records so far")

    def end(self, position: int, records: int) -> None:
        """The file is read to its end."""
        self._draw(position, records)

    def say(self, line: str) -> None:
        """Print a line, above the bars."""
        self._console.print(line)

    def _draw(self, position: int, records: int) -> None:
        self._drawn = position
        if self._task is not None:
            self._progress.update(self._task, completed=position, records=f"{records:,}")
