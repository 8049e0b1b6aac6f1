"""The delivery file in force: read at the start, and again whenever it changes, without a restart.

A file with mistakes changes nothing: the one before it stays in force, and the log and a metric say so until it is
mended. A secret that the file names is read again when the file itself changes.
"""

import asyncio
from typing import Final

from agents.metrics import Metrics
from alerts.delivery.routes import Delivery, DeliveryError, shipped_path
from enrichment.events import events
from stream.delivery_file import load_delivery
from stream.settings import Settings

#: Seconds between looks at the file.
LOOK_SECONDS: Final = 1.0

_log = events(__name__)


class DeliveryInForce:
    """Holds who is told, and how, for the next decision."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Read the delivery file.

        Raises:
            DeliveryError: it holds mistakes; nobody knows who is to be told.
        """
        self._settings = settings
        self._path = settings.delivery or shipped_path()
        self._metrics = metrics
        self._content = self._read()
        self._delivery = load_delivery(self._settings)

    def delivery(self) -> Delivery:
        """Give what is in force now."""
        return self._delivery

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
            self._delivery = load_delivery(self._settings)
        except DeliveryError as error:
            self._metrics.delivery_reload_failures.inc()
            _log.error("delivery-rejected", why=" ".join(error.sentences))
            return
        _log.warning("delivery-in-force", number=len(self._delivery.routes))

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
