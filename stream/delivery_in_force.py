"""The delivery file in force. A secret that it names is read again when the file itself changes."""

from agents.metrics import Metrics
from alerts.delivery.routes import Delivery, DeliveryError, shipped_path
from enrichment.events import events
from stream.delivery_file import load_delivery
from stream.file_in_force import FileInForce
from stream.settings import Settings

_log = events(__name__)


class DeliveryInForce(FileInForce):
    """Holds who is told, and how, for the next decision."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Read the delivery file.

        Raises:
            DeliveryError: it holds mistakes; nobody knows who is to be told.
        """
        super().__init__(settings.delivery or shipped_path())
        self._settings = settings
        self._metrics = metrics
        self._delivery = load_delivery(settings)

    def delivery(self) -> Delivery:
        """Give what is in force now."""
        return self._delivery

    def _take(self) -> None:
        try:
            self._delivery = load_delivery(self._settings)
        except DeliveryError as error:
            self._metrics.delivery_reload_failures.inc()
            _log.error("delivery-rejected", why=" ".join(error.sentences))
            return
        _log.warning("delivery-in-force", number=len(self._delivery.routes))
