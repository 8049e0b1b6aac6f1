"""Logging: events on stderr, as JSON where a program reads them and as lines where a person does.

What repeats is said a few times and then counted: a service that is away for an hour shall not fill a disk. What an
error says is left out, its class and its place stay: its text may quote a value, and values are personal data.
"""

import logging
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

Form = Literal["auto", "json", "text"]

#: Libraries that say little worth knowing below a warning.
_QUIET = ("aiokafka", "faust", "mode", "kafka", "asyncio", "alembic", "sqlalchemy", "aiohttp", "mail.log")
#: So often an event is said within the span; what comes beyond is counted, and the count is said with the next one.
REPEATS_MAX = 5
REPEATS_SPAN_SECONDS = 60.0
#: Different events that are counted at a time; past it the oldest is forgotten.
EVENTS_COUNTED_MAX = 500
#: Fields that make one event another: a channel that is away does not hide that a second one is, too.
_TELL_APART = ("agent", "channel", "topic", "part", "setting")
_FRAMES_MAX = 20


def configure(level: str, form: Form = "auto") -> None:
    """Log to stderr from this level on; libraries from WARNING on. *auto* is text on a terminal and JSON elsewhere."""
    on_terminal = sys.stderr.isatty()
    text = form == "text" or (form == "auto" and on_terminal)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(formatter(text=text, colours=text and on_terminal))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(*, text: bool, colours: bool = False) -> structlog.stdlib.ProcessorFormatter:
    """Write events and the lines of libraries in one form."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=colours) if text else structlog.processors.JSONRenderer(_json)
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _count_left_out,
            _without_what_errors_say,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )


class Repeats(logging.Filter):
    """Lets each event through a few times in a span, and counts the others."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        #: Event -> when its span began, how often it was said in it, and how many were left out.
        self._counts: OrderedDict[tuple[Any, ...], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one; a library's arguments lose what errors among them say."""
        if isinstance(record.args, tuple):
            record.args = tuple(type(one).__name__ if isinstance(one, BaseException) else one for one in record.args)
        now, key = self._clock(), _event_of(record)
        began, said, left_out = self._counts.pop(key, [now, 0, 0])
        if now - began >= REPEATS_SPAN_SECONDS:
            began, said = now, 0
        through = said < REPEATS_MAX
        if through:
            record.left_out = int(left_out)
        self._counts[key] = [began, said + 1, 0 if through else left_out + 1]
        if len(self._counts) > EVENTS_COUNTED_MAX:
            self._counts.popitem(last=False)
        return through


def _event_of(record: logging.LogRecord) -> tuple[Any, ...]:
    """Name what a record is about: an event with what tells it apart, or a library's line without its values."""
    said: Any = record.msg
    if isinstance(said, dict):
        return (record.name, said.get("event"), *(said.get(name) for name in _TELL_APART))
    return record.name, str(said)


def _count_left_out(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    left_out = getattr(event["_record"], "left_out", 0)
    if left_out:
        event["left_out"] = left_out
    return event


def _without_what_errors_say(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put an error's classes and places where its text would be, what it followed from first."""
    raised = event.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    chain: list[str] = []
    while isinstance(error, BaseException) and len(chain) < _FRAMES_MAX:
        frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES_MAX)
        places = " > ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
        chain.insert(0, f"{type(error).__name__} at {places}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if chain:
        event["errors"] = chain
    return event


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
