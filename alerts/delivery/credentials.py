"""Secrets that the delivery file names: read when it is loaded, kept where nothing prints them."""

import base64
import binascii
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from alerts.delivery.channel_settings import (
    Channel,
    OcsfChannel,
    PagerdutyChannel,
    SlackChannel,
    SmtpChannel,
    SyslogChannel,
    TeamsChannel,
    WebhookChannel,
)

#: Standard Webhooks: a symmetric secret is 24 to 64 bytes, in base64 behind this prefix.
_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
_SECRET_CHARACTERS_MAX: Final = 4096
_ADDRESS: Final = re.compile(r"https://[!-~]+")
#: PagerDuty's integration keys.
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")


class SecretMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """A secret that cannot be used: the field that names it, and why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def with_files(channel: Channel, beside: Path, environment: Mapping[str, str]) -> tuple[Channel, SecretStr | None]:
    """Give the channel with its files found, and its secret: a password, a signing key, an address, a routing key.

    Raises:
        SecretMistake: one of them cannot be used.
    """
    secret = _secret(channel, beside, environment)
    if isinstance(channel, OcsfChannel):
        return channel, secret
    found = {"ca_file": _certificates(beside, channel.ca_file)}
    if isinstance(channel, SyslogChannel) and channel.certificate_file is not None and channel.key_file is not None:
        found |= _own_certificate(beside, channel.certificate_file, channel.key_file)
    return channel.model_copy(update=found), secret


def key_bytes(secret: SecretStr) -> bytes:
    """Give the key inside a secret of the form of Standard Webhooks."""
    text = secret.get_secret_value()
    if not text.startswith(_PREFIX):
        raise ValueError("has no prefix")
    return base64.b64decode(text.removeprefix(_PREFIX), validate=True)


def _secret(channel: Channel, beside: Path, environment: Mapping[str, str]) -> SecretStr | None:
    match channel:
        case SmtpChannel():
            return _read(beside, "password", channel.password_file, channel.password_env, environment)
        case WebhookChannel():
            return _signing_key(beside, channel.secret_file)
        case SlackChannel() | TeamsChannel():
            secret = _read(beside, "url", channel.url_file, channel.url_env, environment)
            return _of_form(secret, _ADDRESS, "url", channel.url_file, "an address that begins with https://")
        case PagerdutyChannel():
            file = channel.routing_key_file
            secret = _read(beside, "routing_key", file, channel.routing_key_env, environment)
            return _of_form(secret, _ROUTING_KEY, "routing_key", file, "a routing key: 32 letters and digits")
        case _:
            return None


def _read(
    beside: Path, name: str, file: str | None, variable: str | None, environment: Mapping[str, str]
) -> SecretStr | None:
    """Read a secret from the file or the environment variable that holds it; None when neither is named."""
    if file is not None:
        return SecretStr(_text(beside / file, f"{name}_file"))
    if variable is not None:
        if not environment.get(variable):
            raise SecretMistake(f"{name}_env", "the environment variable is not set")
        return SecretStr(environment[variable].strip())
    return None


def _of_form(secret: SecretStr | None, form: re.Pattern[str], name: str, file: str | None, what: str) -> SecretStr:
    if secret is None or not form.fullmatch(secret.get_secret_value()):
        holder, field = ("file", f"{name}_file") if file is not None else ("environment variable", f"{name}_env")
        raise SecretMistake(field, f"the {holder} must hold {what}")
    return secret


def _signing_key(beside: Path, file: str) -> SecretStr:
    secret = SecretStr(_text(beside / file, "secret_file"))
    try:
        fits = len(key_bytes(secret)) in _KEY_BYTES
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise SecretMistake("secret_file", "the file must hold whsec_ and the base64 of 24 to 64 bytes")
    return secret


def _certificates(beside: Path, file: str | None) -> str | None:
    if file is None:
        return None
    path = beside / file
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise SecretMistake("ca_file", "the file holds no certificates (PEM)") from None
    except OSError as error:
        raise SecretMistake("ca_file", f"the file cannot be read ({type(error).__name__})") from None
    return str(path)


def _own_certificate(beside: Path, certificate: str, key: str) -> dict[str, str | None]:
    certificate_file, key_file = beside / certificate, beside / key
    for field, path in (("certificate_file", certificate_file), ("key_file", key_file)):
        _text(path, field)
    try:
        ssl.create_default_context().load_cert_chain(certificate_file, key_file, password="")
    except (ssl.SSLError, OSError, ValueError):
        raise SecretMistake("certificate_file", "it and key_file hold no certificate with its unlocked key") from None
    return {"certificate_file": str(certificate_file), "key_file": str(key_file)}


def _text(path: Path, field: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_SECRET_CHARACTERS_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMistake(field, f"the file cannot be read ({type(error).__name__})") from None
    if not text:
        raise SecretMistake(field, "the file is empty")
    return text
