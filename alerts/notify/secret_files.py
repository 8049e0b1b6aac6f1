"""What a channel names in files and in the environment: passwords, keys, certificates. Nothing prints them."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from alerts.notify.proxies import Proxied, ProxyMistake, proxy_for
from enrichment.errors import why

_SECRET_CHARACTERS_MAX: Final = 4096


class SecretMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """A secret that cannot be used: the field that names it, with a dot before one inside it, and why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a delivery file finds what it names: beside itself, and in the environment."""

    beside: Path
    environment: Mapping[str, str]

    def secret(self, name: str, file: str | None, variable: str | None) -> SecretStr | None:
        """Read a secret from the file or the environment variable that holds it; None when neither is named.

        Raises:
            SecretMistake: it cannot be read.
        """
        if file is not None:
            return SecretStr(text_of(self.beside / file, f"{name}_file"))
        if variable is not None:
            if not self.environment.get(variable):
                raise SecretMistake(f"{name}_env", "the environment variable is not set")
            return SecretStr(self.environment[variable].strip())
        return None

    def proxy(self, url: str, settings: Proxied, prefix: str = "") -> SecretStr | None:
        """Return the proxy on the way to an address, or None; *prefix* stands before the field in a mistake.

        Raises:
            SecretMistake: it cannot be used.
        """
        password = self.secret(f"{prefix}proxy_password", settings.proxy_password_file, settings.proxy_password_env)
        try:
            return proxy_for(url, settings, password, self.environment)
        except ProxyMistake as mistake:
            raise SecretMistake(f"{prefix}proxy", str(mistake)) from None

    def certificates(self, file: str | None, field: str = "ca_file") -> str | None:
        """Return where CA certificates lie that a server's is checked against; None for the system's.

        Raises:
            SecretMistake: the file holds none.
        """
        if file is None:
            return None
        path = self.beside / file
        try:
            ssl.create_default_context(cafile=path)
        except ssl.SSLError:
            raise SecretMistake(field, "the file holds no certificates (PEM)") from None
        except OSError as error:
            raise SecretMistake(field, f"the file cannot be read: {why(error)}") from None
        return str(path)

    def own_certificate(self, certificate: str, key: str) -> tuple[str, str]:
        """Return where our certificate and its key lie.

        Raises:
            SecretMistake: they do not belong together, or the key is locked.
        """
        certificate_file, key_file = self.beside / certificate, self.beside / key
        for field, path in (("certificate_file", certificate_file), ("key_file", key_file)):
            text_of(path, field)
        try:
            ssl.create_default_context().load_cert_chain(certificate_file, key_file, password="")
        except (ssl.SSLError, OSError, ValueError):
            raise SecretMistake(
                "certificate_file", "it and key_file hold no certificate with its unlocked key"
            ) from None
        return str(certificate_file), str(key_file)


def of_form(secret: SecretStr | None, form: re.Pattern[str], name: str, file: str | None, what: str) -> SecretStr:
    """Return a secret that has the form which it must have.

    Raises:
        SecretMistake: it has not.
    """
    if secret is None or not form.fullmatch(secret.get_secret_value()):
        holder, field = ("file", f"{name}_file") if file is not None else ("environment variable", f"{name}_env")
        raise SecretMistake(field, f"the {holder} must hold {what}")
    return secret


def text_of(path: Path, field: str) -> str:
    """Return what a file holds, without what stands around it.

    Raises:
        SecretMistake: it cannot be read, or is empty.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:  # some editors put a mark before it
            text = file.read(_SECRET_CHARACTERS_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMistake(field, f"the file cannot be read: {why(error)}") from None
    if not text:
        raise SecretMistake(field, "the file is empty")
    return text
