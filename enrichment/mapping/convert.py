"""Converting: the closed list of what turns a selected value into what a field of ours needs.

Each is small, typed and the same every time; there are no loops, no arithmetic and no code. The order in which
they are carried out is fixed: ``FieldSpec`` lists it. A value that does not fit is refused with a reason that does not
repeat it.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import re2

from enrichment.mapping.mapping_file import UNSAID, FieldSpec
from enrichment.mapping.outcome import FieldRefused
from enrichment.mapping.select import Expression, Select
from enrichment.mapping.times import clock, date_reader, reader

#: Bytes of a digest that stands for a record or a contact detail: 32 characters, and no two meet.
DIGEST_BYTES: Final = 20
#: Parts that a text is split into.
SPLIT_PARTS_MAX: Final = 1_000
_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)

Convert = Callable[[Any], Any]
#: Turns the digest's input into a digest; of contact details it needs a secret.
Digest = Callable[[bytes], bytes]


class PatternMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """RE2 does not take the pattern, or it has no such group."""


def converter(spec: FieldSpec, source: str, key: bytes | None, *, of_list: bool) -> Select:
    """Return what makes one field of a record: from the record to the value, None where it stays empty.

    Args:
        spec: what the mapping says of the field.
        source: the mapping's name, which digests take in: two sources never make the same.
        key: the secret of this installation, for tokens of contact details; None where there is none.
        of_list: whether the field holds a list.

    Raises:
        ExpressionMistake, TimeMistake, PatternMistake: the file has a mistake there.
    """
    if "const" in spec.model_fields_set:
        value = spec.const
        return lambda _record: value
    select = _source(spec, source)
    steps = _steps(spec, key)
    last = _at_the_end(spec)

    def convert(record: Any) -> Any:
        value = select(record)
        if value == "" or value is None:
            return last(None)
        for step in steps:
            value = _each(step, value) if type(value) is list else step(value)
            if value is None or value == "":
                return last(None)
        if of_list and type(value) is not list:
            return [value]
        return last(value)

    return convert


def _each(step: Convert, values: list[Any]) -> list[Any]:
    """Take a step with each member of a list; what becomes empty is left out, and what comes twice, once."""
    done: list[Any] = []
    for value in values:
        one = step(value) if value is not None and value != "" else None
        for member in one if type(one) is list else (one,):
            if member is not None and member != "" and member not in done:
                done.append(member)
    return done


def _source(spec: FieldSpec, source: str) -> Select:
    if spec.take is not None:
        return Expression.parse(spec.take).select
    if spec.concat is not None:
        parts = [_part(one) for one in spec.concat]

        def concat(record: Any) -> str | None:
            texts = [part(record) for part in parts]
            return None if None in texts else "".join(texts)  # type: ignore[arg-type] # the None was looked for

        return concat
    selects = [Expression.parse(one).select for one in spec.hash or ()]
    name = source

    def digest(record: Any) -> str | None:
        values = [select(record) for select in selects]
        if all(value is None for value in values):
            return None
        return _digits(hashlib.sha256(orjson.dumps([name, *map(_plain, values)])).digest())

    return digest


def _part(text: str) -> Callable[[Any], str | None]:
    expression = Expression.parse(text)
    if (constant := expression.constant) is not None:
        return lambda _record: constant

    def part(record: Any) -> str | None:
        value = expression.select(record)
        return None if value is None or value == "" else as_text(value)

    return part


def _digits(digest: bytes) -> str:
    return b32encode(digest[:DIGEST_BYTES]).decode().lower()


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, always the same for the same value."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | bytes):
        return str(value)
    if isinstance(value, dict | list):
        raise FieldRefused("a part of the hash is a list or an object")
    return value


def _steps(spec: FieldSpec, key: bytes | None) -> list[Convert]:
    said = spec.model_fields_set
    steps: list[Convert] = []
    if "zero_is" in said:
        steps.append(lambda value: None if value == "0" or (type(value) is int and value == 0) else value)
    if spec.text:
        steps.append(as_text)
    # A value that is there and has not the form that is looked for is refused, unless the mapping says otherwise.
    lenient = "default" in said or spec.otherwise not in (UNSAID, "refuse")
    form = [
        *([_behind(spec.after)] if spec.after is not None else ()),
        *([_before(spec.before)] if spec.before is not None else ()),
        *([_matching(spec.regex.pattern, spec.regex.group)] if spec.regex is not None else ()),
    ]
    steps += form if lenient else map(_or_refused, form)
    if spec.lower:
        steps.append(lambda value: _text(value).lower())
    if spec.split is not None:
        steps.append(_split(spec.split))
    if spec.table is not None:
        steps.append(_looked_up(spec))
    steps += _typed(spec, key)
    if spec.prefix is not None:
        before = spec.prefix
        steps.append(lambda value: before + as_text(value))
    return steps


def _typed(spec: FieldSpec, key: bytes | None) -> list[Convert]:
    steps: list[Convert] = []
    if spec.int:
        steps.append(_int)
    if spec.number:
        steps.append(_float)
    if spec.time is not None:
        steps.append(reader(spec.time, clock(spec.zone, spec.repeated_hour, spec.missing_hour)))
    if spec.date is not None:
        steps.append(date_reader(spec.date))
    if spec.token is not None:
        steps.append(_token(spec.token, key))
    return steps


def _at_the_end(spec: FieldSpec) -> Convert:
    """Return what a field is where nothing is left of it."""
    said = spec.model_fields_set
    instead = spec.default if "default" in said else spec.otherwise
    if instead is UNSAID or instead is None:
        return lambda value: value
    if "otherwise" in said and instead == "refuse":

        def refuse(value: Any) -> Any:
            if value is None:
                raise FieldRefused("is empty")
            return value

        return refuse
    return lambda value: instead if value is None else value


# -- the closed list ----------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return a value as text: what is text, a whole number, or true and false.

    Raises:
        FieldRefused: it is something else. A number with a fraction may have lost digits on its way.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return] # its type was just looked at
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float or kind is Decimal:
        if kind is Decimal and value == value.to_integral_value():
            return str(int(value))
        raise FieldRefused("is a number with a fraction, which is no id and no name")
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise FieldRefused("is a list or an object" if isinstance(value, list | dict) else "is no text")


def _or_refused(step: Convert) -> Convert:
    def strict(value: Any) -> Any:
        found = step(value)
        if found is None:
            raise FieldRefused("is not of the form that the mapping names")
        return found

    return strict


def _text(value: Any) -> str:
    if type(value) is not str:
        raise FieldRefused("is no text")
    return value


def _behind(mark: str) -> Convert:
    def behind(value: Any) -> str | None:
        _, found, rest = _text(value).partition(mark)
        return rest if found else None

    return behind


def _before(mark: str) -> Convert:
    def before(value: Any) -> str | None:
        first, found, _ = _text(value).partition(mark)
        return first if found else None

    return before


def _matching(pattern: str, group: int) -> Convert:
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        raise PatternMistake("is no regular expression that RE2 takes") from None
    if group > compiled.groups:
        raise PatternMistake(f"has no group {group}; group: 0 takes all that matches")

    def matching(value: Any) -> str | None:
        found = compiled.search(_text(value))
        return None if found is None else found.group(group)

    return matching


def _split(mark: str) -> Convert:
    def split(value: Any) -> list[str]:
        parts = _text(value).split(mark, SPLIT_PARTS_MAX)
        if len(parts) > SPLIT_PARTS_MAX:
            raise FieldRefused(f"has more than {SPLIT_PARTS_MAX} parts")
        return [part.strip() for part in parts if part.strip()]

    return split


def _looked_up(spec: FieldSpec) -> Convert:
    table = spec.table or {}
    # What else says of an empty field it says of an unknown value, too, unless the table says so itself.
    unknown = spec.otherwise if spec.unknown is UNSAID else spec.unknown
    refuses = unknown is UNSAID or unknown == "refuse"
    left_out = unknown is None or unknown == "drop"

    def look_up(value: Any) -> Any:
        found = table.get(value if type(value) is str else as_text(value), UNSAID)
        if found is not UNSAID:
            return found
        if refuses:
            raise FieldRefused("is not in the mapping's table")
        return None if left_out else unknown

    return look_up


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise FieldRefused("is no whole number")


def _float(value: Any) -> float:
    if type(value) is int or type(value) is float or type(value) is Decimal:
        return float(value)
    if type(value) is str and _NUMBER.fullmatch(value):
        return float(value)
    raise FieldRefused("is no number")


def _token(kind: str, key: bytes | None) -> Convert:
    """Return what turns a contact detail into an opaque token: the same detail, the same token, in every source."""

    def token(value: Any) -> str | None:
        text = as_text(value)
        kept = "".join(filter(str.isdigit, text)) if kind == "digits" else " ".join(text.split()).casefold()
        if not kept:
            return None
        if key is None:
            raise FieldRefused("needs the secret of this installation (ACCESSWATCH_TOKEN_KEY) to be made opaque")
        return _digits(hmac.digest(key, kept.encode(), "sha256"))

    return token
