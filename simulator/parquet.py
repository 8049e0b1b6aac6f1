"""Parquet files of a data set, with columns that are the same whatever the records hold; needs pyarrow."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

#: Records that are written at a time.
_ROWS = 50_000

_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_LINKS = pa.struct([(kind, _TEXT) for kind in ("address", "phone", "email", "bank_account")])
_COLUMNS: dict[str, list[tuple[str, Any]]] = {
    "staff": [
        ("staff_id", _TEXT), ("kind", _TEXT), ("status", _TEXT), ("org_unit", _TEXT), ("site", _TEXT),
        ("employer", _TEXT), ("roles", _TEXTS), ("client_ids", _TEXTS), ("links", _LINKS), ("start_date", _TEXT),
        ("end_date", _TEXT), ("leave", pa.list_(pa.struct([("from", _TEXT), ("to", _TEXT)]))),
        ("scope", pa.struct([("sites", _TEXTS), ("programmes", _TEXTS)])), ("hours", _TEXT), ("role", _TEXT),
    ],
    "client": [
        ("client_id", _TEXT), ("status", _TEXT), ("site", _TEXT), ("programme", _TEXT), ("restricted", pa.bool_()),
        ("links", _LINKS),
    ],
    "relationship": [
        ("relationship_id", _TEXT), ("a", _TEXT), ("b", _TEXT), ("kind", _TEXT), ("source", _TEXT),
        ("confidence", pa.float64()), ("valid_from", _TEXT), ("valid_to", _TEXT),
    ],
    "work": [
        ("work_id", _TEXT), ("client_id", _TEXT), ("kind", _TEXT), ("staff_id", _TEXT), ("org_unit", _TEXT),
        ("opened_at", _TEXT), ("closed_at", _TEXT),
    ],
    "watchlist": [
        ("entry_id", _TEXT), ("client_ids", _TEXTS), ("label", _TEXT), ("published_at", _TEXT), ("source", _TEXT),
    ],
    "agreement": [
        ("agreement_id", _TEXT), ("party", _TEXT), ("sections", _TEXTS), ("records_max", pa.int32()),
        ("valid_from", _TEXT), ("owner", _TEXT),
    ],
    # Records of several kinds: as JSON.
    "changes": [("known_at", _TEXT), ("kind", _TEXT), ("id", _TEXT), ("record", _TEXT)],
    "access": [
        ("event_id", _TEXT), ("occurred_at", _TEXT), ("staff_id", _TEXT), ("action", _TEXT), ("client_id", _TEXT),
        ("sections", _TEXTS), ("work_id", _TEXT), ("channel", _TEXT), ("site", _TEXT),
        ("search", pa.struct([("fields", _TEXTS), ("result_count", pa.int32())])), ("record_count", pa.int32()),
        ("agreement_id", _TEXT),
    ],
    "labels": [
        ("event_id", _TEXT), ("kind", _TEXT), ("name", _TEXT), ("known", pa.bool_()), ("episode", _TEXT),
    ],
}  # fmt: skip


class ParquetFile:
    """One file that is being written, a few thousand records at a time."""

    def __init__(self, path: Path, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = pa.schema(_COLUMNS[kind])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, value: bytes) -> None:
        """Add one record, given as JSON."""
        row = orjson.loads(value)
        if isinstance(row.get("record"), dict):
            row["record"] = orjson.dumps(row["record"]).decode()
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self._flush()

    def close(self) -> None:
        """Write the rest and end the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []
