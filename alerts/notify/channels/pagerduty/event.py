"""A message as an event of PagerDuty's Events v2: an alert there is the alert here, by ``dedup_key``."""

from typing import Any, Final, Literal

import orjson

from alerts.assessment import Severity
from alerts.notify.message import PRODUCT, Message

#: PagerDuty's own bound.
_SUMMARY_CHARACTERS_MAX: Final = 1024
_SEVERITIES: Final[dict[Severity, str]] = {"low": "info", "medium": "warning", "high": "error", "critical": "critical"}


def pager_event(message: Message, routing_key: str) -> bytes:
    """Write the event: trigger, acknowledge or resolve, as the alert stands."""
    action = _action(message)
    event: dict[str, Any] = {"routing_key": routing_key, "event_action": action, "dedup_key": message.subject_id}
    if action == "trigger":
        details = dict(message.facts) | {"Note": message.note, "Look": message.look}
        event |= {
            "client": PRODUCT,
            "payload": {
                "summary": message.subject[:_SUMMARY_CHARACTERS_MAX],
                "source": PRODUCT,
                "severity": _SEVERITIES[message.severity],
                "timestamp": message.at,
                "custom_details": details,
            },
        }
        if message.link:
            event |= {"client_url": message.link, "links": [{"href": message.link, "text": message.where}]}
    return orjson.dumps(event)


def _action(message: Message) -> Literal["trigger", "acknowledge", "resolve"]:
    status = message.extract.status if message.extract else "new"
    if status == "closed":
        return "resolve"
    return "acknowledge" if status == "acknowledged" else "trigger"
