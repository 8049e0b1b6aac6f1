"""What the commands about alerts share: the store that the settings name, and who is at the keyboard."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from alerts.rules.catalogue import RULES
from alerts.store.errors import StoreError
from alerts.store.store import Store
from stream import settings as environment
from stream.commands.failure import CommandFailed

BY_CHARACTERS_MAX: Final = 64

Reference = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or enough of its beginning.")]


@contextmanager
def alert_store() -> Iterator[Store]:
    """Open the store that the settings name; what it cannot do becomes the command's sentence."""
    try:
        settings = environment.load()
        store = Store.open_existing(settings.database_url, RULES, viewer=settings.actor)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise CommandFailed(str(error)) from None


def at_the_keyboard() -> str:
    """Name who is at the keyboard, for the history."""
    actor = environment.load().actor
    if actor is not None:
        return actor[:BY_CHARACTERS_MAX]
    try:
        return getpass.getuser()[:BY_CHARACTERS_MAX]
    except (OSError, KeyError, ImportError):
        return "somebody without a user name"
