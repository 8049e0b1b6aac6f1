"""Bringing a database to this release's schema, and knowing one that is newer."""

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from alerts.store.database import WRITES
from alerts.store.errors import NoStore, StoreError

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: PostgreSQL's lock that makes two starting workers migrate one after the other; any number will do.
_ADVISORY_LOCK: Final = 0x61637761
#: Alembic keeps its context in module variables: one migration at a time in a process.
_ONE_AT_A_TIME = threading.Lock()


def upgrade(engine: Engine, name: str) -> None:
    """Bring the schema up to this release's, in one transaction; nothing to do is fine, at the same time too.

    Raises:
        StoreError: the database was made by a newer release.
    """
    with _ONE_AT_A_TIME, engine.execution_options(**{WRITES: True}).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = _config(connection)
        if _known(connection, config, name) != ScriptDirectory.from_config(config).get_current_head():
            command.upgrade(config, "head")


def move(engine: Engine, revision: str) -> None:
    """Bring the schema to this revision, up or down: ``0001``, ``head``. Going down loses what later ones hold."""
    with _ONE_AT_A_TIME, engine.execution_options(**{WRITES: True}).begin() as connection:
        config = _config(connection)
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
        at = MigrationContext.configure(connection).get_current_revision()
        down = revision in known and at in known and known.index(revision) > known.index(at)
        (command.downgrade if down else command.upgrade)(config, revision)


def require_current(engine: Engine, name: str) -> None:
    """Make sure that the schema is this release's, changing nothing.

    Raises:
        NoStore: there are no tables yet.
        StoreError: it is older or newer.
    """
    with engine.begin() as connection:
        config = _config(connection)
        revision = _known(connection, config, name)
        if revision is None:
            raise NoStore(f"There is no alert store in {name} yet; a worker makes it when it first starts.")
        if revision != ScriptDirectory.from_config(config).get_current_head():
            raise StoreError(f"The alert store {name} is of an older release; start a worker once to bring it up.")


def _known(connection: Connection, config: Config, name: str) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(f"The alert store {name} was made by a newer release of accesswatch; install that one.")
    return revision


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
