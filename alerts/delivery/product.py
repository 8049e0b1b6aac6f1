"""Who says it, for receivers that ask for a product and its version."""

from importlib.metadata import version
from typing import Final

PRODUCT: Final = "accesswatch"
VERSION: Final = version(PRODUCT)
