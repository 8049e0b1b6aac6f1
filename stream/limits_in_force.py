"""The limits in force. A batch is judged with one set of limits from beginning to end."""

from pathlib import Path

from agents.metrics import Metrics
from alerts.judging import Rulebook
from alerts.limits import LimitsError, load, shipped_path
from enrichment.events import events
from stream.file_in_force import FileInForce

_log = events(__name__)


class LimitsInForce(FileInForce):
    """Holds the rulebook that the next batch is judged with."""

    def __init__(self, path: Path | None, release: str, metrics: Metrics) -> None:
        """Read the limits.

        Raises:
            LimitsError: the file holds mistakes; nothing can be judged without limits.
        """
        super().__init__(shipped_path(), *([path] if path is not None else []))
        self._path = path
        self._release = release
        self._metrics = metrics
        self._rulebook = Rulebook(load(path), release)
        self._show()

    def rulebook(self) -> Rulebook:
        """Give the rules with the limits that are in force now."""
        return self._rulebook

    def _take(self) -> None:
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

    def _show(self) -> None:
        self._metrics.limits_info.clear()
        self._metrics.limits_info.labels(self._rulebook.limits.hash).set(1)
