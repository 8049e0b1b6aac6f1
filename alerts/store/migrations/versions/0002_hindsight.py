"""What becomes known after an access: what of a hit decides, the work of the last weeks, self reports.

Revision ID: 0002
Revises: 0001
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.String(length=64)
#: Alerts whose gathered content is brought up to date at a time.
ALERTS_AT_A_TIME = 500


def upgrade() -> None:
    op.add_column("alert_hits", sa.Column("client_id", ID))
    op.add_column("alert_hits", sa.Column("judged_at", INSTANT))
    op.add_column("alert_hits", sa.Column("work_id", ID))
    op.add_column("alert_hits", sa.Column("actor", sa.Text()))
    op.add_column("alert_hits", sa.Column("explained_by", ID))
    op.add_column("alert_hits", sa.Column("covered", sa.Boolean(), nullable=False, server_default=sa.false()))
    # Of an alert about an actor it was not kept which client an access was to: those hits stay as they are.
    op.execute(
        "UPDATE alert_hits SET judged_at = taken_at, client_id = "
        "(SELECT client_id FROM alerts WHERE alerts.alert_id = alert_hits.alert_id)"
    )
    op.create_index("ix_alert_hits_client_id", "alert_hits", ["client_id", "occurred_at"])
    op.create_index(
        "ix_alert_hits_explained_by",
        "alert_hits",
        ["explained_by"],
        sqlite_where=sa.text("explained_by IS NOT NULL"),
        postgresql_where=sa.text("explained_by IS NOT NULL"),
    )
    op.create_table(
        "work_versions",
        sa.Column("work_id", ID, nullable=False),
        sa.Column("known_at", INSTANT, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("work_id", "known_at", name="pk_work_versions"),
    )
    op.create_index("ix_work_versions_client_id", "work_versions", ["client_id"])
    op.create_index("ix_work_versions_known_at", "work_versions", ["known_at"])
    op.create_table(
        "self_reports",
        sa.Column("report_id", ID, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("accessed_from", INSTANT, nullable=False),
        sa.Column("accessed_to", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("report_id", name="pk_self_reports"),
    )
    op.create_index("ix_self_reports_staff_id", "self_reports", ["staff_id", "client_id"])
    op.execute("INSERT INTO turns (name) VALUES ('hindsight')")
    _recount(op.get_bind())


def downgrade() -> None:
    # What was gathered keeps its counts: the release before does not look at them.
    op.execute("DELETE FROM turns WHERE name = 'hindsight'")
    op.drop_table("self_reports")
    op.drop_table("work_versions")
    op.drop_index("ix_alert_hits_explained_by", "alert_hits")
    op.drop_index("ix_alert_hits_client_id", "alert_hits")
    for column in ("covered", "explained_by", "actor", "work_id", "judged_at", "client_id"):
        op.drop_column("alert_hits", column)


def _recount(connection: sa.Connection) -> None:
    """Count each alert's hits by rule: so far none of them is explained or covered."""
    alerts = sa.table("alerts", sa.column("alert_id", ID), sa.column("gathered", sa.Text()))
    hits = sa.table("alert_hits", sa.column("alert_id", ID), sa.column("rule", ID))
    last = ""
    while True:
        page = sa.select(alerts.c.alert_id, alerts.c.gathered).where(alerts.c.alert_id > last)
        rows = connection.execute(page.order_by(alerts.c.alert_id).limit(ALERTS_AT_A_TIME)).all()
        if not rows:
            return
        last = rows[-1].alert_id
        counted = sa.select(hits.c.alert_id, hits.c.rule, sa.func.count().label("number"))
        of_page = counted.where(hits.c.alert_id.in_([row.alert_id for row in rows]))
        numbers: dict[str, dict[str, int]] = {}
        for row in connection.execute(of_page.group_by(hits.c.alert_id, hits.c.rule).order_by(hits.c.rule)):
            numbers.setdefault(row.alert_id, {})[row.rule] = row.number
        for row in rows:
            mine = numbers.get(row.alert_id, {})
            gathered = json.loads(row.gathered) | {"unexplained": mine, "uncovered": sum(mine.values())}
            changed = sa.update(alerts).where(alerts.c.alert_id == row.alert_id)
            text = json.dumps(gathered, ensure_ascii=False, separators=(",", ":"))
            connection.execute(changed.values(gathered=text))
