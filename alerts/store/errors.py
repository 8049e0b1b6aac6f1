"""What can go wrong with the store, as sentences without a password or a parameter in them."""

from enrichment.told import Told


class StoreError(Told):
    """The store could not do it; the message is one sentence. Trying again later may help."""


class NoStore(StoreError):  # noqa: N818 a state, not a failure
    """There is no alert store at that address yet."""


class NotPossible(StoreError):  # noqa: N818 an answer, not a failure
    """What was asked for does not fit the alert as it stands, or names none."""
