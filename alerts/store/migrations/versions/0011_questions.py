"""From a hit to a question: settling, audiences, notices and their answers, scores, slips.

Revision ID: 0011
Revises: 0010
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
WORD = sa.String(length=32)
#: Alerts read at a time.
ROWS_MAX = 500
WAITS = ("settles_at", "answer_by")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("audience", WORD, nullable=False, server_default="integrity"))
    op.add_column("alerts", sa.Column("settles_at", INSTANT))
    op.add_column("alerts", sa.Column("asked_at", INSTANT))
    op.add_column("alerts", sa.Column("told_at", INSTANT))
    op.add_column("alerts", sa.Column("answer_by", INSTANT))
    op.add_column("alerts", sa.Column("answer", WORD))
    op.add_column("alerts", sa.Column("questions", sa.Text(), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("score", sa.Float()))
    op.create_index("ix_alerts_questions", "alerts", ["questions", "outcome"])
    op.create_index("ix_alerts_score", "alerts", ["score", "raised_at"])
    for name in WAITS:
        there = sa.column(name).is_not(None)
        op.create_index(f"ix_alerts_{name}", "alerts", [name], sqlite_where=there, postgresql_where=there)
    # What was raised before is Internal Integrity's, and was asked when it was raised.
    op.execute("UPDATE alerts SET asked_at = raised_at")
    _name_questions()
    op.add_column("alert_hits", sa.Column("channel", WORD))
    op.add_column("alert_hits", sa.Column("action", WORD))
    op.add_column("alert_hits", sa.Column("slip", WORD))
    may = sa.column("slip") == "may"
    op.create_index("ix_alert_hits_slip", "alert_hits", ["recorded_ms"], sqlite_where=may, postgresql_where=may)
    op.add_column("alert_history", sa.Column("audience", WORD))
    op.add_column("staff_register", sa.Column("leave", sa.Text()))


def _name_questions() -> None:
    """Name the questions of what was raised before, so that what people decided about it counts in scores."""
    alerts = sa.table("alerts", *map(sa.column, ("alert_id", "payload", "questions")))
    connection, last = op.get_bind(), ""
    while True:
        after = sa.select(alerts.c.alert_id, alerts.c.payload).where(alerts.c.alert_id > last)
        rows = connection.execute(after.order_by(alerts.c.alert_id).limit(ROWS_MAX)).all()
        if not rows:
            return
        for row in rows:
            rules = sorted(reason["rule"] for reason in json.loads(row.payload)["reasons"])
            this = sa.update(alerts).where(alerts.c.alert_id == row.alert_id)
            connection.execute(this.values(questions=",".join(rules)))
        last = rows[-1].alert_id


def downgrade() -> None:
    op.drop_column("staff_register", "leave")
    op.drop_column("alert_history", "audience")
    op.drop_index("ix_alert_hits_slip", "alert_hits")
    for name in ("slip", "action", "channel"):
        op.drop_column("alert_hits", name)
    for name in (*WAITS, "score", "questions"):
        op.drop_index(f"ix_alerts_{name}", "alerts")
    for name in ("score", "questions", "answer", "answer_by", "told_at", "asked_at", "settles_at", "audience"):
        op.drop_column("alerts", name)
