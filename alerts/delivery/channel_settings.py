"""Channels in ``deploy/delivery.yaml``: one model for each kind, and the secrets that each needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from alerts.delivery.credentials import certificates, read_secret, signing_key

#: The most that a channel may keep a message waiting; the ledger's lease is built on it.
TIMEOUT_SECONDS_MAX: Final = 60
#: What pydantic says of a channel's kind, in our words.
KIND_SAID: Final = {
    "union_tag_invalid": "its kind must be smtp or webhook",
    "union_tag_not_found": "needs a kind, smtp or webhook",
}
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def _mailbox(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (local and at and domain and value.isprintable() and value.isascii()) or set(value) & set(" <>,;\"'"):
        raise ValueError("must be a plain address like integrity@agency.example")
    return value


def _web_address(value: str) -> str:
    if not value.startswith(("https://", "http://")) or not value.isprintable() or " " in value:
        raise ValueError("must begin with https:// or http://")
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
#: Also a metric's label and a part of Message-ID.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Section(BaseModel):
    """A part of the delivery file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Channel(Section):
    timeout_seconds: Annotated[float, Field(gt=0, le=TIMEOUT_SECONDS_MAX)] = 10
    #: ``reference``: no staff or client id leaves; ``ids``: both do, over an encrypted connection.
    detail: Literal["reference", "ids"] = "reference"
    #: CA certificates that the server's is checked against; the system's when left out.
    ca_file: str | None = None


class SmtpChannel(_Channel):
    """E-mail through one server."""

    kind: Literal["smtp"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)]
    #: ``starttls``: upgrade or do not send; ``tls``: encrypted from the start; ``none``: a relay on this host.
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    sender: Mailbox
    recipients: Annotated[list[Mailbox], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = [source for source in (self.password_file, self.password_env) if source is not None]
        if (self.username is None) != (not given) or len(given) > 1:
            raise ValueError("a username goes with one of password_file and password_env")
        if self.security == "none" and self.host not in _LOOPBACK and (given or self.detail == "ids"):
            raise ValueError("a password or `detail: ids` needs security starttls or tls")
        return self


class WebhookChannel(_Channel):
    """An HTTP endpoint that takes CloudEvents, signed as Standard Webhooks has it."""

    kind: Literal["webhook"]
    url: WebAddress
    #: Holds ``whsec_`` and base64 of 24 to 64 random bytes.
    secret_file: str

    @model_validator(mode="after")
    def _complete(self) -> Self:
        host = self.url.partition("://")[2]
        if self.detail == "ids" and self.url.startswith("http://") and not host.startswith(_LOOPBACK):
            raise ValueError("`detail: ids` needs an https:// address")
        return self


Channel = SmtpChannel | WebhookChannel


def with_files(channel: Channel, beside: Path, environment: Mapping[str, str]) -> tuple[Channel, SecretStr | None]:
    """Give the channel with its files found, and its password or signing key.

    Raises:
        SecretMistake: one of them cannot be used.
    """
    secret = _secret(channel, beside, environment)
    return channel.model_copy(update={"ca_file": certificates(beside, channel.ca_file)}), secret


def _secret(channel: Channel, beside: Path, environment: Mapping[str, str]) -> SecretStr | None:
    if isinstance(channel, WebhookChannel):
        return signing_key(beside, channel.secret_file)
    return read_secret(beside, channel.password_file, channel.password_env, environment)
