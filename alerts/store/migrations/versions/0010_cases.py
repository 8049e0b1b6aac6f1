"""Cases: investigations, ER cases, footprints, questionnaires, reports, and the chain that binds them.

Revision ID: 0010
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.String(length=64)
WORD = sa.String(length=32)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "case_draws",
    "case_entries",
    "case_holds",
    "case_kept_from",
    "case_links",
    "case_members",
    "case_notes",
    "case_numbers",
    "case_samples",
    "er_cases",
    "evidence_packs",
    "footprint_decisions",
    "footprint_releases",
    "footprint_requests",
    "investigations",
    "questionnaire_answers",
    "questionnaires",
    "report_overrides",
    "report_releases",
    "unmaskings",
)


def upgrade() -> None:
    op.create_table(
        "case_draws",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("unexplained", sa.BigInteger(), nullable=False),
        sa.Column("drawn", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_case_draws"),
    )
    op.create_table(
        "case_entries",
        sa.Column("number", SERIAL, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("what", WORD, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("digest", ID, nullable=False),
        sa.Column("overall", ID, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_case_entries"),
    )
    op.create_index("ix_case_entries_subject", "case_entries", ["subject", "number"], unique=False)
    op.create_table(
        "case_holds",
        sa.Column("hold_id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("released_by", ID, nullable=True),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name="pk_case_holds"),
    )
    op.create_index("ix_case_holds_id", "case_holds", ["kind", "id"], unique=False)
    op.create_table(
        "case_kept_from",
        sa.Column("case_number", ID, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("because", WORD, nullable=False),
        sa.PrimaryKeyConstraint("case_number", "staff_id", name="pk_case_kept_from"),
    )
    op.create_index("ix_case_kept_from_staff_id", "case_kept_from", ["staff_id"], unique=False)
    op.create_table(
        "case_links",
        sa.Column("case_number", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("added_by", ID, nullable=False),
        sa.PrimaryKeyConstraint("case_number", "kind", "id", name="pk_case_links"),
    )
    op.create_index("ix_case_links_id", "case_links", ["kind", "id"], unique=False)
    op.create_table(
        "case_members",
        sa.Column("case_number", ID, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("case_number", "staff_id", name="pk_case_members"),
    )
    op.create_index("ix_case_members_staff_id", "case_members", ["staff_id"], unique=False)
    op.create_table(
        "case_notes",
        sa.Column("note_id", ID, nullable=False),
        sa.Column("case_number", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("note_id", name="pk_case_notes"),
    )
    op.create_index("ix_case_notes_case_number", "case_notes", ["case_number", "at"], unique=False)
    op.create_table(
        "case_numbers",
        sa.Column("series", WORD, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name="pk_case_numbers"),
    )
    op.create_table(
        "case_samples",
        sa.Column("event_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("drawn_at", INSTANT, nullable=False),
        sa.Column("per_thousand", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_case_samples"),
    )
    op.create_index("ix_case_samples_day", "case_samples", ["day"], unique=False)
    op.create_table(
        "er_cases",
        sa.Column("number", ID, nullable=False),
        sa.Column("investigation", ID, nullable=True),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("handler", ID, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("type", ID, nullable=False),
        sa.Column("outcome", ID, nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("completed_at", INSTANT, nullable=True),
        sa.Column("times_completed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_er_cases"),
    )
    op.create_index("ix_er_cases_completed_on", "er_cases", ["completed_on"], unique=False)
    op.create_index("ix_er_cases_staff_id", "er_cases", ["staff_id"], unique=False)
    op.create_table(
        "evidence_packs",
        sa.Column("case_number", ID, nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("form", WORD, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.PrimaryKeyConstraint("case_number", "sha256", "form", name="pk_evidence_packs"),
    )
    op.create_table(
        "footprint_decisions",
        sa.Column("request", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("event_ids", sa.Text(), nullable=False),
        sa.Column("ground", WORD, nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("is_said", sa.Boolean(), nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("request", "number", name="pk_footprint_decisions"),
    )
    op.create_table(
        "footprint_releases",
        sa.Column("request", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("profile", WORD, nullable=False),
        sa.Column("language", WORD, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("accesses", sa.Text(), nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("complete_to", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("request", name="pk_footprint_releases"),
    )
    op.create_table(
        "footprint_requests",
        sa.Column("number", ID, nullable=False),
        sa.Column("requester", WORD, nullable=False),
        sa.Column("requester_staff_id", ID, nullable=True),
        sa.Column("identity_checked", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=True),
        sa.Column("child_turns_16_on", sa.Date(), nullable=True),
        sa.Column("clients", sa.Text(), nullable=False),
        sa.Column("one_person_because", sa.Text(), nullable=True),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("extended_because", sa.Text(), nullable=True),
        sa.Column("status", WORD, nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decided_by", ID, nullable=True),
        sa.Column("refused_ground", WORD, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_footprint_requests"),
    )
    op.create_index("ix_footprint_requests_received_on", "footprint_requests", ["received_on"], unique=False)
    op.create_index("ix_footprint_requests_status", "footprint_requests", ["status", "due_on"], unique=False)
    op.create_table(
        "investigations",
        sa.Column("number", ID, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("origin", WORD, nullable=False),
        sa.Column("staff_id", ID, nullable=True),
        sa.Column("client_id", ID, nullable=True),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("lead", ID, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("result", WORD, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("is_covert", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_investigations"),
    )
    op.create_index("ix_investigations_client_id", "investigations", ["client_id"], unique=False)
    op.create_index("ix_investigations_opened_on", "investigations", ["opened_on"], unique=False)
    op.create_index("ix_investigations_staff_id", "investigations", ["staff_id"], unique=False)
    op.create_table(
        "questionnaire_answers",
        sa.Column("questionnaire", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("was_work", WORD, nullable=False),
        sa.Column("which_work", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("ask_the_person", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("questionnaire", "number", name="pk_questionnaire_answers"),
    )
    op.create_table(
        "questionnaires",
        sa.Column("number", ID, nullable=False),
        sa.Column("case_number", ID, nullable=True),
        sa.Column("event_id", ID, nullable=True),
        sa.Column("about_staff_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("to_staff_id", ID, nullable=False),
        sa.Column("sent_by", ID, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("token", ID, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("next_reminder_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_questionnaires"),
    )
    op.create_index("ix_questionnaires_case_number", "questionnaires", ["case_number"], unique=False)
    op.create_index("ix_questionnaires_event_id", "questionnaires", ["event_id"], unique=False)
    op.create_index("ix_questionnaires_next_reminder_on", "questionnaires", ["next_reminder_on"], unique=False)
    op.create_table(
        "report_overrides",
        sa.Column("number", ID, nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("granted_by", ID, nullable=True),
        sa.Column("granted_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_report_overrides"),
    )
    op.create_index("ix_report_overrides_sha256", "report_overrides", ["sha256"], unique=False)
    op.create_table(
        "report_releases",
        sa.Column("number", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", ID, nullable=False),
        sa.Column("published", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("overridden_by", ID, nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_report_releases"),
    )
    op.create_index("ix_report_releases_at", "report_releases", ["at"], unique=False)
    op.create_table(
        "unmaskings",
        sa.Column("number", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("granted_by", ID, nullable=True),
        sa.Column("granted_at", INSTANT, nullable=True),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("is_break_glass", sa.Boolean(), nullable=False),
        sa.Column("review_due_on", sa.Date(), nullable=True),
        sa.Column("reviewed_by", ID, nullable=True),
        sa.Column("reviewed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_unmaskings"),
    )
    op.create_index("ix_unmaskings_id", "unmaskings", ["kind", "id"], unique=False)
    chain = sa.table("chain", sa.column("name"), sa.column("entries"), sa.column("digest"))
    op.bulk_insert(chain, [{"name": "cases", "entries": 0, "digest": "0" * 64}])


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM chain WHERE name = 'cases'")
