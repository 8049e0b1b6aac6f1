"""Webhooks: CloudEvents 1.0 in JSON, signed as Standard Webhooks has it.

Signed is ``<webhook-id>.<webhook-timestamp>.<body>``, HMAC-SHA256, base64, behind ``v1,``. The id is the
same on every attempt, and so is ``Idempotency-Key``: a receiver that saw it may drop the repeat.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from alerts.notify.attempts import Attempt
from alerts.notify.channels.base import Opened
from alerts.notify.channels.webhook.cloud_event import cloud_event
from alerts.notify.channels.webhook.settings import WebhookChannel, key_bytes
from alerts.notify.https import Endpoint
from alerts.notify.message import Message, quotable

_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class WebhookSender:
    """Posts to one address."""

    def __init__(self, opened: Opened[WebhookChannel]) -> None:
        channel = opened.channel
        self._endpoint = Endpoint(channel.url, channel.ca_file, channel.timeout_seconds, opened.proxy)
        self._secret = opened.shown()

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``; *now* goes into the signature."""
        body = cloud_event(message)
        headers = {"Content-Type": _CONTENT_TYPE, **signed(message.key, body, now, self._secret)}
        hidden = {*quotable(message), *headers.values()} - {_CONTENT_TYPE}
        return await self._endpoint.post(body, headers, now, hidden=hidden)


def signed(key: str, body: bytes, now: datetime, secret: SecretStr) -> dict[str, str]:
    """Return the headers that name, date and sign a message."""
    timestamp = str(int(now.timestamp()))
    content = f"{key}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key_bytes(secret), content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": key,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
        "Idempotency-Key": key,
    }
