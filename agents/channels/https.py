"""Posting to an HTTP endpoint, and what its answer means. Redirects are not followed: the body was meant for it."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from alerts.delivery.attempts import Again, Attempt, Refused, Sent

#: Of the 4xx, those that pass by themselves.
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
#: So much of an answer is looked at.
_ANSWER_BYTES_MAX: Final = 1024


class Endpoint:
    """One address, with what its certificate is checked against."""

    def __init__(self, url: str, ca_file: str | None, timeout_seconds: float) -> None:
        self._url = url
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def post(
        self, body: bytes, headers: dict[str, str], now: datetime, *, mishap: bytes | None = None
    ) -> Attempt:
        """Try once. *mishap*: what stands in an answer that says 200 and means that it may work later."""
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False, ssl=self._tls) as response,
            ):
                attempt = _answered(response.status, response.headers.get("Retry-After"), now)
                if mishap is not None and isinstance(attempt, Sent):
                    answer = await response.content.read(_ANSWER_BYTES_MAX)
                    return Again(f"HTTP {response.status} with an error in it") if mishap in answer else attempt
                return attempt
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Again(type(error).__name__)


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
