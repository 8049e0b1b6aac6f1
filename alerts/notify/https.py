"""Posting to an HTTP endpoint, and what its answer means. Redirects are not followed: the body was meant for it.

What the endpoint says of a message that it does not take is kept as the reason, without what it quotes of ours.
"""

import ssl
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
from pydantic import SecretStr

from alerts.notify.attempts import Again, Attempt, Refused, Sent
from enrichment.errors import their_words, why

#: Of the 4xx, those that pass by themselves.
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
#: What a proxy answers too, where it hands a request on instead of connecting us: nobody knows then who said so.
_PROXYS_TOO: Final = {HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
#: So much of an answer is read.
_ANSWER_BYTES_MAX: Final = 64 * 1024

#: What asking raises when there is no answer.
NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered; ``text`` is the beginning of it, where it was read."""

    status: int
    phrase: str
    retry_after: str | None
    text: str

    @property
    def is_good(self) -> bool:
        """Whether it was taken."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def said(self, hidden: Collection[str]) -> str:
        """Return the status and the endpoint's own words, without *hidden*."""
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return f"HTTP {self.status}: it sends us elsewhere, which is not followed"
        return f"HTTP {self.status}: {their_words(self.text, hidden) or their_words(self.phrase) or 'without a word'}"


class Endpoint:
    """One address, what its certificate is checked against, and the way there."""

    def __init__(self, url: str, ca_file: str | None, timeout_seconds: float, proxy: SecretStr | None = None) -> None:
        parts = urlsplit(url)
        self._url = url
        # The address may be a secret; its host is none.
        self._host = parts.hostname or ""
        self._in_the_clear = parts.scheme == "http"
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._proxy, self._proxy_login = _proxy(proxy)

    async def ask(self, body: bytes, headers: dict[str, str], *, read: bool = True) -> Answer:
        """Post, and return the answer; *read* a good one's text too, which takes time. Raises ``NO_ANSWER``."""
        options: dict[str, Any] = {"allow_redirects": False, "ssl": self._tls}
        if self._proxy is not None:
            # A request that the proxy hands on carries the login itself; else it goes with the CONNECT before it.
            headers = headers | self._proxy_login if self._in_the_clear else headers
            options |= {"proxy": self._proxy, "proxy_headers": {} if self._in_the_clear else dict(self._proxy_login)}
        async with (
            aiohttp.ClientSession(timeout=self._timeout) as session,
            session.post(self._url, data=body, headers=headers, **options) as response,
        ):
            answer = Answer(response.status, response.reason or "", response.headers.get("Retry-After"), "")
            if answer.is_good and not read:
                return answer
            try:
                text = await _beginning(response)
            except NO_ANSWER:
                if answer.is_good:
                    raise
                # What is known is enough: it was not taken.
                return answer
            return Answer(answer.status, answer.phrase, answer.retry_after, text)

    def unanswered(self, error: Exception) -> str:
        """Return why there was no answer, and from where: one of ``NO_ANSWER``."""
        # Who cannot be reached, the endpoint or a proxy, the error knows itself.
        return why(error) if isinstance(error, aiohttp.ClientConnectorError) else f"{self._host}: {why(error)}"

    async def post(
        self,
        body: bytes,
        headers: dict[str, str],
        now: datetime,
        *,
        hidden: Collection[str] = (),
        mishap: str | None = None,
    ) -> Attempt:
        """Try once.

        Args:
            body: what is posted.
            headers: go with it.
            now: the present.
            hidden: what an answer may quote and no reason may hold.
            mishap: what stands in an answer that says 200 and means that it may work later.
        """
        try:
            answer = await self.ask(body, headers, read=mishap is not None)
        except NO_ANSWER as error:
            return Again(self.unanswered(error))
        said = answer.said({*hidden, self._url})
        if answer.is_good:
            failed = mishap is not None and mishap in answer.text
            return Again(f"{said} (an error, whatever the status says)") if failed else Sent()
        if answer.status in _PROXYS_TOO and self._proxy is not None and self._in_the_clear:
            return Again(f"the proxy or the receiver answers {said}")
        for_good = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if for_good and answer.status not in _PASSING:
            return Refused(said)
        return Again(said, _after(answer.retry_after, now))


def _proxy(proxy: SecretStr | None) -> tuple[str | None, dict[str, str]]:
    """Return a proxy's address, and apart from it, so that it stands in no error, the header that logs us in there."""
    if proxy is None:
        return None, {}
    parts = urlsplit(proxy.get_secret_value())
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.username is None:
        return address, {}
    login = aiohttp.encode_basic_auth(unquote(parts.username), unquote(parts.password or ""), encoding="utf-8")
    return address, {"Proxy-Authorization": login}


async def _beginning(response: aiohttp.ClientResponse) -> str:
    found = bytearray()
    while len(found) < _ANSWER_BYTES_MAX and (part := await response.content.read(_ANSWER_BYTES_MAX - len(found))):
        found += part
    return found.decode("utf-8", "replace")


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
