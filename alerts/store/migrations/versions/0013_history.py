"""The history's own tables: the writer's lease, files, gaps, readings, removals, corrections.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID, WORD, DIGEST = sa.String(length=64), sa.String(length=32), sa.String(length=64)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "history_state",
        sa.Column("name", WORD, primary_key=True),
        sa.Column("holder", sa.String(length=200)),
        sa.Column("until", INSTANT),
        sa.Column("value", sa.Text()),
    )
    op.create_table(
        "history_files",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(length=200), nullable=False, unique=True),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
    )
    op.create_table(
        "history_gaps",
        sa.Column("gap_id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("accepted_at", INSTANT),
        sa.Column("accepted_by", ID),
        sa.Column("because", sa.Text()),
    )
    op.create_table(
        "history_unread",
        sa.Column("partition", sa.Integer(), primary_key=True),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("value", sa.Text()),
    )
    op.create_table(
        "history_readings",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", ID, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("case_or_request", ID),
        sa.Column("query", WORD, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("first", sa.Date()),
        sa.Column("last", sa.Date()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
    )
    op.create_index("ix_history_readings_case", "history_readings", ["case_or_request"])
    op.create_index("ix_history_readings_at", "history_readings", ["at"])
    op.create_table(
        "history_removals",
        sa.Column("removal_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("approved_by", ID),
        sa.Column("approved_at", INSTANT),
        sa.Column("done_at", INSTANT),
        sa.Column("rows", sa.BigInteger()),
    )
    op.create_table(
        "history_corrections",
        sa.Column("correction_id", ID, primary_key=True),
        sa.Column("event_id", ID),
        sa.Column("client_id", ID),
        sa.Column("first", sa.Date()),
        sa.Column("last", sa.Date()),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("ix_history_corrections_event", "history_corrections", ["event_id"])
    op.create_index("ix_history_corrections_client", "history_corrections", ["client_id"])


def downgrade() -> None:
    for name in ("corrections", "removals", "readings", "unread", "gaps", "files", "state"):
        op.drop_table(f"history_{name}")
