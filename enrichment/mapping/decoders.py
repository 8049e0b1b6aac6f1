"""From the bytes that a source wrote to the records in them, or a refusal that does not repeat them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.mapping.cef import parse_cef
from enrichment.mapping.csv_rows import parse_line
from enrichment.mapping.json_values import read_json, text_of
from enrichment.mapping.mapping_file import Source
from enrichment.mapping.outcome import FieldRefused
from enrichment.mapping.syslog import parse_syslog

#: Records in one value: a file of a cloud's audit log, a bundle.
RECORDS_PER_VALUE_MAX: Final = 10_000
#: Lines of one value.
LINES_MAX: Final = 10_000
#: What a schema registry's serializers put before a value: a zero byte and the id of its schema.
_FRAME_BEGIN: Final = b"\0"
_FRAME_BYTES: Final = 5
#: What a tool that reads lines may leave at the end of a message.
_LINE_END: Final = b"\r\n"
#: Letters of Debezium's operations -> what became of the row.
_CHANGES: Final[dict[str, "Change"]] = {
    "c": "new",
    "r": "new",
    "u": "changed",
    "d": "deleted",
    "t": "emptied",
    "m": "message",
}

#: What an envelope may hold; a table with a column op has other columns, too.
_ENVELOPE: Final = frozenset(
    {"before", "after", "source", "op", "ts_ms", "ts_us", "ts_ns", "transaction", "message", "updateDescription"}
)

Change = Literal["new", "changed", "deleted", "emptied", "message"]


@dataclass(frozen=True, slots=True)
class Document:
    """One record of a source: what fields are taken from, and what ``when`` looks at."""

    record: Any
    envelope: Any
    change: Change = "new"


class SchemaSource(Protocol):
    """Knows the Avro schemas of a registry."""

    def read(self, framed: bytes) -> Any:
        """Return what a framed Avro value holds.

        Raises:
            FieldRefused: it is not framed, or not of its schema.
        """


Decoder = Callable[[bytes], Sequence[Document]]


def decoder(source: Source, schemas: SchemaSource | None) -> Decoder:
    """Return what reads the values of a source.

    Its result raises ``FieldRefused`` where a value is not what the mapping says that it is.
    """
    match source.decode:
        case "json":
            read: Callable[[bytes], Any] = lambda value: read_json(_unframed(value))  # noqa: E731 one of several forms
        case "jsonl":
            return _checked(_json_lines)
        case "csv":
            return _checked(_csv(source))
        case "parquet":
            return _checked(_no_parquet)
        case "debezium":
            return _checked(_debezium(source, schemas))
        case "cef":
            read = lambda value: parse_cef(text_of(value.rstrip(_LINE_END)))  # noqa: E731 one of several forms of the same thing
        case "syslog":
            read = lambda value: parse_syslog(text_of(value.rstrip(_LINE_END)), source.message)  # noqa: E731 as above
        case "avro":
            read = _avro(schemas)
    return _checked(lambda value: documents(read(value)))


def documents(found: Any) -> list[Document]:
    """Return the records of a value: it is one, or a list of them."""
    return [Document(one, one) for one in (found if type(found) is list else [found])]


def _unframed(value: bytes) -> bytes:
    """Return JSON without the id of a schema that serializers for JSON Schema put before it."""
    return value[_FRAME_BYTES:] if value[:1] == _FRAME_BEGIN else value


def _checked(read: Decoder) -> Decoder:
    def checked(value: bytes) -> Sequence[Document]:
        if len(value) > VALUE_BYTES_MAX:
            raise FieldRefused(f"has {len(value)} bytes; at most {VALUE_BYTES_MAX} are taken")
        if not value.strip():
            raise FieldRefused("is empty")
        return read(value)

    return checked


def _json_lines(value: bytes) -> list[Document]:
    lines = value.splitlines()
    if len(lines) > LINES_MAX:
        raise FieldRefused(f"has more than {LINES_MAX} lines")
    return [one for line in lines if line.strip() for one in documents(read_json(line))]


def _csv(source: Source) -> Decoder:
    dialect = source.csv
    if dialect is None:
        raise ValueError("a source of CSV has a dialect")

    def read(value: bytes) -> list[Document]:
        if dialect.columns is None:
            raise FieldRefused("is a line without its header: name the columns in the mapping, or import the file")
        return documents(parse_line(value, dialect))

    return read


def _no_parquet(_value: bytes) -> list[Document]:
    raise FieldRefused("is a Parquet file, which is no record: import it with `accesswatch access import`")


def _avro(schemas: SchemaSource | None) -> Callable[[bytes], Any]:
    if schemas is None:

        def unknown(_value: bytes) -> Any:
            raise FieldRefused("is Avro, and no schema registry is set (ACCESSWATCH_SCHEMA_REGISTRY)")

        return unknown
    return schemas.read


# -- Debezium -----------------------------------------------------------------------------------------------------


def _debezium(source: Source, schemas: SchemaSource | None) -> Decoder:
    read = _avro(schemas) if source.encoding == "avro" else lambda value: read_json(_unframed(value))

    def rows(value: bytes) -> list[Document]:
        return [change_event(read(value), source.table)]

    return rows


def change_event(found: Any, table: str | None) -> Document:
    """Return the row of a Debezium value: an envelope, one beside its schema, or a row that was flattened.

    Raises:
        FieldRefused: it is none of those, or of another table.
    """
    if type(found) is dict and found.keys() == {"schema", "payload"}:
        found = found["payload"]
    if type(found) is not dict:
        raise FieldRefused("is no change event of Debezium")
    envelope = found if "op" in found and found.keys() <= _ENVELOPE else _from_row(found)
    operation = envelope["op"]
    change = _CHANGES.get(operation) if isinstance(operation, str) else None
    if change is None:
        raise FieldRefused("is a change event of a kind that is not known")
    origin = envelope.get("source")
    if table is not None and type(origin) is dict and origin.get("table") not in {None, table}:
        raise FieldRefused("is a row of another table than the mapping names")
    row = envelope.get("before" if change == "deleted" else "after")
    if type(row) is str:
        # The connector for MongoDB writes a document as JSON in a text.
        row = read_json(row.encode())
    if type(row) is not dict:
        if change in {"new", "changed"}:
            raise FieldRefused("is a change event without a row")
        row = {}
    # What the envelope says of a row stands under the names that Debezium's own ExtractNewRecordState gives it.
    seen = {**row, "__op": operation, "__ts_ms": envelope.get("ts_ms"), "__source": origin}
    return Document(seen, envelope, change)


def _from_row(row: dict[str, Any]) -> dict[str, Any]:
    """Make the envelope of a row that Debezium's ExtractNewRecordState has flattened."""
    operation = row.get("__op")
    if operation is None:
        raise FieldRefused(
            "is a flattened row that does not say whether it is new or was changed: let the connector add it "
            "(ExtractNewRecordState with add.fields=op,source.ts_ms,table)"
        )
    columns = {name: value for name, value in row.items() if not name.startswith("__")}
    side = {"before": columns} if operation == "d" else {"after": columns}
    return {
        "op": operation,
        "ts_ms": row.get("__ts_ms", row.get("__source_ts_ms")),
        "source": {"table": row.get("__table")},
        **side,
    }


def list_of(selected: Any) -> list[Any]:
    """Return the records that ``each`` selects from a value.

    Raises:
        FieldRefused: it selects no list, or too long a one.
    """
    if type(selected) is not list:
        raise FieldRefused("holds no list of records where the mapping looks for it")
    if len(selected) > RECORDS_PER_VALUE_MAX:
        raise FieldRefused(f"holds more than {RECORDS_PER_VALUE_MAX:,} records")
    return selected
