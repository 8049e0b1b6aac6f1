"""How a command fails: one plain sentence on stderr, exit 1, no traceback."""

from enrichment.told import Told


class CommandFailed(Told):
    """A command could not do what it was asked for; the message is one sentence that says what to do."""
