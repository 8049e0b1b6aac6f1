"""Routes: messages by an id of their own, about one alert or several; follow-ups; whom alerts are kept from.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.String(length=64)
WORD = sa.String(length=32)
KEY = sa.String(length=200)
_KEPT = (
    "alert_id, revision, channel, state, attempts, created_at, first_attempt_at, next_attempt_at, holder, lease_until, "
    "sent_at, last_error"
)


def upgrade() -> None:
    op.add_column("alert_hits", sa.Column("owners", sa.Text()))
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.drop_index("ix_notifications_pending", "notifications")
    op.rename_table("notifications", "notifications_before")
    _drop_primary_key()
    op.create_table(
        "notifications",
        sa.Column("key", KEY, nullable=False),
        sa.Column("channel", ID, nullable=False),
        sa.Column("occasion", WORD, nullable=False),
        sa.Column("reason", WORD),
        sa.Column("route", ID),
        sa.Column("instead_of", ID),
        sa.Column("alert_id", ID),
        sa.Column("revision", sa.Integer()),
        sa.Column("content", sa.Text()),
        sa.Column("state", WORD, nullable=False),
        sa.Column("silence", ID),
        sa.Column("told_in", KEY),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("first_attempt_at", INSTANT),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("holder", KEY),
        sa.Column("lease_until", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("last_error", KEY),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_notifications_alert_id"),
        sa.PrimaryKeyConstraint("key", name="pk_notifications"),
    )
    op.execute(
        f"INSERT INTO notifications (key, occasion, due_at, {_KEPT}) "  # noqa: S608 names of columns
        f"SELECT alert_id || '.' || revision || '.' || channel, 'told', created_at, {_KEPT} FROM notifications_before"
    )
    op.drop_table("notifications_before")
    op.create_index("ix_notifications_alert_id", "notifications", ["alert_id", "revision"])
    op.create_index("ix_notifications_route", "notifications", ["route", "created_at"])
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    _index_of_state("pending", "channel")
    _index_of_state("gathered", "route")
    op.create_table(
        "follow_ups",
        sa.Column("route", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_follow_ups_alert_id"),
        sa.PrimaryKeyConstraint("route", "alert_id", name="pk_follow_ups"),
    )
    op.create_index("ix_follow_ups_next_at", "follow_ups", ["next_at"])
    op.create_table(
        "kept_from",
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_kept_from_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "staff_id", name="pk_kept_from"),
    )
    op.create_index("ix_kept_from_staff_id", "kept_from", ["staff_id", "alert_id"])
    op.create_table(
        "staff_register",
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("org_unit", ID, nullable=False),
        sa.Column("internal_integrity", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", name="pk_staff_register"),
    )


def downgrade() -> None:
    for table in ("staff_register", "kept_from", "follow_ups"):
        op.drop_table(table)
    for index in ("pending", "gathered", "alert_id", "route", "created_at"):
        op.drop_index(f"ix_notifications_{index}", "notifications")
    op.rename_table("notifications", "notifications_after")
    _drop_primary_key("notifications_after")
    op.create_table(
        "notifications",
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("channel", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("first_attempt_at", INSTANT),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("holder", KEY),
        sa.Column("lease_until", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("last_error", KEY),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_notifications_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "revision", "channel", name="pk_notifications"),
    )
    # The release before knows messages about one revision only, once through each channel.
    op.execute(
        f"INSERT INTO notifications ({_KEPT}) SELECT {_KEPT} FROM notifications_after "  # noqa: S608 names of columns
        "WHERE occasion = 'told' AND state IN ('pending', 'sent', 'parked', 'withheld')"
    )
    op.drop_table("notifications_after")
    _index_of_state("pending", "channel")
    op.drop_index("ix_outbox_created_at", "outbox")
    op.drop_column("alert_hits", "owners")


def _drop_primary_key(table: str = "notifications_before") -> None:
    """PostgreSQL keeps the names of constraints with a renamed table; SQLite has none to free."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("pk_notifications", table)
        op.drop_constraint("fk_notifications_alert_id", table)


def _index_of_state(state: str, column: str) -> None:
    op.create_index(
        f"ix_notifications_{state}",
        "notifications",
        [column, "next_attempt_at"],
        sqlite_where=sa.text(f"state = '{state}'"),
        postgresql_where=sa.text(f"state = '{state}'"),
    )
