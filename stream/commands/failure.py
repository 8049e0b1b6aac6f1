"""How a command fails: one plain sentence on stderr, exit 1, no traceback."""

from alerts.delivery.routes import DeliveryError
from alerts.limits import LimitsError
from alerts.store.errors import StoreError
from stream.embedded.failure import EmbeddedError
from stream.settings import SettingsError


class CommandFailed(Exception):  # noqa: N818 - it is what happened to the command, and reads so where it is raised
    """A command could not do what it was asked for; the message is one sentence that says what to do."""


#: Everything that a user is told as a sentence; anything else is a mistake of ours and keeps its traceback.
TOLD = (CommandFailed, SettingsError, EmbeddedError, LimitsError, DeliveryError, StoreError)


def sentences(error: BaseException) -> list[str]:
    """What to print on stderr for one of ``TOLD``, a line each."""
    return list(getattr(error, "sentences", None) or [str(error)])
