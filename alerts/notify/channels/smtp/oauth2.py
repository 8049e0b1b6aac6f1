"""Tokens of OAuth 2.0 for a service that acts for itself: client credentials (RFC 6749, 4.4).

A token is kept until shortly before its end; whoever it was refused to says ``forget``, and the next is asked for anew.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from alerts.notify.https import NO_ANSWER, Endpoint

#: Seconds before a token's end at which it is used no more.
MARGIN_SECONDS: Final = 60
#: How long a token is used whose end is not said, and any other at most.
UNSAID_SECONDS: Final = 300
TOKEN_SECONDS_MAX: Final = 24 * 3600
TOKEN_CHARACTERS_MAX: Final = 16_384


class NoToken(Exception):  # noqa: N818 it names a state, which may pass
    """There is no token; the sentence says why, without a secret."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for a token, and for what."""

    client_id: str
    secret: SecretStr
    scope: str | None = None
    #: Who asks stands in a header (``client_secret_basic``) and not in the form (``client_secret_post``).
    basic: bool = False


class Tokens:
    """The tokens of one client from one endpoint."""

    def __init__(self, endpoint: Endpoint, client: Client) -> None:
        self._endpoint = endpoint
        self._client = client
        self._token: SecretStr | None = None
        self._until = 0.0
        #: Several that need one wait for the same.
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good for a while.

        Raises:
            NoToken: there is none.
        """
        async with self._asking:
            if self._token is None or monotonic() >= self._until:
                await self._ask()
            return "" if self._token is None else self._token.get_secret_value()

    def forget(self) -> None:
        """Ask for another the next time: this one was refused."""
        self._token = None

    async def _ask(self) -> None:
        self._token = None
        client, secret = self._client, self._client.secret.get_secret_value()
        form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if client.basic:
            login = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": secret}
        began = monotonic()
        try:
            answer = await self._endpoint.ask(urlencode(form).encode(), headers)
        except NO_ANSWER as error:
            raise NoToken(f"no token: {self._endpoint.unanswered(error)}") from None
        if not answer.is_good:
            raise NoToken(f"no token: the endpoint answers {answer.said({secret})}")
        self._token, seconds = self._read(answer.text)
        self._until = began + seconds

    def _read(self, text: str) -> tuple[SecretStr, float]:
        """Return the token and for how many seconds it is used."""
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        answer: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        token = answer.get("access_token")
        usable = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
        is_bearer = str(answer.get("token_type", "bearer")).lower() == "bearer"
        if not usable or not is_bearer or not 0 < len(str(token)) <= TOKEN_CHARACTERS_MAX:
            raise NoToken("no token: the endpoint's answer holds no bearer token")
        return SecretStr(str(token)), _used_for(answer.get("expires_in"))


def _used_for(expires_in: object) -> float:
    """Return for how many seconds a token is used that ends after so many."""
    try:
        seconds = UNSAID_SECONDS if expires_in is None else float(str(expires_in))
    except ValueError:
        seconds = UNSAID_SECONDS
    # Of one that lives for less than two margins, half.
    return min(max(seconds - MARGIN_SECONDS, seconds / 2, 0.0), TOKEN_SECONDS_MAX)
