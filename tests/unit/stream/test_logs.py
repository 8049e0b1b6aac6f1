"""The log: one name for each event, bounded repeats, no text of an error, and a page that lists everything."""

import json
import logging
from pathlib import Path

from stream.logs import (
    EVENTS,
    EVENTS_COUNTED_MAX,
    FIELDS,
    REPEATS_MAX,
    REPEATS_SPAN_SECONDS,
    Repeats,
    formatter,
    manual,
    said,
)

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    """Written again whenever an event changes."""
    assert (ROOT / "docs" / "logs.md").read_text("utf-8") == manual(), "docs/logs.md is old: run `make docs`"


def test_every_event_and_field_is_listed() -> None:
    """Nobody can say an event, or a field such as a person's id, that the page does not have; and it has no other."""
    places = list(said())
    assert {one.event for one in places} == EVENTS.keys()
    assert {field for one in places for field in one.fields} == FIELDS.keys()


def test_runbooks_name_events_that_there_are() -> None:
    """What stands behind *log event* in a runbook is said by the code."""
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        for part in page.read_text("utf-8").split("log event `")[1:]:
            assert part.partition("`")[0] in EVENTS, f"{page.name}: {part[:40]}"


def _line(**given: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "a", "levelname": "WARNING", "levelno": logging.WARNING})
    record.msg = given.pop("msg", {"event": "batch-held", **given})
    return record


def test_repeats_are_said_a_few_times_and_counted() -> None:
    """What was left out is said with the next; another agent's is another event."""
    now = 0.0
    repeats = Repeats(lambda: now)
    assert sum(repeats.filter(_line(agent="screen")) for _ in range(100)) == REPEATS_MAX
    assert repeats.filter(_line(agent="alert"))
    now = REPEATS_SPAN_SECONDS
    later = _line(agent="screen")
    assert repeats.filter(later)
    assert json.loads(formatter(text=False).format(_structured(later)))["left_out"] == 100 - REPEATS_MAX


def test_what_is_counted_is_bounded() -> None:
    """A library whose every line is another one does not fill the memory."""
    repeats = Repeats()
    for number in range(EVENTS_COUNTED_MAX * 2):
        repeats.filter(_line(msg=f"line {number}"))
    assert len(repeats._counts) == EVENTS_COUNTED_MAX


def test_the_text_of_an_error_is_left_out() -> None:
    """Neither in a library's arguments nor in a traceback; its class and place are there."""
    try:
        _fail()
    except KeyError as error:
        record = logging.makeLogRecord({"name": "faust", "msg": "crashed: %r", "args": (error,)})
        record.exc_info = (type(error), error, error.__traceback__)
    for text in (True, False):
        Repeats().filter(record)
        line = formatter(text=text).format(record)
        assert "Aroha" not in line
        assert "S-4711" not in line
        assert "KeyError" in line
        assert "ValueError" in line
        assert __file__ in line


def _fail() -> None:
    try:
        int("Aroha Ngata")
    except ValueError as error:
        raise KeyError("S-4711") from error


def test_a_line_is_json() -> None:
    """With its event, level, logger and time beside its fields."""
    found = json.loads(formatter(text=False).format(_structured(_line(agent="screen"))))
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "batch-held", "agent": "screen", "level": "warning", "logger": "a"}


def _structured(record: logging.LogRecord) -> logging.LogRecord:
    """Mark a record as structlog does."""
    record._logger, record._name = logging.getLogger(record.name), "warning"
    return record
