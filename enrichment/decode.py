"""From the bytes of a record to a wire model, or a refusal that says why without repeating what it read."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from pydantic_core import SchemaValidator, from_json

from enrichment.kinds import printable
from enrichment.wire import Access, Record

#: The largest value that is looked at, in bytes.
VALUE_BYTES_MAX = 1024 * 1024
#: The deepest nesting of objects and arrays; the outermost object is 1.
DEPTH_MAX = 64
#: How far ``occurred_at`` may lie ahead of the record's own timestamp.
AHEAD_MAX = timedelta(hours=24)
#: How many mistakes of one record are named.
MISTAKES_MAX = 5

#: Less than ``AHEAD_MAX`` by more than what a number of seconds is exact to.
_SURELY_NOT_AHEAD_SECONDS = AHEAD_MAX.total_seconds() - 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_OPENING = b"[{"
_ESCAPE, _DELETE = b"\\", b"\x7f"

Stage = Literal["decode", "validate", "screen"]
M = TypeVar("M", bound=Record)


class Refused(Exception):  # noqa: N818 it is an answer about the record, not a failure of ours
    """This record can never be judged; ``stage`` and the sentence go into its dead letter's headers.

    The sentence names fields and what was expected of them, never what was found.
    """

    stage: Stage = "decode"


class NotJson(Refused):
    """Not UTF-8 JSON, or JSON with NaN or Infinity in it."""


class TooLarge(Refused):
    """Over ``VALUE_BYTES_MAX``."""


class TooDeep(Refused):
    """Nested deeper than ``DEPTH_MAX``."""


class Invalid(Refused):
    """Well-formed JSON that is not what the contract names."""

    stage = "validate"


def decode(model: type[M], value: bytes | None) -> M:
    """Read one record.

    Args:
        model: what the topic carries.
        value: the record's bytes; None is a null value.

    Raises:
        Refused: with the stage and a sentence.
    """
    if value is None:
        raise Invalid("the value is null")
    if len(value) > VALUE_BYTES_MAX:
        raise TooLarge(f"the value has {len(value)} bytes; at most {VALUE_BYTES_MAX} are taken")
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise TooDeep(f"nested deeper than {DEPTH_MAX}")
    if b"NaN" in value or b"Infinity" in value:
        _refuse_not_a_number(value)
    try:
        return read(model, value)
    except ValidationError as error:
        raise _refusal(error) from None


def read(model: type[M], text: bytes) -> M:
    """Read a record of ours, or one that is neither too large, nor too deep, nor holds what is no JSON.

    Raises:
        ValidationError: it is not of the form that the model names.
    """
    plain = text.isascii() and _ESCAPE not in text and _DELETE not in text
    validator = _without_looking_for_unprintable(model) if plain else model.__pydantic_validator__
    record: M = validator.validate_json(text)
    return record


def decode_access(value: bytes | None, timestamp_ms: int | None) -> Access:
    """Read one access, which must not lie more than a day ahead of the time at which it was recorded.

    Args:
        value: the record's bytes.
        timestamp_ms: the record's own timestamp, in milliseconds since 1970; None or negative where it has none.

    Raises:
        Refused: with the stage and a sentence.
    """
    access = decode(Access, value)
    if (
        timestamp_ms is not None
        and timestamp_ms >= 0
        and access.occurred_at.timestamp() > timestamp_ms / 1000 + _SURELY_NOT_AHEAD_SECONDS
    ):
        # In whole microseconds, since a record's timestamp may lie beyond the longest timedelta.
        ahead_us = (access.occurred_at - _EPOCH) // _MICROSECOND - timestamp_ms * 1000
        if ahead_us > AHEAD_MAX // _MICROSECOND:
            raise Invalid("occurred_at: lies more than 24 hours ahead of the record's timestamp")
    return access


@cache
def _without_looking_for_unprintable(model: type[Record]) -> SchemaValidator:
    """Make the model's validator once more for text of plain characters only, all of which can be printed.

    JSON holds control characters as escapes only, so text of ASCII without escapes and without DEL has none in it.
    The rest is the same; a fifth of the time goes into calling Python for each id.
    """

    def stripped(schema: Any) -> Any:
        if isinstance(schema, dict):
            if schema.get("type") == "function-after" and schema["function"]["function"] is printable:
                return stripped(schema["schema"])
            return {name: stripped(part) for name, part in schema.items()}
        return [stripped(part) for part in schema] if isinstance(schema, list) else schema

    return SchemaValidator(stripped(model.__pydantic_core_schema__))


def _depth(value: bytes) -> int:
    """Give the deepest nesting, reading no further than where it is known to be too deep."""
    depth = deepest = 0
    for bracket in _BRACKETS.finditer(_STRING.sub(b"", value)):
        depth += 1 if bracket.group() in _OPENING else -1
        deepest = max(deepest, depth)
        if deepest > DEPTH_MAX:
            break
    return deepest


def _refuse_not_a_number(value: bytes) -> None:
    """NaN inside a string is a word, outside it is no JSON: only a full parse can tell."""
    try:
        from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise NotJson(_place(str(error))) from None


def _refusal(error: ValidationError) -> Refused:
    mistakes = error.errors(include_url=False, include_input=False)
    if mistakes[0]["type"] == "json_invalid":
        return NotJson(_place(mistakes[0]["msg"]))
    named = [_mistake(item["loc"], item["msg"], item["type"]) for item in mistakes[:MISTAKES_MAX]]
    if len(mistakes) > MISTAKES_MAX:
        named.append(f"and {len(mistakes) - MISTAKES_MAX} more")
    return Invalid("; ".join(named))


def _mistake(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    if kind == "string_pattern_mismatch":
        message = "is not of the form that the contract gives"
    place = ".".join(str(part) for part in loc)
    return f"{place}: {message.removeprefix('Value error, ')}" if place else message.removeprefix("Value error, ")


def _place(message: str) -> str:
    """Keep what the parser says of the place, which never quotes the text."""
    return message.removeprefix("Invalid JSON: ")
