"""Logging: one line for each thing worth knowing, on stderr; ids of batches and offsets, never of people."""

import logging
import sys

#: Libraries that say little worth knowing below a warning.
_QUIET = ("aiokafka", "faust", "mode", "kafka", "asyncio", "alembic", "sqlalchemy", "aiohttp", "mail.log")


def configure(level: str) -> None:
    """Log to stderr from this level on; libraries from WARNING on."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
