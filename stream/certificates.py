"""TLS to Kafka and Redis: whose certificates are believed, and which is shown as our own.

A server's certificate and the name in it are always checked. Without a CA file the machine's own CAs are asked.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from enrichment.errors import why
from stream.settings import PREFIX, Settings, SettingsError

T = TypeVar("T")


def kafka_context(settings: Settings) -> ssl.SSLContext:
    """How Kafka is spoken to over TLS; raises SettingsError when a certificate cannot be read."""
    given = settings.kafka_key_password
    password = "" if given is None else given.get_secret_value()
    return _context("KAFKA", settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file, password)


def redis_context(settings: Settings) -> ssl.SSLContext:
    """How Redis is spoken to over TLS; raises SettingsError when a certificate cannot be read."""
    return _context("REDIS", settings.redis_ca_file, settings.redis_cert_file, settings.redis_key_file, "")


def check_certificates(settings: Settings) -> None:
    """Read every certificate that is set; raises SettingsError, with a sentence for each that cannot be."""
    kafka_context(settings)
    redis_context(settings)
    _context("KAFKA_OAUTH", settings.kafka_oauth_ca_file, None, None, "")


def _context(name: str, ca: Path | None, cert: Path | None, key: Path | None, password: str) -> ssl.SSLContext:
    found = _read(f"{name}_CA_FILE", lambda: ssl.create_default_context(cafile=ca))
    if cert is not None:
        variables = f"{name}_CERT_FILE" if key is None else f"{name}_CERT_FILE or {name}_KEY_FILE"
        # Always with a password: without one OpenSSL would ask for it at a terminal that a service does not have.
        _read(variables, lambda: found.load_cert_chain(cert, key, password=lambda: password))
    return found


def _read(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        reason = f"cannot be read: {why(error)}"
        if isinstance(error, ssl.SSLError):
            reason = "is no certificate or key in PEM form, or its password is wrong"
        raise SettingsError([f"{PREFIX}{name} {reason}."]) from error
