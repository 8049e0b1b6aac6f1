"""Webhooks: CloudEvents 1.0 in JSON, signed as Standard Webhooks has it.

Signed is ``<webhook-id>.<webhook-timestamp>.<body>``, HMAC-SHA256, base64, behind ``v1,``. The id is the
same on every attempt, and so is ``Idempotency-Key``: a receiver that saw it may drop the repeat.
Redirects are not followed: the body was meant for the address in the settings.
"""

import base64
import hashlib
import hmac
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from pydantic import SecretStr

from alerts.delivery.attempts import Again, Attempt, Refused, Sent
from alerts.delivery.channel_settings import WebhookChannel
from alerts.delivery.cloud_event import cloud_event
from alerts.delivery.credentials import key_bytes
from alerts.delivery.messages import Message

#: Of the 4xx, those that pass by themselves.
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class WebhookSender:
    """Posts to one address."""

    def __init__(self, channel: WebhookChannel, secret: SecretStr) -> None:
        self._channel = channel
        self._secret = secret

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``; *now* goes into the signature."""
        tls = ssl.create_default_context(cafile=self._channel.ca_file)
        timeout = aiohttp.ClientTimeout(total=self._channel.timeout_seconds)
        body = cloud_event(message)
        headers = {"Content-Type": _CONTENT_TYPE, **signed(message.key, body, now, self._secret)}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._channel.url, data=body, headers=headers, allow_redirects=False, ssl=tls) as response,
            ):
                return _answered(response.status, response.headers.get("Retry-After"), now)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Again(type(error).__name__)


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


def _answered(status: int, retry_after: str | None, now: datetime) -> Attempt:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Sent()
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING:
        return Refused(f"HTTP {status}")
    return Again(f"HTTP {status}", _after(retry_after, now))


def _after(text: str | None, now: datetime) -> timedelta | None:
    """Read Retry-After, seconds or an HTTP date; None when there is none, or none that can be read."""
    if text is None:
        return None
    try:
        if text.strip().isdecimal():
            return timedelta(seconds=int(text))
        at = parsedate_to_datetime(text)
        return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta())
    except (ValueError, OverflowError):
        return None
