"""What every channel has: its settings in the delivery file, what it opens, and what sends by it.

A channel is one folder beside this module: ``settings.py``, the form of its messages, ``sender.py``. ``registry.py``
lists them; nothing else knows them one by one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, Protocol, Self, TypeVar

from pydantic import Field, SecretStr

from alerts.notify.attempts import Attempt
from alerts.notify.fields import Section
from alerts.notify.message import Message
from alerts.notify.secret_files import Surroundings

#: The most that a channel may keep a message waiting; the notification log's lease is built on it.
TIMEOUT_SECONDS_MAX: Final = 60

#: Publishes a key and a value on the topic of findings; what became of it.
Publish = Callable[[bytes, bytes], Awaitable[Attempt]]


class Channel(Section):
    """One channel of the delivery file."""

    #: Its receiver keeps a status of each alert, and is told when one is acknowledged or closed.
    keeps_status: ClassVar[bool] = False

    #: One of the registry's.
    kind: str
    timeout_seconds: Annotated[float, Field(gt=0, le=TIMEOUT_SECONDS_MAX)] = 10
    #: ``reference``: no staff or client id leaves; ``ids``: both do, over an encrypted connection.
    detail: Literal["reference", "ids"] = "reference"

    def opened(self, _around: Surroundings) -> "Opened[Self]":
        """Return it with its files found, its secret and its proxy.

        Raises:
            SecretMistake: one of them cannot be used.
        """
        return Opened(self)


class Remote(Channel):
    """A channel to a server."""

    #: CA certificates that the server's is checked against; the system's when left out.
    ca_file: str | None = None


C = TypeVar("C", bound=Channel)


@dataclass(frozen=True, slots=True)
class Opened(Generic[C]):
    """A channel with its files found, and what it shows: to its server, and to a proxy on the way there."""

    channel: C
    #: A password, a signing key, an address, a routing key, or what OAuth 2.0 calls a client secret.
    secret: SecretStr | None = None
    #: The proxy's address with user and password.
    proxy: SecretStr | None = None

    def shown(self) -> SecretStr:
        """Return the secret of a channel that has one."""
        if self.secret is None:
            raise ValueError("the channel has no secret")
        return self.secret


class Sender(Protocol):
    """One channel: tries once and says what became of it."""

    async def send(self, message: Message, now: datetime, /) -> Attempt:
        """Try once; raises nothing for what a server or a network does."""


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One folder: its settings, and what makes its sender; nothing is connected yet."""

    settings: type[Channel]
    sender: Callable[[Opened[Any], Publish], Sender]
