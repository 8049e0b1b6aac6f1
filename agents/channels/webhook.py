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

from agents.channels.https import Endpoint
from alerts.delivery.attempts import Attempt
from alerts.delivery.channel_settings import WebhookChannel
from alerts.delivery.cloud_event import cloud_event
from alerts.delivery.credentials import key_bytes
from alerts.delivery.messages import Message

_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class WebhookSender:
    """Posts to one address."""

    def __init__(self, channel: WebhookChannel, secret: SecretStr) -> None:
        self._endpoint = Endpoint(channel.url, channel.ca_file, channel.timeout_seconds)
        self._secret = secret

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``; *now* goes into the signature."""
        body = cloud_event(message)
        headers = {"Content-Type": _CONTENT_TYPE, **signed(message.key, body, now, self._secret)}
        return await self._endpoint.post(body, headers, now)


def signed(key: str, body: bytes, now: datetime, secret: SecretStr) -> dict[str, str]:
    """Give the headers that name, date and sign a message."""
    timestamp = str(int(now.timestamp()))
    content = f"{key}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key_bytes(secret), content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": key,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
        "Idempotency-Key": key,
    }
