"""Text from outside as a person may safely be shown it: no character of it steers a terminal or hides from the reader.

Labels, sources, ids, file names and headers are written by others. Control characters move a terminal's cursor and
erase what stands there, bidirectional marks turn text around, and what has no width or looks blank makes two ids look
alike. Each is shown by its number instead, as ``less`` does: ``<U+001B>``.
"""

import re
from typing import Any, Final

#: Printable for Python and yet nothing to see: joiners, fillers, variation selectors, the blank of Braille.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def plain(text: str) -> str:
    """Return the text with each character that is not to be seen as itself replaced by its number.

    Line ends and tabs are such characters too: what comes from one value stays in its line and its column.
    """
    if text.isprintable() and (text.isascii() or not _BLANK.search(text)):
        return text
    return "".join(one if one.isprintable() and not _BLANK.match(one) else f"<U+{ord(one):04X}>" for one in text)


def plain_json(line: str) -> str:
    """Return a line of JSON with an escape for each character in it that is not to be seen as itself: the same JSON.

    Such a character stands in a text of it: what is between its texts is plain.
    """
    if plain(line) == line:
        return line
    return "".join(one if plain(one) == one else _json_escape(one) for one in line)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def plain_inside(value: Any) -> Any:
    """Return a value of lists, objects and texts with every text in it made plain."""
    match value:
        case str():
            return plain(value)
        case dict():
            return {plain_inside(name): plain_inside(inside) for name, inside in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain_inside(inside) for inside in value]
    return value
