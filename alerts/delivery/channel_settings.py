"""Channels in ``deploy/delivery.yaml``: one model for each kind. ``credentials`` reads the secrets that they name."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: The most that a channel may keep a message waiting; the ledger's lease is built on it.
TIMEOUT_SECONDS_MAX: Final = 60
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_KINDS: Final = "smtp, webhook, slack, teams, pagerduty, ocsf or syslog"
#: What pydantic says of a channel's kind, in our words.
KIND_SAID: Final = {
    "union_tag_invalid": f"its kind must be {_KINDS}",
    "union_tag_not_found": f"needs a kind: {_KINDS}",
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


def _secure_address(value: str) -> str:
    if not value.startswith("https://") or not value.isprintable() or " " in value:
        raise ValueError("must begin with https://")
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SecureAddress = Annotated[str, AfterValidator(_secure_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, Field(min_length=1)]
#: Also a metric's label and a part of Message-ID.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Section(BaseModel):
    """A part of the delivery file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Channel(Section):
    #: Its receiver keeps a status of each alert, and is told when one is acknowledged or closed.
    keeps_status: ClassVar[bool] = False

    timeout_seconds: Annotated[float, Field(gt=0, le=TIMEOUT_SECONDS_MAX)] = 10
    #: ``reference``: no staff or client id leaves; ``ids``: both do, over an encrypted connection.
    detail: Literal["reference", "ids"] = "reference"


class _Remote(_Channel):
    #: CA certificates that the server's is checked against; the system's when left out.
    ca_file: str | None = None


class SmtpChannel(_Remote):
    """E-mail through one server."""

    kind: Literal["smtp"]
    host: Host
    port: Port
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


class WebhookChannel(_Remote):
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


class _ByAddress(_Remote):
    """Whoever knows the address of such a webhook can post there: it is a secret."""

    url_file: str | None = None
    url_env: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError("needs one of url_file and url_env: the address is a secret")
        return self


class SlackChannel(_ByAddress):
    """A Slack channel, by an incoming webhook."""

    kind: Literal["slack"]


class TeamsChannel(_ByAddress):
    """A Teams channel or chat, by an incoming webhook or a workflow that takes Adaptive Cards."""

    kind: Literal["teams"]


class PagerdutyChannel(_Remote):
    """A PagerDuty service, by Events v2: an alert here is an alert there, and is acknowledged and resolved with it."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["pagerduty"]
    routing_key_file: str | None = None
    routing_key_env: str | None = None
    #: PagerDuty has another one for its European region.
    url: SecureAddress = PAGERDUTY_URL

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.routing_key_file is None) == (self.routing_key_env is None):
            raise ValueError("needs one of routing_key_file and routing_key_env")
        return self


class OcsfChannel(_Channel):
    """OCSF Detection Findings on ``integrity.ocsf.v1``, over the worker's own connection to Kafka."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["ocsf"]


class SyslogChannel(_Remote):
    """CEF over syslog: RFC 5424 messages over TLS, counted by octets."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["syslog"]
    host: Host
    port: Port = 6514
    #: ``none``: a relay on this host.
    security: Literal["tls", "none"] = "tls"
    #: Of RFC 5424; 13 is "log audit".
    facility: Annotated[int, Field(ge=0, le=23)] = 13
    #: Ours, where the server asks for one.
    certificate_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("security none is for a relay on this host")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


Channel = SmtpChannel | WebhookChannel | SlackChannel | TeamsChannel | PagerdutyChannel | OcsfChannel | SyslogChannel
