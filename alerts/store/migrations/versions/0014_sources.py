"""What has come of each source: its newest record, the runs of its sequence, its days; accepted gaps; polls.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.String(length=64)


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("source", ID, nullable=False),
        sa.Column("newest", INSTANT, nullable=False),
        sa.Column("runs", sa.Text(), nullable=False),
        sa.Column("given_up", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_sources"),
    )
    op.create_table(
        "source_days",
        sa.Column("source", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "day", name="pk_source_days"),
    )
    op.create_table(
        "source_gaps_accepted",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_source_gaps_accepted"),
    )
    op.create_index("ix_source_gaps_accepted_source", "source_gaps_accepted", ["source"], unique=False)
    op.create_table(
        "source_polls",
        sa.Column("source", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_source_polls"),
    )


def downgrade() -> None:
    for table in ("source_polls", "source_gaps_accepted", "source_days", "sources"):
        op.drop_table(table)
