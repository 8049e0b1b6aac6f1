"""The settings of a command, with what runs locally where nothing else is set."""

from typing import Any

from pydantic import SecretStr

from console.sandboxed import has_sandbox
from enrichment.errors import CommandError
from stream.settings import PREFIX, Settings


def connected(settings: Settings, *, needs: tuple[str, ...] = ("kafka", "redis")) -> Settings:
    """The settings with the addresses of what ``local up`` has started where none are set.

    Args:
        settings: as read from the environment.
        needs: which of ``kafka`` and ``redis`` the command talks to.

    Raises:
        CommandError: one is needed, is not set, and nothing runs locally.
    """
    missing = [name for name in needs if getattr(settings, name) is None]
    if not missing:
        return settings
    if not has_sandbox():
        raise CommandError(f"{PREFIX}{missing[0].upper()} is not set: set it.")
    from sandbox import local  # noqa: PLC0415 an image has none

    addresses = local.running(settings.state_dir)
    if addresses is None:
        raise CommandError(
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
