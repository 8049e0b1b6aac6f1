"""The tables of this room, in the alert store's database; ``record.py`` writes them and binds each row into a chain."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String, Table, Text

from alerts.store.database import Instant
from alerts.store.tables import METADATA as STORE_METADATA

#: SQLite counts up only what it knows as INTEGER.
_Serial = BigInteger().with_variant(Integer(), "sqlite")
_Id = String(64)
_Word = String(32)
_Digest = String(64)

#: The last number of each series and year: IC-2027-0042. Held while one is taken, so that there is no gap.
NUMBERS = Table(
    "case_numbers",
    STORE_METADATA,
    Column("series", _Word, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

#: What was done, by whom and why: an entry for each change of a row below; only ever added to.
ENTRIES = Table(
    "case_entries",
    STORE_METADATA,
    Column("number", _Serial, primary_key=True, autoincrement=False),
    Column("subject", String(100), nullable=False),  # case:IC-2027-0042, request:FR-2027-0001, release:RR-2027-0003
    Column("at", Instant, nullable=False),
    Column("what", _Word, nullable=False),
    Column("by", _Id, nullable=False),
    Column("account", _Id, nullable=False),  # at which computer account, or by which sign-in
    Column("because", Text),
    Column("detail", Text, nullable=False),  # JSON: {"rows": [[table, key, digest]], ...}
    Column("digest", _Digest, nullable=False),  # of this entry and the one before it of its subject
    Column("overall", _Digest, nullable=False),  # of this entry and the one before it of all
    Index("ix_case_entries_subject", "subject", "number"),
)

INVESTIGATIONS = Table(
    "investigations",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("opened_on", Date, nullable=False),  # New Zealand date
    Column("origin", _Word, nullable=False),
    Column("staff_id", _Id),  # whom it is about, or
    Column("client_id", _Id),  # whose record
    Column("first", Date),  # the days that it asks about, where they are known
    Column("last", Date),
    Column("question", Text, nullable=False),
    Column("lead", _Id, nullable=False),
    Column("status", _Word, nullable=False),
    Column("result", _Word),
    Column("closed_at", Instant),
    Column("is_covert", Boolean, nullable=False),  # nobody outside of it is asked or reminded
    Index("ix_investigations_opened_on", "opened_on"),
    Index("ix_investigations_staff_id", "staff_id"),
    Index("ix_investigations_client_id", "client_id"),
)

#: What belongs to a case: nothing is copied, each stays what it is.
LINKS = Table(
    "case_links",
    STORE_METADATA,
    Column("case_number", _Id, primary_key=True),
    Column("kind", _Word, primary_key=True),  # alert, access, staff, client, case
    Column("id", _Id, primary_key=True),
    Column("occurred_at", Instant),  # of an access
    Column("added_at", Instant, nullable=False),
    Column("added_by", _Id, nullable=False),
    Index("ix_case_links_id", "kind", "id"),
)

MEMBERS = Table(
    "case_members",
    STORE_METADATA,
    Column("case_number", _Id, primary_key=True),
    Column("staff_id", _Id, primary_key=True),
    Column("added_at", Instant, nullable=False),
    Column("until", Instant),  # for a time only
    Column("removed_at", Instant),
    Index("ix_case_members_staff_id", "staff_id"),
)

#: Who must not know that a case exists, beside its subject.
KEPT_FROM = Table(
    "case_kept_from",
    STORE_METADATA,
    Column("case_number", _Id, primary_key=True),
    Column("staff_id", _Id, primary_key=True),
    Column("because", _Word, nullable=False),  # manager, unit, owner, other
    Index("ix_case_kept_from_staff_id", "staff_id"),
)

NOTES = Table(
    "case_notes",
    STORE_METADATA,
    Column("note_id", _Id, primary_key=True),
    Column("case_number", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
    Column("text", Text),  # None: purged after its time
    Index("ix_case_notes_case_number", "case_number", "at"),
)

ER_CASES = Table(
    "er_cases",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("investigation", _Id),
    Column("staff_id", _Id, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("handler", _Id, nullable=False),
    Column("status", _Word, nullable=False),  # open, completed
    Column("type", _Id, nullable=False),
    Column("outcome", _Id),
    Column("completed_on", Date),
    Column("completed_at", Instant),  # when that was entered
    Column("times_completed", Integer, nullable=False),
    Index("ix_er_cases_completed_on", "completed_on"),
    Index("ix_er_cases_staff_id", "staff_id"),
)

HOLDS = Table(
    "case_holds",
    STORE_METADATA,
    Column("hold_id", _Id, primary_key=True),
    Column("kind", _Word, nullable=False),  # staff, client, case
    Column("id", _Id, nullable=False),
    Column("since", Date, nullable=False),
    Column("authority", Text, nullable=False),
    Column("by", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("released_by", _Id),
    Column("released_at", Instant),
    Index("ix_case_holds_id", "kind", "id"),
)

#: "Was this work?", to a manager; and the same about accesses that were drawn by lot.
QUESTIONNAIRES = Table(
    "questionnaires",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("case_number", _Id),  # None: about an access that was drawn by lot
    Column("event_id", _Id),  # of the access that was drawn
    Column("about_staff_id", _Id, nullable=False),
    Column("client_id", _Id, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("actions", Text, nullable=False),  # JSON
    Column("to_staff_id", _Id, nullable=False),
    Column("sent_by", _Id, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("token", _Digest, nullable=False),  # sha256 of what the link carries
    Column("opened_at", Instant),  # when the link was used: once
    Column("reminders", Integer, nullable=False),
    Column("next_reminder_on", Date),  # None: no more
    Index("ix_questionnaires_case_number", "case_number"),
    Index("ix_questionnaires_next_reminder_on", "next_reminder_on"),
    Index("ix_questionnaires_event_id", "event_id"),
)

ANSWERS = Table(
    "questionnaire_answers",
    STORE_METADATA,
    Column("questionnaire", _Id, primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, ...: a later answer stands beside an earlier one
    Column("at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
    Column("was_work", _Word, nullable=False),  # yes, no, cannot_say
    Column("which_work", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("ask_the_person", Text, nullable=False),
    Column("comment", Text, nullable=False),
)

#: Accesses drawn by lot from those that nothing explains.
SAMPLES = Table(
    "case_samples",
    STORE_METADATA,
    Column("event_id", _Id, primary_key=True),
    Column("day", Date, nullable=False),
    Column("drawn_at", Instant, nullable=False),
    Column("per_thousand", Integer, nullable=False),
    Index("ix_case_samples_day", "day"),
)

#: Days of which accesses were drawn, and from how many: what an estimate is scaled by.
DRAWS = Table(
    "case_draws",
    STORE_METADATA,
    Column("day", Date, primary_key=True),
    Column("unexplained", BigInteger, nullable=False),
    Column("drawn", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
)

UNMASKINGS = Table(
    "unmaskings",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("kind", _Word, nullable=False),  # alert, case
    Column("id", _Id, nullable=False),
    Column("asked_by", _Id, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("because", Text, nullable=False),
    Column("granted_by", _Id),
    Column("granted_at", Instant),
    Column("until", Instant),
    Column("is_break_glass", Boolean, nullable=False),
    Column("review_due_on", Date),
    Column("reviewed_by", _Id),
    Column("reviewed_at", Instant),
    Index("ix_unmaskings_id", "kind", "id"),
)

REQUESTS = Table(
    "footprint_requests",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("requester", _Word, nullable=False),  # self, agent, guardian, estate
    Column("requester_staff_id", _Id),
    Column("identity_checked", Text, nullable=False),
    Column("authority", Text),  # of an agent, a guardian or an estate
    Column("child_turns_16_on", Date),
    Column("clients", Text, nullable=False),  # JSON: ids of the records of one person
    Column("one_person_because", Text),  # where there are several
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("extended_because", Text),
    Column("status", _Word, nullable=False),  # open, released, refused, withdrawn
    Column("decided_on", Date),
    Column("decided_by", _Id),
    Column("refused_ground", _Word),
    Index("ix_footprint_requests_status", "status", "due_on"),
    Index("ix_footprint_requests_received_on", "received_on"),
)

DECISIONS = Table(
    "footprint_decisions",
    STORE_METADATA,
    Column("request", _Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("event_ids", Text, nullable=False),  # JSON
    Column("ground", _Word),  # None: released
    Column("fields", Text, nullable=False),  # JSON; empty: the whole visit
    Column("because", Text, nullable=False),
    Column("is_said", Boolean, nullable=False),
    Column("by", _Id, nullable=False),
    Column("at", Instant, nullable=False),
)

RELEASES = Table(
    "footprint_releases",
    STORE_METADATA,
    Column("request", _Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
    Column("profile", _Word, nullable=False),
    Column("language", _Word, nullable=False),
    Column("content", Text, nullable=False),  # JSON of each part as released
    Column("accesses", Text, nullable=False),  # JSON: event id -> reason, to say later what changed
    Column("sha256", _Digest, nullable=False),  # of content
    Column("complete_to", Instant),
)

REPORT_RELEASES = Table(
    "report_releases",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("kind", _Word, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
    Column("published", Text, nullable=False),  # JSON: what the audit of the next one reads
    Column("content", Text, nullable=False),  # JSON of the report as released
    Column("sha256", _Digest, nullable=False),
    Column("overridden_by", _Id),  # the second of two persons who released it against the audit
    Column("because", Text),
    Index("ix_report_releases_at", "at"),
)

#: Where an audit found that something could be worked out: what one person wants to release all the same.
OVERRIDES = Table(
    "report_overrides",
    STORE_METADATA,
    Column("number", _Id, primary_key=True),
    Column("sha256", _Digest, nullable=False),  # of the report that it is about
    Column("asked_by", _Id, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("because", Text, nullable=False),
    Column("granted_by", _Id),
    Column("granted_at", Instant),
    Index("ix_report_overrides_sha256", "sha256"),
)

PACKS = Table(
    "evidence_packs",
    STORE_METADATA,
    Column("case_number", _Id, primary_key=True),
    Column("sha256", _Digest, primary_key=True),
    Column("form", _Word, primary_key=True),  # full, for_staff
    Column("made_at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
)

#: Each table whose rows the chain speaks of.
BOUND: Final = (
    INVESTIGATIONS, LINKS, MEMBERS, KEPT_FROM, NOTES, ER_CASES, HOLDS, QUESTIONNAIRES, ANSWERS, SAMPLES, DRAWS,
    UNMASKINGS, REQUESTS, DECISIONS, RELEASES, REPORT_RELEASES, OVERRIDES, PACKS,
)  # fmt: skip
