"""The delivery routes in force: what ACCESSWATCH_DELIVERY names, or the shipped ones, which tell nobody."""

import os

from alerts.delivery.routes import Delivery, load, shipped_path
from stream.settings import Settings


def load_delivery(settings: Settings) -> Delivery:
    """Read the delivery file.

    Raises:
        alerts.delivery.routes.DeliveryError: with a sentence for each mistake.
    """
    return load(settings.delivery or shipped_path(), os.environ)
