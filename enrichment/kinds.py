"""The field types that every input shares: ids, times, dates, and "null means absent".

They take exactly what the contract takes: no coercion, no guessing. A value that does
not fit raises pydantic's ``ValidationError``, whose messages never carry the value.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

ID_LENGTH_MAX = 64

#: RFC 3339: a "T" between date and time, seconds, and an offset. Ranges are checked by the parser behind it.
_TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class _TimeSchema:
    """Text of the RFC 3339 form first, then a datetime that knows its offset; both steps run in pydantic's core."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=_TIME_PATTERN, strict=True, max_length=64),
                core_schema.datetime_schema(strict=False, tz_constraint="aware"),
            ],
        )


class _DateSchema:
    """Text of the form 2026-11-20, then a date."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=_DATE_PATTERN, strict=True),
                core_schema.date_schema(strict=False),
            ],
        )


def printable(value: str) -> str:
    """Give the text, which must hold no character that cannot be printed."""
    if not value.isprintable():
        raise ValueError("holds characters that are not printable")
    return value


#: An instant with its offset. "2026-11-20T09:14:07.123+13:00".
Time = Annotated[datetime, _TimeSchema()]

#: A calendar date without a time; read as a New Zealand date.
Day = Annotated[date, _DateSchema()]

#: 1 to 64 printable characters, compared exactly.
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX), AfterValidator(printable)]


def null_is(default: Callable[[], Any]) -> BeforeValidator:
    """In a reference record an optional field may be null, which is the same as absent.

    On a tuple it needs ``Strict(False)`` beside it: behind a Python function pydantic sees
    the JSON array as a list, and a strict tuple takes no list. What is inside stays strict.
    """
    return BeforeValidator(lambda value: default() if value is None else value)
