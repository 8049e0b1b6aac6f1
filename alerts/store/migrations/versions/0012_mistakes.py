"""Who is told of a mistake: each staff member's manager, and the staff member whom a message goes to.

Managers are known of staff records that are published from now on.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff_register", sa.Column("manager_id", sa.String(length=64)))
    op.add_column("notifications", sa.Column("to_staff", sa.String(length=64)))


def downgrade() -> None:
    op.drop_column("notifications", "to_staff")
    op.drop_column("staff_register", "manager_id")
