"""Chats that are posted to by an incoming webhook: whoever knows its address can post there, so it is a secret."""

import re
from datetime import datetime
from typing import Final, Self

from pydantic import model_validator

from alerts.notify.attempts import Attempt
from alerts.notify.channels.base import Opened, Remote
from alerts.notify.https import Endpoint
from alerts.notify.message import Message, quotable
from alerts.notify.proxies import Proxied
from alerts.notify.secret_files import Surroundings, of_form

_ADDRESS: Final = re.compile(r"https://[!-~]+")
_JSON: Final = {"Content-Type": "application/json"}


class ByAddress(Remote, Proxied):
    """A chat of the delivery file."""

    url_file: str | None = None
    url_env: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError("needs one of url_file and url_env: the address is a secret")
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found, its address and its proxy."""
        secret = around.secret("url", self.url_file, self.url_env)
        url = of_form(secret, _ADDRESS, "url", self.url_file, "an address that begins with https://")
        found = self.model_copy(update={"ca_file": around.certificates(self.ca_file)})
        return Opened(found, url, around.proxy(url.get_secret_value(), self))


class ChatPoster:
    """Posts to one incoming webhook.

    None takes an idempotency key: a repeat is shown as a second message with the same reference and revision.
    """

    #: What it answers with 200 where the channel behind it would not take the message.
    mishap: str | None = None

    def __init__(self, opened: Opened[ByAddress]) -> None:
        channel, url = opened.channel, opened.shown().get_secret_value()
        self._endpoint = Endpoint(url, channel.ca_file, channel.timeout_seconds, opened.proxy)

    def write(self, message: Message) -> bytes:
        """Write the body."""
        raise NotImplementedError

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        return await self._endpoint.post(self.write(message), _JSON, now, hidden=quotable(message), mishap=self.mishap)
