"""Events: what is worth knowing in a log, by name, with fields. ``docs/logs.md`` lists every one.

A field never holds an id of a person or a record of theirs: places in Kafka, counts, names of classes, and sentences of
our own, which name nobody.
"""

import logging
from typing import cast

import structlog


def events(module: str) -> structlog.stdlib.BoundLogger:
    """Return what a module says its events to; how they are written down is decided once, by ``stream/logs.py``."""
    wrapped = structlog.wrap_logger(
        logging.getLogger(module),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return cast("structlog.stdlib.BoundLogger", wrapped)
