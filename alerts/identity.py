"""Who an alert is: a pure function of whom it is about and the New Zealand day.

The same input gives the same id on any machine, however often it is replayed.
"""

import hashlib
import json
from base64 import b32encode
from datetime import date

#: Characters of the id after its prefix: 100 bits, so that two alerts never meet.
_ID_CHARACTERS = 20


def alert_id(staff_id: str, client_id: str | None, day: date) -> str:
    """Give the id of the alert about this actor (and client, for rules about a pair) on this day.

    Args:
        staff_id: the actor.
        client_id: the client, or None for an alert about the actor alone.
        day: the New Zealand date of ``occurred_at``.
    """
    identity = json.dumps([staff_id, client_id, day.isoformat()], ensure_ascii=False).encode()
    digest = b32encode(hashlib.sha256(identity).digest()).decode().lower()
    return f"al-{digest[:_ID_CHARACTERS]}"
