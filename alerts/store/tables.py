"""The tables of the alert store. ``migrations/versions`` makes them; a test proves that both say the same."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from alerts.store.database import Instant

#: SQLite counts up only what it knows as INTEGER.
_Serial = BigInteger().with_variant(Integer(), "sqlite")
_Id = String(64)
_Word = String(32)

#: How often the first message about an alert is told at all; reminders and others have numbers or names.
TOLD = "told"

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

#: The newest revision of each alert: what is filtered by as columns, all of it as JSON in ``payload``.
ALERTS = Table(
    "alerts",
    METADATA,
    Column("alert_id", _Id, primary_key=True),
    Column("staff_id", _Id, nullable=False),
    Column("client_id", _Id),
    Column("day", Date, nullable=False),
    Column("severity", _Word, nullable=False),
    Column("title", Text, nullable=False),
    Column("status", _Word, nullable=False),
    Column("outcome", _Word),
    Column("self_reported", Boolean, nullable=False),
    Column("conflicted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("access_count", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("assignee", _Id),  # who works on it
    Column("gathered", Text, nullable=False),  # alerts.grouping.AlertDigest as JSON: what the next hit is folded into
    Column("audience", _Word, nullable=False, server_default="integrity"),  # whom it is for
    Column("settles_at", Instant),  # while pending: when it becomes new
    Column("asked_at", Instant),  # when it was first new for Internal Integrity
    Column("told_at", Instant),  # when it was first new for the staff member: it is a notice since
    Column("answer_by", Instant),  # when the staff member's time to answer a notice ends
    Column("answer", _Word),  # alerts.notices.NoticeAnswer
    Column("questions", Text, nullable=False, server_default=""),  # its rules, in order of their ids: what scores go by
    Column("score", Float),
    Index("ix_alerts_raised_at", "raised_at", "alert_id"),
    Index("ix_alerts_status", "status", "raised_at"),
    Index("ix_alerts_severity", "severity", "raised_at"),
    Index("ix_alerts_staff_id", "staff_id", "raised_at"),
    Index("ix_alerts_client_id", "client_id", "raised_at"),
    Index("ix_alerts_day", "day", "raised_at"),
    Index("ix_alerts_questions", "questions", "outcome"),
    Index("ix_alerts_score", "score", "raised_at"),
)
for _waits in ("settles_at", "answer_by"):
    Index(
        f"ix_alerts_{_waits}",
        ALERTS.c[_waits],
        sqlite_where=ALERTS.c[_waits].is_not(None),
        postgresql_where=ALERTS.c[_waits].is_not(None),
    )

#: Each distinct hit with the content that came first.
HITS = Table(
    "alert_hits",
    METADATA,
    Column("alert_id", _Id, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("event_id", _Id, primary_key=True),
    Column("rule", _Id, primary_key=True),
    Column("severity", _Word, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # JSON
    Column("versions", Text, nullable=False),  # JSON
    Column("conflicted", Boolean, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),  # timestamp of the record in cms.access.v1
    Column("taken_at", Instant, nullable=False),
    Column("client_id", _Id),  # of the access; an alert about an actor has none of its own
    Column("judged_at", Instant),  # timestamp of the record in integrity.hit.v1
    Column("work_id", _Id),  # the work item that the access carried
    Column("actor", Text),  # alerts.detection.work_reasons.Actor as JSON, as known when judged
    Column("owners", Text),  # of the client record, as known when judged: JSON, staff id and org_unit of each
    Column("explained_by", _Id),  # the work item that became known later and explains it
    Column("covered", Boolean, nullable=False, server_default=false()),  # by a self report
    Column("revision", Integer),  # of the alert, that took it in; None from before that was kept
    Column("channel", _Word),  # of the access
    Column("action", _Word),  # of the access
    Column("slip", _Word),  # alerts.grouping.Slip; None where the rule knows none
    Index("ix_alert_hits_client_id", "client_id", "occurred_at"),
    Index("ix_alert_hits_event_id", "event_id"),
    Index("ix_alert_hits_rule", "rule", "alert_id"),
)

Index(
    "ix_alert_hits_slip",
    HITS.c.recorded_ms,
    sqlite_where=HITS.c.slip == "may",
    postgresql_where=HITS.c.slip == "may",
)
Index(
    "ix_alert_hits_explained_by",
    HITS.c.explained_by,
    sqlite_where=HITS.c.explained_by.is_not(None),
    postgresql_where=HITS.c.explained_by.is_not(None),
)

#: Work items as they were published in the last weeks, each version.
WORK = Table(
    "work_versions",
    METADATA,
    Column("work_id", _Id, primary_key=True),
    Column("known_at", Instant, primary_key=True),  # timestamp of the record in ref.work.v1
    Column("client_id", _Id, nullable=False),
    Column("content", Text, nullable=False),  # enrichment.schemas.Work as JSON
    Index("ix_work_versions_client_id", "client_id"),
    Index("ix_work_versions_known_at", "known_at"),
)

#: What staff members reported themselves, the newest of each report.
SELF_REPORTS = Table(
    "self_reports",
    METADATA,
    Column("report_id", _Id, primary_key=True),
    Column("staff_id", _Id, nullable=False),
    Column("client_id", _Id, nullable=False),
    Column("reported_at", Instant, nullable=False),
    Column("accessed_from", Instant, nullable=False),
    Column("accessed_to", Instant, nullable=False),
    Index("ix_self_reports_staff_id", "staff_id", "client_id"),
)

#: What became of each alert: an entry per revision, and one for each thing that is none; only ever added to.
HISTORY = Table(
    "alert_history",
    METADATA,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("alert_id", _Id, ForeignKey("alerts.alert_id"), nullable=False),
    Column("revision", Integer),  # None: it changed nothing that the alert says
    Column("at", Instant, nullable=False),
    Column("what", _Word, nullable=False),  # alerts.store.revisions.What, or assigned, noted, routed
    Column("by", _Id),  # None: the service
    Column("because", Text),
    Column("status", _Word, nullable=False),
    Column("outcome", _Word),
    Column("severity", _Word, nullable=False),
    Column("conflicted", Boolean, nullable=False),
    Column("audience", _Word),  # None from before there were notices
    Column("detail", Text),  # JSON: digests of what stands in other tables, and what an entry is about
    Column("number", BigInteger),  # 1, 2, ... over all alerts; None in entries from before there was a chain
    Column("digest", String(64)),  # of this entry and the one before it of its alert
    Column("overall", String(64)),  # of this entry and the one before it of all
    UniqueConstraint("alert_id", "revision"),
    Index("ix_alert_history_number", "number", unique=True),
    Index("ix_alert_history_latest", "alert_id", "id"),
)

#: How far the chain of the history has come.
CHAIN = Table(
    "chain",
    METADATA,
    Column("name", _Word, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)

#: One row per revision, on its way to ``integrity.alert.v1`` and to the routes.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("alert_id", _Id, ForeignKey("alerts.alert_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("recorded_ms", BigInteger),  # earliest access record behind this revision; None: no hit caused it
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("holder", String(200)),
    Column("lease_until", Instant),
    Column("routed_at", Instant),
    UniqueConstraint("alert_id", "revision"),
    Index("ix_outbox_created_at", "created_at"),
)
Index(
    "ix_outbox_unpublished",
    OUTBOX.c.id,
    sqlite_where=OUTBOX.c.published_at.is_(None),
    postgresql_where=OUTBOX.c.published_at.is_(None),
)
Index(
    "ix_outbox_unrouted",
    OUTBOX.c.id,
    sqlite_where=OUTBOX.c.routed_at.is_(None),
    postgresql_where=OUTBOX.c.routed_at.is_(None),
)

#: Each message to a channel, sent or to be sent, and what was kept back from one. ``key`` is the message's id.
NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("channel", _Id, nullable=False),
    Column("occasion", _Word, nullable=False),  # told, reminder, escalated, digest, storm
    Column("reason", _Word),  # alerts.notify.routing.Reason; None from before that was kept
    Column("route", _Id),
    Column("instead_of", _Id),  # the route that has a conflict
    Column("alert_id", _Id, ForeignKey("alerts.alert_id")),  # None: about several, which ``content`` speaks of
    Column("revision", Integer),
    Column("content", Text),  # JSON: alerts.notify.message.Several
    Column("to_staff", _Id),  # whom it goes to, where that is not the staff member whom the notice is for
    Column("state", _Word, nullable=False),  # alerts.store.notifications.State
    Column("silence", _Id),  # the silence that kept it back
    Column("told_in", String(200)),  # without its channel, the key of the message about several that told of it
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),  # when it was first to be sent
    Column("first_attempt_at", Instant),
    Column("next_attempt_at", Instant, nullable=False),
    Column("holder", String(200)),
    Column("lease_until", Instant),
    Column("sent_at", Instant),
    Column("last_error", Text),  # why it was not taken: the receiver's words, without ids and addresses
    Index("ix_notifications_alert_id", "alert_id", "revision"),
    Index("ix_notifications_route", "route", "created_at"),
    Index("ix_notifications_created_at", "created_at"),
)
for _state in ("pending", "gathered"):
    Index(
        f"ix_notifications_{_state}",
        NOTIFICATIONS.c.channel if _state == "pending" else NOTIFICATIONS.c.route,
        NOTIFICATIONS.c.next_attempt_at,
        sqlite_where=NOTIFICATIONS.c.state == _state,
        postgresql_where=NOTIFICATIONS.c.state == _state,
    )

#: Alerts that a route has told of and reminds of while nobody acknowledges them.
FOLLOW_UPS = Table(
    "follow_ups",
    METADATA,
    Column("route", _Id, primary_key=True),
    Column("alert_id", _Id, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("reminders", Integer, nullable=False),  # sent so far
    Column("next_at", Instant, nullable=False),
    Index("ix_follow_ups_next_at", "next_at"),
)

#: Recipients who must not see an alert, since it concerns them or somebody they work beside.
KEPT_FROM = Table(
    "kept_from",
    METADATA,
    Column("alert_id", _Id, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("staff_id", _Id, primary_key=True),
    Index("ix_kept_from_staff_id", "staff_id", "alert_id"),
)

#: What of the staff register decides whom not to tell.
STAFF = Table(
    "staff_register",
    METADATA,
    Column("staff_id", _Id, primary_key=True),
    Column("org_unit", _Id, nullable=False),
    Column("internal_integrity", Boolean, nullable=False),
    Column("leave", Text),  # JSON: first and last date of each; None where there is none
    Column("manager_id", _Id),  # None where the record names none, or was published before that was kept
)

#: Which dead letters were put back, by partition: neighbours that were as often are one row.
DEAD_LETTER_REPLAYS = Table(
    "dead_letter_replays",
    METADATA,
    Column("topic", String(249), primary_key=True),  # the longest name that Kafka takes
    Column("partition", Integer, primary_key=True),
    Column("first_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
)

#: What has come of each source: the newest record, and the runs of its own sequence (JSON).
SOURCES = Table(
    "sources",
    METADATA,
    Column("source", _Id, primary_key=True),
    Column("newest", Instant, nullable=False),
    Column("runs", Text, nullable=False),
    Column("given_up", BigInteger, nullable=False),
)

#: Records of a source by the New Zealand day on which they came, and how many the source itself says there were.
SOURCE_DAYS = Table(
    "source_days",
    METADATA,
    Column("source", _Id, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("counted", BigInteger),
)

#: Gaps that a person has accepted; only ever added to.
SOURCE_GAPS_ACCEPTED = Table(
    "source_gaps_accepted",
    METADATA,
    Column("number", _Serial, primary_key=True),
    Column("source", _Id, nullable=False),
    Column("first_number", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", _Id, nullable=False),
    Column("because", Text, nullable=False),
    Index("ix_source_gaps_accepted_source", "source"),
)

#: How far a database that is asked for its rows has been read (JSON).
SOURCE_POLLS = Table(
    "source_polls",
    METADATA,
    Column("source", _Id, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

#: One row per kind of claim: who holds its lock is the only one claiming (PostgreSQL; SQLite has one writer anyway).
TURNS = Table("turns", METADATA, Column("name", _Word, primary_key=True))

#: Ids in one IN list; SQLite takes 32,766 parameters, PostgreSQL 65,535.
IDS_PER_QUERY_MAX = 1000


def chunks(ids: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut ids into lists that one query takes."""
    return [ids[start : start + IDS_PER_QUERY_MAX] for start in range(0, len(ids), IDS_PER_QUERY_MAX)]
