r"""CEF, as ArcSight defined it: a head of seven parts between bars, and behind it names and values.

Strict, where parsers in use guess: in the head a bar and a backslash are written ``\|`` and ``\\``, in values the
equals sign and a backslash are ``\=`` and ``\\``, and a line end is ``\n`` or ``\r``. A value reaches to the next name
behind a blank; other blanks in it are its own, and so is an equals sign that a sender forgot to escape. What stands
before ``CEF:`` is a syslog header.
"""

import re
from typing import Any, Final

from enrichment.mapping.outcome import FieldRefused

#: Names of one record.
NAMES_MAX: Final = 500
_HEAD: Final = (
    "cefVersion",
    "deviceVendor",
    "deviceProduct",
    "deviceVersion",
    "deviceEventClassId",
    "name",
    "severity",
)
_NAME: Final = re.compile(r"(?:^|(?<= ))([A-Za-z0-9_.\[\]-]{1,100})=")
_LABEL: Final = "Label"
_HEAD_ESCAPES: Final = {"\\": "\\", "|": "|"}
_VALUE_ESCAPES: Final = {"\\": "\\", "=": "=", "n": "\n", "r": "\r", "|": "|"}


def parse_cef(text: str) -> dict[str, Any]:
    """Return a CEF record: its head by ArcSight's names, ``extension`` by names, and ``labelled``.

    ``labelled`` holds what stands in the custom fields by the names that the record itself gives them: with
    ``cs1=open cs1Label=Decision`` it is ``{"Decision": "open"}``.

    Raises:
        FieldRefused: it is none.
    """
    start = text.find("CEF:")
    if start < 0:
        raise FieldRefused("is no CEF: there is no CEF: in it")
    head, at = _head(text, start + len("CEF:"))
    extension = _extension(text[at:].strip("\r\n"))
    labelled: dict[str, str] = {}
    for name, label in extension.items():
        value = extension.get(name.removesuffix(_LABEL)) if name.endswith(_LABEL) else None
        if value is not None and label:
            if label in labelled:
                raise FieldRefused("is no CEF that can be read one way: a label stands on two fields")
            labelled[label] = value
    record: dict[str, Any] = dict(zip(_HEAD, head, strict=True))
    return {**record, "extension": extension, "labelled": labelled, "header": text[:start].strip() or None}


def _head(text: str, at: int) -> tuple[list[str], int]:
    parts: list[str] = []
    part: list[str] = []
    while len(parts) < len(_HEAD):
        if at >= len(text):
            raise FieldRefused("is no CEF: its head ends before its seven parts")
        letter = text[at]
        if letter == "\\":
            part.append(_unescaped(text[at + 1 : at + 2], _HEAD_ESCAPES))
            at += 1
        elif letter == "|":
            parts.append("".join(part))
            part = []
        elif letter in "\r\n":
            raise FieldRefused("is no CEF: a line ends in its head")
        else:
            part.append(letter)
        at += 1
    if not parts[0].isdigit():
        raise FieldRefused("is no CEF: its version is no number")
    return parts, at


def _extension(text: str) -> dict[str, str]:
    if not text.strip():
        return {}
    names = list(_NAME.finditer(text))
    if not names or text[: names[0].start()].strip():
        raise FieldRefused("is no CEF: behind its head stands something without a name")
    if len(names) > NAMES_MAX:
        raise FieldRefused(f"has more than {NAMES_MAX} names")
    found: dict[str, str] = {}
    ends = [name.start() for name in names[1:]] + [len(text)]
    for name, end in zip(names, ends, strict=True):
        if name[1] in found:
            raise FieldRefused("is no CEF that can be read one way: a name stands in it twice")
        found[name[1]] = _value(text[name.end() : end].rstrip(" "))
    return found


def _value(text: str) -> str:
    if "\\" not in text:
        return text
    built: list[str] = []
    rest = iter(text)
    for letter in rest:
        if letter == "\\":
            built.append(_unescaped(next(rest, ""), _VALUE_ESCAPES))
        else:
            built.append(letter)
    return "".join(built)


def _unescaped(letter: str, escapes: dict[str, str]) -> str:
    if letter not in escapes:
        raise FieldRefused("is no CEF: a backslash stands before what needs none")
    return escapes[letter]
