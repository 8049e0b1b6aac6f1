"""Routes and channels: ``deploy/delivery.yaml``, typed, read once, refusing strangers.

As shipped it names no channel, so nothing is sent until the agency says to whom. Secrets
stand in files or in the environment and enter no message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from alerts.assessment import Severity
from alerts.delivery.credentials import SecretMistake, certificates, read_secret, signing_key
from alerts.yaml_places import PlacedYaml, YamlMistake

#: The most that a channel may keep a message waiting; the ledger's lease is built on it.
TIMEOUT_SECONDS_MAX: Final = 60

#: What pydantic says in its own terms, in ours.
_SAID: Final = {
    "extra_forbidden": "is no setting of a delivery file",
    "missing": "is missing",
    "dict_type": "must hold names and values",
    "model_type": "must hold names and values",
    "list_type": "must be a list",
    "too_short": "needs at least one entry",
    "union_tag_invalid": "its kind must be smtp or webhook",
    "union_tag_not_found": "needs a kind, smtp or webhook",
    "string_pattern_mismatch": "a name has lower-case letters, digits and hyphens, at most 40 of them",
    "string_type": "must be text",
    "int_type": "must be a whole number",
}
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class DeliveryError(Exception):
    """The delivery file holds mistakes; ``sentences`` has one for each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Channel(_Section):
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


class Route(_Section):
    """Which alerts go where. Without ``conflict_channels`` a conflicted alert is withheld, counted and listed."""

    name: Name
    channels: Annotated[list[Name], Field(min_length=1)]
    severities: Annotated[list[Severity], Field(min_length=1)] | None = None
    conflict_channels: Annotated[list[Name], Field(min_length=1)] | None = None


class _File(_Section):
    channels: dict[Name, Annotated[Channel, Field(discriminator="kind")]] = {}
    routes: list[Route] = []
    console_url: WebAddress | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The whole file, and by channel the secret that it named: a password, or a webhook's signing key."""

    channels: Mapping[str, Channel]
    routes: tuple[Route, ...]
    console_url: str | None
    secrets: Mapping[str, SecretStr]


def shipped_path() -> Path:
    """Find the shipped file: beside this package's when installed, in ``deploy/`` in a checkout."""
    installed = Path(__file__).parents[1] / "shipped" / "delivery.yaml"
    return installed if installed.is_file() else Path(__file__).parents[2] / "deploy" / "delivery.yaml"


def load(path: Path, environment: Mapping[str, str]) -> Delivery:
    """Read the delivery file and the secrets that it names; relative secret files stand beside it.

    Raises:
        DeliveryError: with one sentence for each mistake, its place and no secret in it.
    """
    try:
        placed = PlacedYaml.parse(path.read_text("utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError([f"{path}: the file cannot be read ({type(error).__name__})."]) from None
    except YamlMistake as mistake:
        raise DeliveryError([str(mistake)]) from None
    try:
        file = _File.model_validate(placed.value if placed.value is not None else {})
    except ValidationError as error:
        raise DeliveryError([_sentence(placed, item) for item in error.errors(include_input=False)]) from None
    sentences = [*_crossed(placed, file)]
    channels: dict[str, Channel] = {}
    secrets: dict[str, SecretStr] = {}
    for name, channel in file.channels.items():
        try:
            secret = _secret(channel, path.parent, environment)
            channels[name] = channel.model_copy(update={"ca_file": certificates(path.parent, channel.ca_file)})
        except SecretMistake as mistake:
            sentences.append(placed.said(("channels", name, mistake.field), mistake.sentence))
        else:
            secrets |= {name: secret} if secret else {}
    if sentences:
        raise DeliveryError(sentences)
    return Delivery(channels, tuple(file.routes), file.console_url, secrets)


def _secret(channel: Channel, beside: Path, environment: Mapping[str, str]) -> SecretStr | None:
    if isinstance(channel, WebhookChannel):
        return signing_key(beside, channel.secret_file)
    return read_secret(beside, channel.password_file, channel.password_env, environment)


def _crossed(placed: PlacedYaml, file: _File) -> Iterator[str]:
    """Say what fits its type and not the rest of the file."""
    seen: set[str] = set()
    for number, route in enumerate(file.routes):
        if route.name in seen:
            yield placed.said(("routes", number, "name"), f"a route {route.name} stands here already")
        seen.add(route.name)
        for field in ("channels", "conflict_channels"):
            for place, name in enumerate(getattr(route, field) or ()):
                if name not in file.channels:
                    yield placed.said(("routes", number, field, place), f"there is no channel {name}")


def _sentence(placed: PlacedYaml, item: Mapping[str, Any]) -> str:
    # Pydantic puts the kind of a channel into the place; the file has no such level.
    place = tuple(part for at, part in enumerate(item["loc"]) if not (at == 2 and item["loc"][0] == "channels"))  # noqa: PLR2004
    message = _SAID.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
    return placed.said(place, message.replace("Input should be", "must be"))
