"""Why a message was not taken: the receiver's own words, longer than the class or status of before.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _change(sa.Text(), "last_error")


def downgrade() -> None:
    _change(sa.String(length=200), "substr(last_error, 1, 200)")


def _change(kind: sa.types.TypeEngine, value: str) -> None:
    """Change the type of the column: SQLite can add, drop and rename, but not change one."""
    op.add_column("notifications", sa.Column("last_error_then", kind))
    op.execute(f"UPDATE notifications SET last_error_then = {value}")  # noqa: S608 an expression of ours
    op.drop_column("notifications", "last_error")
    op.execute("ALTER TABLE notifications RENAME COLUMN last_error_then TO last_error")
