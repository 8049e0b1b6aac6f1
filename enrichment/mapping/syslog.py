"""Syslog: RFC 5424, the older RFC 3164, and the octet counting of RFC 6587.

Strict about what RFC 5424 defines. Of RFC 3164 only what senders keep to is read: priority, time, host, tag and
message; its time has neither a year nor a zone, so it is no time that a mapping may use, and it is handed on as text.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.mapping.cef import parse_cef
from enrichment.mapping.json_values import read_json
from enrichment.mapping.outcome import FieldRefused

#: Elements and parameters of one message's structured data.
PARAMETERS_MAX: Final = 500
#: Digits of a count.
COUNT_BYTES_MAX: Final = 9
_NONE: Final = "-"
_PRIORITY: Final = re.compile(r"<(0|[1-9]\d{0,2})>", re.ASCII)
_PRIORITY_MAX: Final = 191
_HEAD_5424: Final = re.compile(
    r"1 (?P<timestamp>\S+) (?P<hostname>[!-~]{1,255}) (?P<app_name>[!-~]{1,48}) (?P<procid>[!-~]{1,128}) "
    r"(?P<msgid>[!-~]{1,32}) "
)
_HEAD_3164: Final = re.compile(
    r"(?P<timestamp>[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (?P<hostname>\S{1,255}) "
    r"(?:(?!CEF:)(?P<app_name>[^\s:\[]{1,48})(?:\[(?P<procid>[^\]\s]{1,128})\])?: ?)?",
    re.ASCII,
)
_TIME_5424: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_ELEMENT: Final = re.compile(r'\[([^\s=\]"]{1,100})')
_PARAMETER: Final = re.compile(r' ([^\s=\]"]{1,100})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_BYTE_ORDER_MARK: Final = "\ufeff"

Message = Literal["text", "json", "cef"]


def parse_syslog(text: str, message: Message) -> dict[str, Any]:
    """Return a syslog message: its head by name, ``structured`` by element and parameter, and ``message``.

    Args:
        text: one message, with or without octet counting in front of it.
        message: what stands behind the head, and is read.

    Raises:
        FieldRefused: it is none.
    """
    text = _uncounted(text).rstrip("\r\n")
    priority = _PRIORITY.match(text)
    if priority is None or int(priority[1]) > _PRIORITY_MAX:
        raise FieldRefused("is no syslog message: it does not begin with a priority")
    number = int(priority[1])
    rest = text[priority.end() :]
    found: dict[str, Any] = {"facility": number // 8, "severity": number % 8, "structured": {}}
    if rest.startswith("1 "):
        body = _read_5424(rest, found)
    else:
        head = _HEAD_3164.match(rest)
        if head is None:
            raise FieldRefused("is no syslog message: its head is neither of RFC 5424 nor of RFC 3164")
        found.update(head.groupdict())
        body = rest[head.end() :]
    return {**found, "message": _body(body, message)}


def _read_5424(text: str, found: dict[str, Any]) -> str:
    head = _HEAD_5424.match(text)
    if head is None:
        raise FieldRefused("is no syslog message: its head is not of RFC 5424")
    found.update({name: None if value == _NONE else value for name, value in head.groupdict().items()})
    if found["timestamp"] is not None and not _TIME_5424.fullmatch(found["timestamp"]):
        raise FieldRefused("is no syslog message: its time is not of RFC 5424")
    at = head.end()
    if text.startswith(_NONE, at):
        at += len(_NONE)
    elif text.startswith("[", at):
        at = _structured(text, at, found["structured"])
    else:
        raise FieldRefused("is no syslog message: it has no structured data, not even -")
    if text[at : at + 1] not in {"", " "}:
        raise FieldRefused("is no syslog message: something stands right behind its structured data")
    return text[at + 1 :].removeprefix(_BYTE_ORDER_MARK)


def _structured(text: str, at: int, elements: dict[str, dict[str, str]]) -> int:
    count = 0
    while text.startswith("[", at):
        element = _ELEMENT.match(text, at)
        if element is None or element[1] in elements:
            raise FieldRefused("is no syslog message: its structured data cannot be read one way")
        parameters = elements[element[1]] = {}
        at = element.end()
        while (parameter := _PARAMETER.match(text, at)) is not None:
            count += 1
            if parameter[1] in parameters or count > PARAMETERS_MAX:
                raise FieldRefused("is no syslog message: a parameter stands twice, or there are too many")
            parameters[parameter[1]] = re.sub(r'\\(["\\\]])', r"\1", parameter[2])
            at = parameter.end()
        if not text.startswith("]", at):
            raise FieldRefused("is no syslog message: its structured data does not end")
        at += 1
    return at


def _body(text: str, message: Message) -> Any:
    if message == "cef":
        return parse_cef(text)
    if message == "json":
        # Behind a tag some senders write @cee: before JSON, as rsyslog's lumberjack form has it.
        return read_json(text.strip().removeprefix("@cee:").encode())
    return text


def _uncounted(text: str) -> str:
    count = re.match(r"([1-9]\d{0,8}) <", text)
    if count is None:
        return text
    behind = text[count.end() - 1 :]
    if len(behind.rstrip("\n").encode()) != int(count[1]) and len(behind.encode()) != int(count[1]):
        raise FieldRefused("is no syslog message: it is not as long as it says")
    return behind


def frames(stream: BinaryIO) -> Iterator[bytes | FieldRefused]:
    """Yield the messages of a stream that counts octets. Where it breaks off, the last one is a refusal."""
    while head := stream.read(1):
        if head in b"\r\n":
            continue
        while not head.endswith(b" ") and len(head) <= COUNT_BYTES_MAX and (more := stream.read(1)):
            head += more
        length = int(head) if re.fullmatch(rb"[1-9]\d* ", head) else 0
        if not 0 < length <= VALUE_BYTES_MAX:
            yield FieldRefused("is no counted syslog message, and where the next one begins is not known")
            return
        message = stream.read(length)
        if len(message) < length:
            yield FieldRefused("breaks off in the middle of a syslog message")
            return
        yield message
