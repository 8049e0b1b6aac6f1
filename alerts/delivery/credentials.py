"""Secrets that the delivery file names: read when it is loaded, kept where nothing prints them."""

import base64
import binascii
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

#: Standard Webhooks: a symmetric secret is 24 to 64 bytes, in base64 behind this prefix.
_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
_SECRET_CHARACTERS_MAX: Final = 4096


class SecretMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """A secret that cannot be used: the field that names it, and why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def read_secret(
    beside: Path, file: str | None, variable: str | None, environment: Mapping[str, str]
) -> SecretStr | None:
    """Read a password from the file or the environment variable that holds it; None when neither is named.

    Raises:
        SecretMistake: it is not there.
    """
    if file is not None:
        return SecretStr(_text(beside / file, "password_file"))
    if variable is not None:
        if not environment.get(variable):
            raise SecretMistake("password_env", "the environment variable is not set")
        return SecretStr(environment[variable])
    return None


def signing_key(beside: Path, file: str) -> SecretStr:
    """Read a webhook's secret and make sure that it is one.

    Raises:
        SecretMistake: it is not there, or has not the form of Standard Webhooks.
    """
    secret = SecretStr(_text(beside / file, "secret_file"))
    try:
        fits = len(key_bytes(secret)) in _KEY_BYTES
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise SecretMistake("secret_file", "the file must hold whsec_ and the base64 of 24 to 64 bytes")
    return secret


def key_bytes(secret: SecretStr) -> bytes:
    """Give the key inside a secret of the form of Standard Webhooks."""
    text = secret.get_secret_value()
    if not text.startswith(_PREFIX):
        raise ValueError("has no prefix")
    return base64.b64decode(text.removeprefix(_PREFIX), validate=True)


def certificates(beside: Path, file: str | None) -> str | None:
    """Give the path of a file of CA certificates, None when none is named.

    Raises:
        SecretMistake: it is not there, or holds no certificate.
    """
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


def _text(path: Path, field: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_SECRET_CHARACTERS_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMistake(field, f"the file cannot be read ({type(error).__name__})") from None
    if not text:
        raise SecretMistake(field, "the file is empty")
    return text
