"""What the history keeps in the alert store's database, beside PyIceberg's own two tables of the catalog."""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text

from alerts.store.database import Instant
from alerts.store.tables import METADATA

_Serial = BigInteger().with_variant(Integer(), "sqlite")
_Id = String(64)
_Word = String(32)
_Digest = String(64)

#: One row a name: the writer's lease (``holder``, ``until``), and what is asked of the writer and answered by it.
STATE: Final = Table(
    "history_state",
    METADATA,
    Column("name", _Word, primary_key=True),
    Column("holder", String(200)),
    Column("until", Instant),
    Column("value", Text),
)

#: Every data file as it was written; a chain, so that no row goes without being seen. Never deleted from.
FILES: Final = Table(
    "history_files",
    METADATA,
    Column("number", _Serial, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False, unique=True),  # below the table's folder of data
    Column("month", String(7), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", _Digest, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("digest", _Digest, nullable=False),  # of this row and the one before it
)

#: Records of ``integrity.assessment.v1`` that were gone before they were read; open until a person accepts the gap.
GAPS: Final = Table(
    "history_gaps",
    METADATA,
    Column("gap_id", _Serial, primary_key=True, autoincrement=True),
    Column("partition", Integer, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("accepted_at", Instant),
    Column("accepted_by", _Id),
    Column("because", Text),
)

#: Records of that topic which are no assessment, as they stood there.
UNREAD: Final = Table(
    "history_unread",
    METADATA,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("value", Text),  # base64; None where the record had none, or its bytes could not be had
)

#: Who read what, and why, written before the first row leaves; a chain. Never deleted from.
READINGS: Final = Table(
    "history_readings",
    METADATA,
    Column("number", _Serial, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", _Id, nullable=False),
    Column("role", _Word, nullable=False),
    Column("kind", _Word, nullable=False),
    Column("reason", Text, nullable=False),
    Column("case_or_request", _Id),
    Column("query", _Word, nullable=False),
    Column("about", Text, nullable=False),  # JSON: the ids that were asked for
    Column("first", Date),
    Column("last", Date),
    Column("rows", BigInteger, nullable=False),
    Column("digest", _Digest, nullable=False),
    Index("ix_history_readings_case", "case_or_request"),
    Index("ix_history_readings_at", "at"),
)

#: What was removed, by whose authority, asked for by one person and approved by another. Counts, never contents.
REMOVALS: Final = Table(
    "history_removals",
    METADATA,
    Column("removal_id", _Id, primary_key=True),
    Column("kind", _Word, nullable=False),  # client, event, months
    Column("subject", _Id, nullable=False),  # the id; of months the last that goes, as 2019-11
    Column("authority", Text, nullable=False),
    Column("asked_by", _Id, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("approved_by", _Id),
    Column("approved_at", Instant),
    Column("done_at", Instant),
    Column("rows", BigInteger),
)

#: Statements of correction: rows never change, and these are shown beside them.
CORRECTIONS: Final = Table(
    "history_corrections",
    METADATA,
    Column("correction_id", _Id, primary_key=True),
    Column("event_id", _Id),
    Column("client_id", _Id),
    Column("first", Date),
    Column("last", Date),
    Column("statement", Text, nullable=False),
    Column("by", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_history_corrections_event", "event_id"),
    Index("ix_history_corrections_client", "client_id"),
)
