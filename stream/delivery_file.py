"""The delivery file that the settings name; without one, the shipped file, which tells nobody."""

import os
from pathlib import Path

from alerts.notify import config
from alerts.notify.routes import Delivery
from stream.settings import Settings


def path_of(settings: Settings) -> Path:
    """Return where the delivery file lies."""
    return settings.delivery or config.shipped_path()


def load_delivery(settings: Settings) -> Delivery:
    """Read the delivery file.

    Raises:
        alerts.notify.config.DeliveryError: with a sentence for each mistake.
    """
    return config.load(path_of(settings), os.environ)
