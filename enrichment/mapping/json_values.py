"""JSON that can be read one way only, and text that is UTF-8."""

from typing import Any

import orjson

from enrichment.decode import DEPTH_MAX, Refused, refuse_names_twice
from enrichment.mapping.outcome import FieldRefused


def text_of(value: bytes) -> str:
    """Return a value as text.

    Raises:
        FieldRefused: it is not UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise FieldRefused("is not UTF-8 text") from None


def read_json(value: bytes) -> Any:
    """Return what a JSON value holds.

    Raises:
        FieldRefused: it is no JSON, nests too deep, or an object of it names something twice.
    """
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # What the parser says of the place, which never quotes the text.
        raise FieldRefused(f"is no JSON ({error.msg}, line {error.lineno}, column {error.colno})") from None
    if value.count(b'":') != _names(found, 1):
        try:
            refuse_names_twice(value)
        except Refused as refused:
            raise FieldRefused(str(refused)) from None
    return found


def _names(found: Any, depth: int) -> int:
    """Count the names in what JSON was read into; one that stood twice is kept once."""
    if type(found) is dict:
        count, inside = len(found), list(found.values())
    elif type(found) is list:
        count, inside = 0, found
    else:
        return 0
    if depth > DEPTH_MAX:
        raise FieldRefused(f"nests deeper than {DEPTH_MAX}")
    for one in inside:
        kind = type(one)
        if kind is dict or kind is list:
            count += _names(one, depth + 1)
    return count
