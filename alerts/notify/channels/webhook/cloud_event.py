"""A message as a CloudEvent 1.0: JSON, structured mode."""

from typing import Final

import orjson

from alerts.notify.message import Message

#: CloudEvents' ``source``.
SOURCE: Final = "/accesswatch/alerts"


def cloud_event(message: Message) -> bytes:
    """Write the event; the same message always gives the same bytes."""
    envelope = {
        "specversion": "1.0",
        "id": message.key,
        "source": SOURCE,
        "type": message.event_type,
        "subject": message.subject_id,
        "time": message.at,
        "datacontenttype": "application/json",
        "data": message.data,
    }
    return orjson.dumps(envelope)
