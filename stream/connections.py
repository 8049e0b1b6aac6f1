"""How Kafka is reached, in the words of each client library, and where it is when nobody has said."""

from typing import Any

from pydantic import SecretStr

from stream.certificates import kafka_context
from stream.commands.failure import CommandFailed
from stream.embedded import local
from stream.settings import PREFIX, Settings


def connected(settings: Settings, *, needs: tuple[str, ...] = ("kafka", "redis")) -> Settings:
    """The settings with the addresses of what ``local up`` has started where none are set.

    Args:
        settings: as read from the environment.
        needs: which of ``kafka`` and ``redis`` the command talks to.

    Raises:
        CommandFailed: one is needed, is not set, and nothing runs locally.
    """
    missing = [name for name in needs if getattr(settings, name) is None]
    if not missing:
        return settings
    addresses = local.running(settings.state_dir)
    if addresses is None:
        raise CommandFailed(
            f"{PREFIX}{missing[0].upper()} is not set and nothing is running locally: "
            "set it, or start one with `accesswatch local up`."
        )
    found: dict[str, Any] = {}
    if "kafka" in missing:
        # The local broker speaks plain text, whatever is set for another one.
        found |= {"kafka": addresses.kafka, "kafka_security": "PLAINTEXT"}
    if "redis" in missing:
        found |= {"redis": SecretStr(addresses.redis), "redis_password": None}
    return settings.model_copy(update=found)


def aiokafka_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients; raises SettingsError when a certificate cannot be read."""
    return _options(settings)


def kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of kafka-python's clients; raises SettingsError when a certificate cannot be read."""
    # Both libraries use the same words today; each has its own function so that one may change.
    return _options(settings)


def _options(settings: Settings) -> dict[str, Any]:
    servers = [server.strip() for server in (settings.kafka or "").split(",") if server.strip()]
    options: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": settings.kafka_security}
    if settings.kafka_security in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = kafka_context(settings)
    if settings.kafka_security.startswith("SASL") and settings.kafka_password is not None:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options
