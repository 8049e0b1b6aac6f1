"""The limits in force: read at the start, and again whenever the file changes, without a restart.

A batch is judged with one set of limits from beginning to end. A file with mistakes changes nothing: the limits before
it stay in force, and the log and a metric say so until the file is mended.
"""

import asyncio
from pathlib import Path

from agents.metrics import Metrics
from alerts.judging import Rulebook
from alerts.limits import LimitsError, load, shipped_path
from enrichment.events import events

#: Seconds between looks at the file.
LOOK_SECONDS = 1.0

_log = events(__name__)


class LimitsInForce:
    """Holds the rulebook that the next batch is judged with."""

    def __init__(self, path: Path | None, release: str, metrics: Metrics) -> None:
        """Read the limits.

        Raises:
            LimitsError: the file holds mistakes; nothing can be judged without limits.
        """
        self._path = path
        self._release = release
        self._metrics = metrics
        self._content = self._read()
        self._rulebook = Rulebook(load(path), release)
        self._show()

    def rulebook(self) -> Rulebook:
        """Give the rules with the limits that are in force now."""
        return self._rulebook

    async def watch(self) -> None:
        """Look again and again, for as long as the worker runs."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take the file if it has changed and holds no mistakes."""
        content = self._read()
        if content == self._content:
            return
        self._content = content
        try:
            limits = load(self._path)
        except LimitsError as error:
            self._metrics.limits_reload_failures.inc()
            kept = self._rulebook.limits.hash
            _log.error("limits-rejected", kept=kept, why=" ".join(error.sentences))
            return
        _log.warning("limits-in-force", hash=limits.hash, before=self._rulebook.limits.hash)
        self._rulebook = Rulebook(limits, self._release)
        self._show()

    def _read(self) -> tuple[bytes | None, ...]:
        """Give what the files hold: a file may be replaced with its size and time unchanged."""
        return tuple(_content(path) for path in (shipped_path(), self._path) if path is not None)

    def _show(self) -> None:
        self._metrics.limits_info.clear()
        self._metrics.limits_info.labels(self._rulebook.limits.hash).set(1)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
