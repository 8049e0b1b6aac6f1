"""The columns of the history's table, and assessments as rows of it.

One row is one assessment as it stood on ``integrity.assessment.v1``; of an access that was assessed more than once
there are several until its month is compacted, and one for whoever reads (``answers.merged``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import orjson
import pyarrow as pa

from alerts.assessment import ASSESSMENT
from enrichment.nz_time import nz_date
from history.answers import Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TEXTS: Final = pa.list_(pa.string())

#: In the order of the file. ``day`` is a New Zealand date; partition and offset of ``access_`` are those of the access.
SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("occurred_at", _INSTANT, nullable=False),
        # Minutes east of UTC in which ``occurred_at`` was said.
        ("offset_minutes", pa.int32()),
        pa.field("day", pa.date32(), nullable=False),
        pa.field("staff_id", pa.string(), nullable=False),
        ("client_id", pa.string()),
        pa.field("action", pa.string(), nullable=False),
        ("sections", _TEXTS),
        ("channel", pa.string()),
        ("site", pa.string()),
        ("workstation", pa.string()),
        ("work_id", pa.string()),
        ("agreement_id", pa.string()),
        ("search_fields", _TEXTS),
        ("result_count", pa.int64()),
        ("record_count", pa.int64()),
        ("actor", pa.struct([*((name, pa.string()) for name in ("kind", "org_unit", "site")), ("roles", _TEXTS)])),
        pa.field("outcome", pa.string(), nullable=False),
        ("explanation", pa.struct([("kind", pa.string()), ("id", pa.string()), ("sentence", pa.string())])),
        pa.field("explained_later", pa.bool_(), nullable=False),
        ("hits", _TEXTS),
        ("shadow_hits", _TEXTS),
        ("abstained", _TEXTS),
        ("answers", pa.string()),
        ("alert_ids", _TEXTS),
        ("versions", pa.struct([("rules", pa.string()), ("limits", pa.string()), ("reference", pa.string())])),
        ("recorded_at", _INSTANT),
        ("access_partition", pa.int32()),
        ("access_offset", pa.int64()),
        pa.field("judged_at", _INSTANT, nullable=False),
        pa.field("source_partition", pa.int32(), nullable=False),
        pa.field("source_offset", pa.int64(), nullable=False),
    ]
)  # fmt: skip
NAMES: Final = tuple(SCHEMA.names)


class Columns:
    """Rows as they come, column by column."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in NAMES}

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._columns["event_id"])

    def add(self, value: bytes, partition: int, offset: int, timestamp_ms: int) -> bool:
        """Add one record of the topic; return False where it is no assessment."""
        try:
            found = orjson.loads(value)
            row = _fields(found)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return False
        row |= {
            "judged_at": _EPOCH + timedelta(milliseconds=timestamp_ms),
            "source_partition": partition,
            "source_offset": offset,
        }
        for name, column in self._columns.items():
            column.append(row[name])
        return True

    def table(self) -> pa.Table:
        """Return them as a table of ``SCHEMA``."""
        return pa.table(self._columns, schema=SCHEMA)


_NO_ACCESS: Final[Mapping[str, Any]] = dict.fromkeys(
    ("sections", "channel", "site", "workstation", "work_id", "agreement_id", "search_fields", "result_count",
     "record_count", "recorded_at", "partition", "offset"),
)  # fmt: skip


def _fields(found: Mapping[str, Any]) -> dict[str, Any]:
    said_at = datetime.fromisoformat(found["occurred_at"])
    occurred_at, offset = said_at.astimezone(UTC), said_at.utcoffset()
    access = found.get("access") or _NO_ACCESS
    actor, explanation, answers, versions = (
        found.get(name) for name in ("actor", "explanation", "answers", "versions")
    )
    recorded_at = access["recorded_at"]
    by_way: dict[tuple[str, str], list[str]] = {}
    for one in answers or ():
        by_way.setdefault((one["answer"], one["stage"]), []).append(one["rule"])
    for name in ("event_id", "staff_id", "action", "outcome"):
        if not isinstance(found[name], str):
            raise TypeError(name)
    return {
        "event_id": found["event_id"],
        "occurred_at": occurred_at,
        "offset_minutes": 0 if offset is None else offset // timedelta(minutes=1),
        "day": nz_date(occurred_at),
        "staff_id": found["staff_id"],
        "client_id": found.get("client_id"),
        "action": found["action"],
        "sections": access["sections"],
        "channel": access["channel"],
        "site": access["site"],
        "workstation": access["workstation"],
        "work_id": access["work_id"],
        "agreement_id": access.get("agreement_id"),
        "search_fields": access["search_fields"],
        "result_count": access["result_count"],
        "record_count": access["record_count"],
        "actor": actor and {name: actor[name] for name in ("kind", "org_unit", "site", "roles")},
        "outcome": found["outcome"],
        "explanation": explanation and {name: explanation[name] for name in ("kind", "id", "sentence")},
        "explained_later": bool(found.get("explained_later")),
        "hits": by_way.get(("hit", "live"), []),
        "shadow_hits": by_way.get(("hit", "shadow"), []),
        "abstained": by_way.get(("abstain", "live"), []),
        "answers": orjson.dumps(answers).decode() if answers else None,
        "alert_ids": found.get("alert_ids") or [],
        "versions": versions and {name: versions[name] for name in ("rules", "limits", "reference")},
        "recorded_at": datetime.fromisoformat(recorded_at).astimezone(UTC) if recorded_at else None,
        "access_partition": access.get("partition"),
        "access_offset": access.get("offset"),
    }


def row_of(found: Mapping[str, Any]) -> Row:
    """Return what one line of the table says.

    Raises:
        ValidationError: it is no row of ours.
    """
    access = None
    if found["channel"] is not None:
        access = {
            "sections": found["sections"] or (), "channel": found["channel"], "site": found["site"],
            "workstation": found["workstation"], "work_id": found["work_id"], "agreement_id": found["agreement_id"],
            "search_fields": found["search_fields"] or (), "result_count": found["result_count"],
            "record_count": found["record_count"], "recorded_at": found["recorded_at"],
            "partition": found["access_partition"], "offset": found["access_offset"],
        }  # fmt: skip
    said_in = timezone(timedelta(minutes=found["offset_minutes"] or 0))
    document = {
        "event_id": found["event_id"], "occurred_at": found["occurred_at"].astimezone(said_in),
        "staff_id": found["staff_id"],
        "client_id": found["client_id"], "action": found["action"], "outcome": found["outcome"],
        "explanation": found["explanation"], "answers": orjson.loads(found["answers"]) if found["answers"] else (),
        "alert_ids": found["alert_ids"] or (), "versions": found["versions"], "access": access,
        "actor": found["actor"], "explained_later": found["explained_later"],
    }  # fmt: skip
    assessment = ASSESSMENT.validate_json(orjson.dumps(document))
    return Row(assessment, found["judged_at"], found["source_partition"], found["source_offset"])


def table_of(rows: Iterable[Row]) -> pa.Table:
    """Return rows as a table of ``SCHEMA``: the way back from ``row_of``."""
    columns = Columns()
    for row in rows:
        milliseconds = round((row.judged_at - _EPOCH) / timedelta(milliseconds=1))
        if not columns.add(orjson.dumps(row.assessment), row.source_partition, row.source_offset, milliseconds):
            raise ValueError("a row is no assessment")
    return columns.table()


def document_of(row: Row) -> dict[str, Any]:
    """Return a row as ``history query`` prints it: the assessment, when it was judged, and where it came from."""
    return {
        **asdict(row.assessment),
        "judged_at": row.judged_at,
        "source_partition": row.source_partition,
        "source_offset": row.source_offset,
    }


def month_of(day: date) -> str:
    """Return the month of a New Zealand date, as ``2026-11``."""
    return f"{day:%Y-%m}"


def first_of(month: str) -> date:
    """Return the first day of a month."""
    return date.fromisoformat(f"{month}-01")


def day_after(month: str) -> date:
    """Return the first day of the month after."""
    return (first_of(month) + timedelta(days=31)).replace(day=1)
