"""JSON that is no record but holds one: which envelope it is, and where in it the record lies.

Nothing of what it holds is repeated, and of its names only those of ``HOLDERS``, which well-known envelopes use.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

#: Objects of an envelope that are searched for the record.
OBJECTS_MAX: Final = 1000
#: Levels of an envelope that are searched for the record.
LEVELS_MAX: Final = 5
#: Envelopes inside one another of which each is named.
ENVELOPES_MAX: Final = 2
#: Names that envelopes use for what they hold: no others are repeated.
HOLDERS: Final = frozenset((
    "payload", "after", "before", "data", "value", "record", "records", "Records", "message", "messages", "body",
    "event", "events", "detail", "content", "document", "fullDocument", "fields", "attributes", "result", "results",
    "item", "items", "entity", "object", "row", "rows", "_source",
))  # fmt: skip

_DELETION: Final = "a deletion is sent as a null value"
_AS_STRING: Final = ", as a string that holds JSON"
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")

Required = Collection[str]


def shape(content: Any, required: Required, more: int = ENVELOPES_MAX) -> str | None:
    """Return what some JSON looks like and where the record lies in it, or None where it looks like nothing known.

    Args:
        content: what the JSON was read into.
        required: the names without which a record of this kind is none.
        more: how many envelopes inside one another are still named.
    """
    if not more:
        return None
    if isinstance(content, list):
        return _several(content, required, more)
    if isinstance(content, str):
        return _twice(content, required, more)
    if not isinstance(content, dict) or _is_record(content, required):
        return None
    for known in (_debezium, _connect, _cloud_event, _rest_proxy, _other_changes):
        if words := known(content, required):
            return words
    place = _place(content, required)
    return f"an envelope: the record lies in {place}" if place else _renamed(content, required)


def holds_record(text: str, required: Required) -> bool:
    """Return whether a text is JSON of what may be meant as a record."""
    try:
        return _is_record(from_json(text), required)
    except ValueError:
        return False


def _is_record(content: Any, required: Required) -> bool:
    """Return whether this may be meant as a record: it has half of the names without which none is one."""
    return isinstance(content, dict) and 2 * sum(name in content for name in required) >= len(required)


def _several(content: list[Any], required: Required, more: int) -> str:
    if not content:
        return "an empty JSON array"
    words = f"a JSON array of {len(content)}: each item must be sent as a record of its own"
    inside = shape(content[0], required, more - 1)
    return f"{words}, and the first looks like {inside}" if inside else words


def _twice(content: str, required: Required, more: int) -> str | None:
    try:
        held = from_json(content)
    except ValueError:
        return None
    if not isinstance(held, dict | list):
        return None
    words = "JSON that was encoded twice: the record lies in the string"
    inside = shape(held, required, more - 1)
    return f"{words}, which looks like {inside}" if inside else words


# -- the known ones -----------------------------------------------------------------------------------------------


def _debezium(content: dict[str, Any], _required: Required) -> str | None:
    payload, where = (content["payload"], "payload.") if "schema" in content and "payload" in content else (content, "")
    if not isinstance(payload, dict) or "op" not in payload or not payload.keys() & {"before", "after"}:
        return None
    after = payload.get("after")
    if after is None:
        return f"a Debezium envelope of a deletion: {where}after is null, and {_DELETION}"
    return f"a Debezium envelope: the record lies in {where}after{_AS_STRING * isinstance(after, str)}"


def _connect(content: dict[str, Any], required: Required) -> str | None:
    if content.keys() != {"schema", "payload"}:
        return None
    words = "Kafka Connect's JSON with its schema"
    if content["payload"] is None:
        return f"{words}: payload is null, and {_DELETION}"
    return f"{words}: the record lies in {_below('payload', content, required)} (schemas.enable=false leaves it out)"


def _cloud_event(content: dict[str, Any], required: Required) -> str | None:
    if not {"specversion", "type"} <= content.keys():
        return None
    if "data_base64" in content:
        return "a CloudEvents envelope: the record lies in data_base64, in base64"
    if "data" not in content:
        return "a CloudEvents envelope without data"
    return f"a CloudEvents envelope: the record lies in {_below('data', content, required)}"


def _rest_proxy(content: dict[str, Any], _required: Required) -> str | None:
    records = content.get("records")
    if not isinstance(records, list) or not records or not isinstance(records[0], dict) or "value" not in records[0]:
        return None
    return f"a request to Kafka's REST proxy: a record lies in each item of records ({len(records)}), under value"


def _other_changes(content: dict[str, Any], _required: Required) -> str | None:
    names = content.keys()
    if "op_type" in names and names & {"before", "after"}:
        return "GoldenGate's envelope: the record lies in after"
    if {"database", "table", "type", "data"} <= names:
        several = isinstance(content["data"], list)
        return f"the envelope of Maxwell or Canal: the record lies in {'each item of ' * several}data"
    if names == {"data", "metadata"}:
        return "the envelope of AWS DMS: the record lies in data"
    return None


def _renamed(content: dict[str, Any], required: Required) -> str | None:
    if _is_record(dict.fromkeys(map(_letters, content)), [_letters(name) for name in required]):
        return "a record whose names are written otherwise: the contract's have small letters, and _ between words"
    return None


def _letters(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())


# -- where in it --------------------------------------------------------------------------------------------------


def _below(name: str, content: dict[str, Any], required: Required) -> str:
    """Name where the record lies below a name of an envelope: under that itself, unless something is found below it."""
    inside = content[name]
    if isinstance(inside, str):
        return f"{name}{_AS_STRING}"
    if isinstance(inside, list):
        return f"each item of {name}"
    below = None if _is_record(inside, required) else _place(inside, required)
    return f"{name}.{below}" if below else name


def _place(content: Any, required: Required) -> str | None:
    """Name where a record lies, nearest the top, by the names on the way to it; None where none is found."""
    waiting: deque[tuple[tuple[str, ...], Any]] = deque([((), content)])
    for _ in range(OBJECTS_MAX):
        if not waiting:
            break
        way, one = waiting.popleft()
        for name, inside in _members(one):
            here = (*way, name)
            first = inside[0] if isinstance(inside, list) and inside else inside
            if _is_record(first, required):
                return _named(here, several=first is not inside)
            if isinstance(first, str) and name in HOLDERS and holds_record(first, required):
                return _named(here, several=first is not inside) + _AS_STRING
            if isinstance(first, dict) and len(here) < LEVELS_MAX:
                waiting.append((here, first))
    return None


def _members(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping):
        yield from content.items()


def _named(way: tuple[str, ...], *, several: bool) -> str:
    """Write a way; a name on it that is none of ours to repeat is left out, and it is said that there was one."""
    if all(name in HOLDERS for name in way):
        return "each item of " * several + ".".join(way)
    return f"{'an array inside' if several else 'an object inside'} another, {len(way)} below the outermost"
