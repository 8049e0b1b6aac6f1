"""Files in force, the limits and the delivery routes: read at the start, and again whenever they change.

A file with mistakes changes nothing: what was read before stays in force, and the log and a metric say so until it is
mended. A batch is judged with one set of limits from beginning to end. A secret that the delivery file names is read
again when the file itself changes.
"""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from agents.metrics import Metrics
from alerts.detection import config
from alerts.detection.config import LimitsError
from alerts.detection.engine import RuleEngine
from alerts.notify.config import DeliveryError
from alerts.notify.routes import Delivery
from enrichment.log import events
from stream.delivery_file import load_delivery, path_of
from stream.settings import Settings

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
        """Return what the files hold: a file may be replaced with its size and time unchanged."""
        return tuple(_content(path) for path in self._paths)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


_log = events(__name__)


class LimitsInForce(FileInForce):
    """Holds the rule engine that the next batch is judged with."""

    def __init__(self, path: Path | None, release: str, metrics: Metrics) -> None:
        """Read the limits.

        Raises:
            LimitsError: the file holds mistakes; nothing can be judged without limits.
        """
        super().__init__(config.shipped_path(), *([path] if path is not None else []))
        self._path = path
        self._release = release
        self._metrics = metrics
        self._rule_engine = RuleEngine(config.load(path), release)
        self._show()

    def rule_engine(self) -> RuleEngine:
        """Return the rules with the limits that are in force now."""
        return self._rule_engine

    def _take(self) -> None:
        try:
            limits = config.load(self._path)
        except LimitsError as error:
            self._metrics.limits_reload_failures.inc()
            kept = self._rule_engine.limits.hash
            _log.error("limits-rejected", kept=kept, why=" ".join(error.sentences))
            return
        _log.warning("limits-in-force", hash=limits.hash, before=self._rule_engine.limits.hash)
        self._rule_engine = RuleEngine(limits, self._release)
        self._show()

    def _show(self) -> None:
        self._metrics.limits_info.clear()
        self._metrics.limits_info.labels(self._rule_engine.limits.hash).set(1)


class DeliveryInForce(FileInForce):
    """Holds who is told, and how, for the next decision."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Read the delivery file.

        Raises:
            DeliveryError: it holds mistakes; nobody knows who is to be told.
        """
        super().__init__(path_of(settings))
        self._settings = settings
        self._metrics = metrics
        self._delivery = load_delivery(settings)

    def delivery(self) -> Delivery:
        """Return what is in force now."""
        return self._delivery

    def _take(self) -> None:
        try:
            self._delivery = load_delivery(self._settings)
        except DeliveryError as error:
            self._metrics.delivery_reload_failures.inc()
            _log.error("delivery-rejected", why=" ".join(error.sentences))
            return
        _log.warning("delivery-in-force", number=len(self._delivery.routes))
