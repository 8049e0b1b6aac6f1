"""The alert store's first tables: alerts, their hits and history, the outbox, the ledger of notifications.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: As ``alerts.store.tables.Instant`` stood when this was written: a migration does not change with the code.
INSTANT = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64)),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32)),
        sa.Column("self_reported", sa.Boolean(), nullable=False),
        sa.Column("conflicted", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("access_count", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("gathered", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_client_id", "alerts", ["client_id", "raised_at"])
    op.create_index("ix_alerts_day", "alerts", ["day", "raised_at"])
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at", "alert_id"])
    op.create_index("ix_alerts_severity", "alerts", ["severity", "raised_at"])
    op.create_index("ix_alerts_staff_id", "alerts", ["staff_id", "raised_at"])
    op.create_index("ix_alerts_status", "alerts", ["status", "raised_at"])
    turns = op.create_table(
        "turns",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
    )
    op.create_table(
        "alert_history",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=64)),
        sa.Column("because", sa.Text()),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32)),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("conflicted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_alert_history_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_history"),
        sa.UniqueConstraint("alert_id", "revision", name="uq_alert_history_alert_id"),
    )
    op.create_table(
        "alert_hits",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("conflicted", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_alert_hits_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "event_id", "rule", name="pk_alert_hits"),
    )
    op.create_index("ix_alert_hits_event_id", "alert_hits", ["event_id"])
    op.create_index("ix_alert_hits_rule", "alert_hits", ["rule", "alert_id"])
    op.create_table(
        "notifications",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("first_attempt_at", INSTANT),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("holder", sa.String(length=200)),
        sa.Column("lease_until", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("last_error", sa.String(length=200)),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_notifications_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "revision", "channel", name="pk_notifications"),
    )
    op.create_index(
        "ix_notifications_pending",
        "notifications",
        ["channel", "next_attempt_at"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("published_at", INSTANT),
        sa.Column("holder", sa.String(length=200)),
        sa.Column("lease_until", INSTANT),
        sa.Column("routed_at", INSTANT),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_outbox_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("alert_id", "revision", name="uq_outbox_alert_id"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_unrouted",
        "outbox",
        ["id"],
        sqlite_where=sa.text("routed_at IS NULL"),
        postgresql_where=sa.text("routed_at IS NULL"),
    )
    op.bulk_insert(turns, [{"name": "relay"}, {"name": "route"}, {"name": "deliver"}])


def downgrade() -> None:
    for table in ("turns", "notifications", "outbox", "alert_history", "alert_hits", "alerts"):
        op.drop_table(table)
