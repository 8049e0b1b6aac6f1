"""From the bytes of a record to a wire model, or a refusal that says why without repeating what it read."""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from pydantic_core import SchemaValidator, from_json

from enrichment.formats import look
from enrichment.schemas import NAMES, Access, Record, printable

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
#: Further below nothing than any value has commas.
_ASKS_FOR_A_CLOSER_LOOK = -2 * VALUE_BYTES_MAX

Stage = Literal["decode", "validate", "screen", "map"]
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
    try:
        record = read(model, value)
    except ValidationError as error:
        _refuse_what_is_read_over(value)
        raise _refusal(error, model, value) from None
    commas = _commas(record)
    if commas != value.count(b",") and commas != _commas_outside_text(value):
        _refuse_what_is_read_over(value)
        refuse_names_twice(value)
    return record


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


def _commas(record: Record, depth: int = 1) -> int:
    """Count the commas with which JSON writes a record where no text in it holds one and no name stands twice.

    It is never more than were read, and one less for each name that stood twice: of those, only the last was kept. So
    where it is what was read, nothing stood twice, which costs a tenth of what looking for names twice does. It is
    ``_ASKS_FOR_A_CLOSER_LOOK`` or less where a field that the contract does not name may hold what is no JSON.
    """
    # The names of the fields that it came with, known and unknown.
    count = (len(record.__pydantic_fields_set__) or 1) - 1
    extra = record.__pydantic_extra__
    if extra:
        for value in extra.values():
            kind = type(value)
            if kind is not str and kind is not int:
                count += _commas_inside(value, depth)
    for name in record.lists:
        held = getattr(record, name)
        if held:
            count += len(held) - 1
    for name in record.nested:
        inner = getattr(record, name)
        if inner:
            for one in inner if type(inner) is tuple else (inner,):
                count += _commas(one, depth + 2)
    return count


def _commas_inside(value: Any, depth: int) -> int:
    """Count the same in what JSON was read into, inside something of this depth."""
    kind = type(value)
    if kind is float:
        return 0 if isfinite(value) else _ASKS_FOR_A_CLOSER_LOOK
    if kind is dict:
        inside: Collection[Any] = value.values()
    elif kind is list:
        inside = value
    else:
        return 0
    if depth >= DEPTH_MAX:
        return _ASKS_FOR_A_CLOSER_LOOK
    count = len(inside) - 1 if inside else 0
    for one in inside:
        count += _commas_inside(one, depth + 1)
    return count


def _commas_outside_text(value: bytes) -> int | None:
    """Count the commas that stand in no text; None where quotation marks alone do not tell where a text ends."""
    return None if _ESCAPE in value else b"".join(value.split(b'"')[::2]).count(b",")


def refuse_names_twice(text: bytes) -> None:
    """Refuse JSON in which an object names something twice: two readers would take two values for it.

    Raises:
        Refused: there is one, at whatever depth, or it is no JSON.
    """
    try:
        json.loads(text, object_pairs_hook=_once, parse_int=str)
    except (ValueError, RecursionError):
        raise NotJson("is no JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise Invalid(f"{twice}: stands twice in one object" if twice in NAMES else "a name stands twice in one object")


def _refuse_what_is_read_over(value: bytes) -> None:
    """Refuse what the parser takes where it keeps nothing of it: what is too deep, and NaN."""
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise TooDeep(f"nested deeper than {DEPTH_MAX}")
    if b"NaN" in value or b"Infinity" in value:
        _refuse_not_a_number(value)


def _depth(value: bytes) -> int:
    """Return the deepest nesting, reading no further than where it is known to be too deep."""
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


def _refusal(error: ValidationError, model: type[Record], value: bytes) -> Refused:
    mistakes = error.errors(include_url=False, include_input=False)
    form = look(value, required(model))
    looks = f"; looks like {form}" if form else ""
    if mistakes[0]["type"] == "json_invalid":
        return NotJson(_place(mistakes[0]["msg"]) + looks)
    named = [_mistake(item["loc"], item["msg"], item["type"]) for item in mistakes[:MISTAKES_MAX]]
    if len(mistakes) > MISTAKES_MAX:
        named.append(f"and {len(mistakes) - MISTAKES_MAX} more")
    return Invalid("; ".join(named) + looks)


@cache
def required(model: type[Record]) -> frozenset[str]:
    """Return the names without which a record of this kind is none."""
    return frozenset(field.alias or name for name, field in model.model_fields.items() if field.is_required())


def _mistake(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    if kind == "string_pattern_mismatch":
        message = "is not of the form that the contract gives"
    place = ".".join(str(part) for part in loc)
    return f"{place}: {message.removeprefix('Value error, ')}" if place else message.removeprefix("Value error, ")


def _place(message: str) -> str:
    """Keep what the parser says of the place, which never quotes the text."""
    return message.removeprefix("Invalid JSON: ")
