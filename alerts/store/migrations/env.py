"""Alembic's entry: migrates the connection that ``alerts/store/database.py`` hands over, inside its transaction."""

from alembic import context

from alerts.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
