"""A message in the Common Event Format, in one line, and the syslog message (RFC 5424) around it."""

from datetime import UTC, datetime
from typing import Final

from alerts.assessment import Severity
from alerts.notify.message import PRODUCT, VERSION, Message
from enrichment.plain_text import plain

#: CEF counts from 0 to 10.
_CEF_SEVERITIES: Final[dict[Severity, int]] = {"low": 3, "medium": 5, "high": 8, "critical": 10}
#: RFC 5424: informational, notice, warning, error.
_SYSLOG_SEVERITIES: Final[dict[Severity, int]] = {"low": 6, "medium": 5, "high": 4, "critical": 3}
_HOSTNAME_CHARACTERS_MAX: Final = 255
#: RFC 5424's MSGID.
_KIND: Final = "alert"


def cef(message: Message) -> str:
    """Write the line: standard keys where CEF has one, custom strings with their labels where not."""
    extract = message.extract
    said: dict[str, str] = {
        "externalId": message.subject_id,
        "rt": _milliseconds(message.at),
        "msg": f"{message.note} {message.where} {message.look}",
    }
    if message.link:
        said["request"] = message.link
    signature = message.event_type
    if extract:
        signature = extract.rules[0][0] if extract.rules else signature
        said |= {
            "start": _milliseconds(extract.first_access_at),
            "end": _milliseconds(extract.last_access_at),
            "cnt": str(extract.access_count),
            "cs1Label": "rules",
            "cs1": ", ".join(rule for rule, _ in extract.rules),
            "cs2Label": "status",
            "cs2": extract.status,
            "cn1Label": "revision",
            "cn1": str(extract.revision),
        }
        if extract.outcome is not None:
            said["outcome"] = extract.outcome
        if extract.staff_id is not None:
            said["suid"] = extract.staff_id
        if extract.client_id is not None:
            said |= {"cs3Label": "client", "cs3": extract.client_id}
    head = [PRODUCT, PRODUCT, VERSION, signature, message.title, str(_CEF_SEVERITIES[message.severity])]
    extension = " ".join(f"{key}={_value(value)}" for key, value in said.items())
    return f"CEF:0|{'|'.join(_header(part) for part in head)}|{extension}"


def syslog(message: Message, hostname: str, facility: int) -> bytes:
    """Write the syslog message. No byte order mark stands before the text: receivers look for CEF at its beginning."""
    priority = facility * 8 + _SYSLOG_SEVERITIES[message.severity]
    at = message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = "".join(letter for letter in hostname if "!" <= letter <= "~")[:_HOSTNAME_CHARACTERS_MAX] or "-"
    return f"<{priority}>1 {at} {host} {PRODUCT} - {_KIND} - {cef(message)}".encode()


def _header(text: str) -> str:
    return _line(text.replace("\\", "\\\\").replace("|", "\\|"))


def _value(text: str) -> str:
    return _line(text.replace("\\", "\\\\").replace("=", "\\="))


def _line(text: str) -> str:
    return plain(" ".join(text.splitlines()))


def _milliseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))
