"""A message as an OCSF Detection Finding (class 2004), for a SIEM or a data lake."""

from datetime import datetime
from typing import Any, Final

import orjson

from alerts.alert import Status
from alerts.assessment import Severity
from alerts.notify.message import PRODUCT, VERSION, Extract, Message

#: The schema that the findings follow; later ones of OCSF 1 take them too.
OCSF_VERSION: Final = "1.5.0"

_CATEGORY, _CLASS = (2, "Findings"), (2004, "Detection Finding")
_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_SEVERITIES: Final[dict[Severity, tuple[int, str]]] = {
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_STATUSES: Final[dict[Status, tuple[int, str]]] = {
    "new": (1, "New"),
    "acknowledged": (2, "In Progress"),
    "closed": (4, "Resolved"),
}


def finding(message: Message) -> bytes:
    """Write the finding; one about several alerts has no rule and no accesses of its own."""
    extract = message.extract
    status = _STATUSES[extract.status if extract else "new"]
    activity = _activity(message, extract)
    event: dict[str, Any] = {
        **_named("activity", activity, text="activity_name"),
        **_named("category", _CATEGORY, number="category_uid", text="category_name"),
        **_named("class", _CLASS, number="class_uid", text="class_name"),
        "type_uid": _CLASS[0] * 100 + activity[0],
        "type_name": f"{_CLASS[1]}: {activity[1]}",
        **_named("severity", _SEVERITIES[message.severity]),
        **_named("status", status),
        "time": _milliseconds(message.at),
        "message": message.subject,
        "comment": message.note,
        "is_alert": True,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": message.key,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION},
        },
        "finding_info": _finding_info(message, extract),
    }
    if extract:
        event |= _accesses(extract)
    return orjson.dumps(event)


def _activity(message: Message, extract: Extract | None) -> tuple[int, str]:
    if extract and extract.status == "closed":
        return _CLOSE
    return _CREATE if message.key == message.thread_key else _UPDATE


def _finding_info(message: Message, extract: Extract | None) -> dict[str, Any]:
    info: dict[str, Any] = {
        "uid": message.subject_id,
        "title": message.title,
        "desc": message.where + " " + message.look,
    }
    if message.link:
        info["src_url"] = message.link
    if extract:
        first, *others = [{"uid": rule, "name": title, "type_id": 1, "type": "Rule"} for rule, title in extract.rules]
        info |= {
            "analytic": first,
            "created_time": _milliseconds(extract.raised_at),
            "modified_time": _milliseconds(extract.updated_at),
            "first_seen_time": _milliseconds(extract.first_access_at),
            "last_seen_time": _milliseconds(extract.last_access_at),
        }
        if others:
            info["related_analytics"] = others
    return info


def _accesses(extract: Extract) -> dict[str, Any]:
    said: dict[str, Any] = {
        "count": extract.access_count,
        "start_time": _milliseconds(extract.first_access_at),
        "end_time": _milliseconds(extract.last_access_at),
        "unmapped": {"revision": extract.revision, "self_reported": extract.self_reported},
    }
    if extract.outcome is not None:
        said["status_detail"] = extract.outcome
    if extract.staff_id is not None:
        said["evidences"] = [{"actor": {"user": {"uid": extract.staff_id}}}]
    if extract.client_id is not None:
        said["resources"] = [{"uid": extract.client_id, "type": "client record"}]
    return said


def _named(what: str, value: tuple[int, str], *, number: str | None = None, text: str | None = None) -> dict[str, Any]:
    """Return a value as OCSF has it: a number and its name."""
    return {number or f"{what}_id": value[0], text or what: value[1]}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
