"""Every event that the service says in its log, and what it means; ``python -m stream.log_events`` writes the docs.

Levels and fields are read from the code itself, so that this page cannot say another thing than the service does.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("enrichment", "alerts", "agents", "stream")
_ROOT = Path(__file__).parents[1]

#: Event -> what it means, and what follows.
EVENTS = {
    "activity-not-noted": "Who is at work could not be noted in Redis; those figures are too low for a moment.",
    "alert-withheld": "An alert about Internal Integrity itself has no channel to go to: `messages-withheld`.",
    "alerts-wait": "Revisions wait to be published to Kafka; it is tried again.",
    "alerts-wait-for-routes": "The store did not say which alerts somebody is to be told of; it is tried again.",
    "batch-goes-on": "What a held batch waited for is back.",
    "batch-held": "An agent waits for what `why` names; nothing is skipped, and it goes on by itself: `held`.",
    "changes-link-broke": "The link on which Redis says what changed broke; nothing is kept in memory meanwhile.",
    "channel-waits": "A channel's messages could not be taken from the store; it is tried again.",
    "claim-not-renewed": "Publishing takes long and the store does not answer; another worker may publish the same.",
    "closing-took-long": "Connections did not close in time; everything was committed before.",
    "commit-failed": "Kafka did not take a commit; it is tried again with the next.",
    "commit-not-taken": "The partitions have moved to another worker; what was in hand is read again there.",
    "delivery-in-force": "A changed delivery file is in force; `number` of routes.",
    "delivery-rejected": "A changed delivery file holds mistakes, said in `why`; the one before stays in force.",
    "demo-not-tidied": "The demo could not remove its topics or keys from services that are not its own.",
    "ending-stuck": "The watchdog ends the process with 70; `tasks` says where each stood: `no-progress`.",
    "figures-not-read": "Some figures for `/metrics` could not be read; they are the next time.",
    "join-not-taken": "The consumer group answered a join with an error that may pass; it is asked again.",
    "judging-failed": "A rule or a limit of ours failed for one access, which is parked; `where` is the place.",
    "kafka-away": "Kafka does not say where the topics end; `/readyz` says so too.",
    "limits-in-force": "Changed limits are in force.",
    "limits-rejected": "A changed limits file holds mistakes, said in `why`; those before stay in force: `limits`.",
    "message-not-sent": "A channel did not take a message; `result` says whether it is tried again or was given up.",
    "no-hit-of-ours": "A record on the topic of hits that no worker wrote; it is passed over and counted.",
    "no-progress": "Nothing moves although it could; `/livez` is red.",
    "not-all-finished": "Some of what was in hand is not finished; it is read again at the next start.",
    "not-started": "The worker did not start, for the reason that `why` gives.",
    "old-messages-not-removed": "The store did not remove what was told long ago; it is tried again.",
    "old-work-not-forgotten": "The store did not take out old work; it is tried again in an hour.",
    "parking-counts-not-kept": "How much was parked could not be noted in Redis.",
    "parking-counts-not-read": "How much was parked could not be read from Redis; the count begins anew.",
    "part-failed": "A part of the worker failed; the worker ends and is started again by its platform.",
    "part-not-finished": "A part could not finish everything when the worker stopped; the rest is kept.",
    "people-read-ahead": "All staff and the watchlist are in memory.",
    "recipients-refused": "A mail server took a message and refused some of its recipients.",
    "reference-data-complete": "The reference data are complete; accesses are read.",
    "reference-data-incomplete": "Accesses are held until the reference data are complete again.",
    "reference-data-lost": "Redis was emptied, went back, or the topics are new; everything is read again.",
    "reference-data-not-looked-at": "Kafka or Redis did not say how far the reference data are; it is asked again.",
    "revisions-published-twice": "This worker was held up past its claim; the same revisions were published once more.",
    "seek-failed": "Reading on from what is committed failed after a rebalance; the next assignment seeks again.",
    "started": "All agents run.",
    "stopped": "The worker has ended; what was acknowledged is committed.",
    "stopping": "The worker finishes what is in hand.",
    "trace-parked": "A record is too large for its dead-letter topic; its trace is parked.",
}
#: Every field there is, and what stands in it. None holds an id of a person or of their records.
FIELDS = {
    "agent": "`screen`, `reference`, `alert`, `hindsight`, `deliver`",
    "agents": "those that this worker runs",
    "alert": "id of an alert: a digest, which names nobody to whoever has no right to the store",
    "attempt": "the how manieth try",
    "before": "hash of the limits before",
    "channel": "a channel of the delivery file",
    "code": "exit code",
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
    "why": "a sentence of our own, or the class of an error",
}
_LEVELS = ("debug", "info", "warning", "error")
_TITLE = """# The log

The service writes events to stderr: JSON, or lines on a terminal (`ACCESSWATCH_LOG_FORMAT` is `auto`, `json` or `text`;
`ACCESSWATCH_LOG_LEVEL` is `INFO` unless set). This page is made from the code (`make docs`): do not edit it.

    {"event":"batch-held","agent":"screen","why":"Redis does not answer (ConnectionError)","level":"warning",
     "logger":"agents.holding","timestamp":"2026-11-20T09:14:07.123456Z"}

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
                    yield _said(node, f"{file.relative_to(_ROOT)}:{node.lineno}")


def _said(call: ast.Call, place: str) -> Said:
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


if __name__ == "__main__":
    sys.stdout.write(manual())
