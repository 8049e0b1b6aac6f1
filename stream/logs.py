"""Logging: events on stderr, as JSON where a program reads them and as lines where a person does.

What repeats is said a few times and then counted: a service that is away for an hour shall not fill a disk. Of an error
its class and its place are said, never its text: that may quote a value, and values are personal data.

``EVENTS`` says what each event means. ``python -m stream.logs`` writes ``docs/logs.md``, with levels and fields read
from the code itself.
"""

import ast
import logging
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from enrichment.errors import why
from enrichment.plain_text import plain_inside, plain_json

PACKAGES = ("enrichment", "alerts", "history", "agents", "stream", "sandbox", "console")
_ROOT = Path(__file__).parents[1]

#: Event -> what it means, and what follows.
EVENTS = {
    "activity-not-noted": "Who is at work could not be noted in Redis; those figures are too low for a moment.",
    "alert-withheld": "An alert about Internal Integrity itself has no channel to go to: `messages-withheld`.",
    "alerts-wait": "Revisions wait to be published to Kafka; it is tried again.",
    "alerts-wait-to-settle": "What has settled could not be made new yet: a store does not answer; it is tried again.",
    "alerts-wait-for-routes": "The store did not say which alerts somebody is to be told of; it is tried again.",
    "assessment-not-renewed": "An assessment with its work is too large for its topic; it stays as it was.",
    "batches-smaller": "A topic takes smaller batches than ours; they are made so, and sent again.",
    "batch-goes-on": "What a held batch waited for is back.",
    "batch-held": "An agent waits for what `why` names; nothing is skipped, and it goes on by itself: `held`.",
    "canaries-missed": "A rule has not found the access made for it: `canaries`; `number` of rules.",
    "canaries-not-run": "A service did not answer, so the canaries were not run; they are the next time.",
    "canaries-refused": "Somebody else uses a reserved id, or ids are too few; `accesswatch canary run` says which.",
    "canary-use-not-noted": "Accesses that mix a reserved id with others could not be noted in Redis.",
    "changes-link-broke": "The link on which Redis says what changed broke; nothing is kept in memory meanwhile.",
    "channel-waits": "A channel's messages could not be taken from the store; it is tried again.",
    "claim-not-renewed": "Publishing takes long and the store does not answer; another worker may publish the same.",
    "closing-took-long": "Connections did not close in time; everything was committed before.",
    "commit-failed": "Kafka did not take a commit; it is tried again with the next.",
    "commit-not-taken": "The partitions have moved to another worker; what was in hand is read again there.",
    "delivery-in-force": "A changed delivery file is in force; `number` of routes.",
    "delivery-rejected": "A changed delivery file holds mistakes, said in `why`; the one before stays in force.",
    "deletion-matched-nothing": "Null values on a topic of reference data deleted nothing; docs/reference-data.md.",
    "demo-not-tidied": "The demo could not remove its topics or keys from services that are not its own.",
    "ending-late": "Something hung while stopping, and the process ends with 1; `tasks` says where each stood.",
    "ending-stuck": "The watchdog ends the process with 70; `tasks` says where each stood: `no-progress`.",
    "figures-not-read": "Some figures for `/metrics` could not be read; they are the next time.",
    "history-gap": "Assessments were gone before the history had read them; their partition waits: `history-behind`.",
    "history-not-compacted": "A month of the history could not be compacted; it is tried again.",
    "history-seized": "Another worker writes the history, or a gap was accepted: it is begun anew from the table.",
    "history-unread": "Records on the topic of assessments that are none; they are kept as they are, and counted.",
    "history-waits": "The history cannot be written or Kafka does not answer; nothing is lost, it is tried again.",
    "instance-id-shared": "Another worker has our ACCESSWATCH_INSTANCE_ID: partitions go to and fro between the two.",
    "judging-failed": "A rule or a limit of ours failed for one access, which is parked; `where` is the place.",
    "kafka-away": "Kafka does not say where the topics end; `/readyz` says so too.",
    "kafka-token-not-renewed": "No new token for Kafka: `why`; the one before is good to its end.",
    "late-work-not-refilled": "Accesses that wait for late work could not be read again from Kafka; it is tried again.",
    "late-work-refilled": "After Redis was lost, `number` of accesses wait again for late work.",
    "limits-in-force": "Changed limits are in force.",
    "limits-rejected": "A changed limits file holds mistakes, said in `why`; those before stay in force: `limits`.",
    "mapping-failed": "A mistake of ours in mapping one record, which is parked; `where` is the place.",
    "message-not-sent": "A channel did not take a message; `result` says whether it is tried again or was given up.",
    "no-hit-of-ours": "A record on the topic of hits that no worker wrote; it is passed over and counted.",
    "no-progress": "Nothing moves although it could; `/livez` is red.",
    "not-all-finished": "Some of what was in hand is not finished; it is read again at the next start.",
    "old-messages-not-removed": "The store did not remove what was told long ago; it is tried again.",
    "old-work-not-forgotten": "The store did not take out old work; it is tried again in an hour.",
    "parking-counts-not-kept": "How much was parked could not be noted in Redis.",
    "parking-counts-not-read": "How much was parked could not be read from Redis; the count begins anew.",
    "partition-shorter": "A partition ends before where it was read: it was made anew, and is read from its beginning.",
    "part-failed": "A part of the worker failed; the worker ends and is started again by its platform.",
    "part-not-finished": "A part could not finish everything when the worker stopped; the rest is kept.",
    "people-read-ahead": "All staff and the watchlist are in memory.",
    "poll-waits": "A polled database, the store or Kafka does not answer; it is asked again.",
    "poll-refused": "Kafka refused to give records, for the reason in `why`; it is asked again.",
    "recipients-refused": "A mail server took a message and refused some of its recipients.",
    "record-not-looked-at": "Kafka did not answer while an unreadable record was sought; it is asked again.",
    "record-not-unpacked": "The Kafka client library cannot unpack records; they are parked, and what follows is read.",
    "records-gone": "Records that were not read yet are gone from Kafka: `lost-unread`.",
    "reference-data-complete": "The reference data are complete; accesses are read.",
    "reference-data-incomplete": "Accesses are held until the reference data are complete again.",
    "reference-data-lost": "Redis was emptied, went back or lost keys, or topics are new; everything is read again.",
    "reference-data-not-looked-at": "Kafka or Redis did not say how far the reference data are; it is asked again.",
    "revisions-published-twice": "This worker was held up past its claim; the same revisions were published once more.",
    "row-too-large": "A row of a polled database is too large for Kafka and was left out; `adapt coverage` shows it.",
    "started": "All agents run.",
    "stopped": "The worker has ended; what was acknowledged is committed.",
    "stopping-early": "The worker is told to stop before everything was started; what one agent did is committed.",
    "stopping": "The worker finishes what is in hand.",
    "tasks-not-ended": "Some of what runs beside the agents did not end; the worker closes all the same.",
    "trace-parked": "A record is too large for its dead-letter topic; its trace is parked.",
}
#: Every field there is, and what stands in it. None holds an id of a person or of their records.
FIELDS = {
    "agent": "`screen`, `reference`, `alert`, `hindsight`, `history`, `deliver`, `adapt`",
    "agents": "those that this worker runs",
    "alert": "id of an alert: a digest, which names nobody to whoever has no right to the store",
    "attempt": "the how manieth try",
    "before": "hash of the limits before",
    "channel": "a channel of the delivery file",
    "bytes": "a size",
    "code": "exit code",
    "end": "where a partition ends",
    "hash": "hash of the limits",
    "kept": "hash of the limits that stay in force",
    "number": "how many",
    "offset": "place in Kafka",
    "part": "a part of the worker",
    "partition": "place in Kafka",
    "release": "version",
    "result": "`retried`, `parked`",
    "route": "a route of the delivery file",
    "seconds": "how long it took",
    "tasks": "where each task stands: names of functions, files and lines",
    "topic": "place in Kafka",
    "what": "which figures",
    "where": "class of the error, function, file and line",
    "why": "why, in words: what the other side said, and what to do; names nobody and holds no value",
}
_LEVELS = ("debug", "info", "warning", "error")
_TITLE = """# The log

The service writes events to stderr: JSON, or lines on a terminal (`ACCESSWATCH_LOG_FORMAT` is `auto`, `json` or `text`;
`ACCESSWATCH_LOG_LEVEL` is `INFO` unless set). This page is made from the code (`make docs`): do not edit it.

    {"event":"batch-held","agent":"screen","why":"Redis does not answer (connection refused)","level":"warning",
     "logger":"agents.retry","timestamp":"2026-11-20T09:14:07.123456Z"}

Every line has `event`, `level`, `logger` and `timestamp`. The same event (of the same agent, channel, topic, part) is
written five times a minute at most; the next line of it then carries `left_out`, how many were not. A line of a library
has its text as `event`, from WARNING on; Faust writes of its starts and stops under our names. An error's text is never
written, since it may quote a value: `errors` holds classes and places. Names behind a meaning, as `held`, are pages in
[runbooks](runbooks/).

| event | level | fields | what it means |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One place in the code at which an event is said."""

    event: str
    level: str
    fields: tuple[str, ...]
    place: str


def said() -> Iterator[Said]:
    """Find every place."""
    for package in PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log."):
                    yield _call_event(node, f"{file.relative_to(_ROOT)}:{node.lineno}")


def _call_event(call: ast.Call, place: str) -> Said:
    level = ast.unparse(call.func).removeprefix("_log.")
    if level not in _LEVELS or len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        raise ValueError(f"{place}: an event is one name, with what it is about as fields")
    return Said(str(call.args[0].value), level, tuple(sorted(one.arg or "**" for one in call.keywords)), place)


def manual() -> str:
    """Write the whole page."""
    found = list(said())
    lines = [_line(event, [one for one in found if one.event == event]) for event in sorted(EVENTS)]
    fields = [f"| `{name}` | {meaning} |" for name, meaning in sorted(FIELDS.items())]
    return _TITLE + "\n".join([*lines, "", "| field | what stands in it |", "|---|---|", *fields]) + "\n"


def _line(event: str, places: list[Said]) -> str:
    levels = ", ".join(sorted({one.level for one in places}))
    fields = ", ".join(f"`{name}`" for name in sorted({name for one in places for name in one.fields}))
    return f"| `{event}` | {levels} | {fields} | {EVENTS[event]} |"


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
            *((_plain,) if text else ()),
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
        """Decide about one; errors among a library's arguments say why in our words, and nothing else."""
        if isinstance(record.args, tuple):
            record.args = tuple(why(one) if isinstance(one, BaseException) else one for one in record.args)
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


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let nothing that came from outside steer the terminal on which the lines are read."""
    return {name: plain_inside(value) for name, value in event.items()}


def _json(event: Any, **_options: Any) -> str:
    return plain_json(orjson.dumps(event, default=str).decode())


if __name__ == "__main__":
    sys.stdout.write(manual())
