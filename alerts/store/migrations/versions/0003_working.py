"""Working an alert: who has it, entries that are no revision, and the chain that binds the history.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("assignee", sa.String(length=64)))
    op.add_column("alert_hits", sa.Column("revision", sa.Integer()))
    with op.batch_alter_table("alert_history") as history:
        history.alter_column("revision", existing_type=sa.Integer(), nullable=True)
        history.add_column(sa.Column("detail", sa.Text()))
        history.add_column(sa.Column("number", sa.BigInteger()))
        history.add_column(sa.Column("digest", sa.String(length=64)))
        history.add_column(sa.Column("overall", sa.String(length=64)))
    op.create_index("ix_alert_history_number", "alert_history", ["number"], unique=True)
    op.create_index("ix_alert_history_latest", "alert_history", ["alert_id", "id"])
    chain = op.create_table(
        "chain",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_chain"),
    )
    # Entries from before the chain stay outside it.
    op.bulk_insert(chain, [{"name": "history", "entries": 0, "digest": "0" * 64}])


def downgrade() -> None:
    op.drop_table("chain")
    # The release before knows revisions only.
    op.execute("DELETE FROM alert_history WHERE revision IS NULL")
    op.drop_index("ix_alert_history_latest", "alert_history")
    op.drop_index("ix_alert_history_number", "alert_history")
    with op.batch_alter_table("alert_history") as history:
        for column in ("overall", "digest", "number", "detail"):
            history.drop_column(column)
        history.alter_column("revision", existing_type=sa.Integer(), nullable=False)
    op.drop_column("alert_hits", "revision")
    op.drop_column("alerts", "assignee")
