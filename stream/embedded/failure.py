"""What can go wrong when something is started here."""

from enrichment.told import Told


class EmbeddedError(Told):
    """Something could not be started; the message is one sentence that says what to do."""


class EndedAtStartError(EmbeddedError):
    """The program itself ended while it was started; its log says more."""
