"""Whole files through a mapping, row by row: CSV, JSON, JSON lines, Parquet, Avro, CEF and syslog, plain or gzip.

A row that is no row of its kind is refused with its number, and the rest goes on. Only where it is not known where the
next row begins, or the file cannot be unpacked, does reading end, with a sentence.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.errors import UserError
from enrichment.mapping.csv_rows import HeaderMistake, header, rows
from enrichment.mapping.decoders import documents, list_of
from enrichment.mapping.json_values import read_json
from enrichment.mapping.mapping import Mapping
from enrichment.mapping.mapping_file import Csv
from enrichment.mapping.outcome import FieldRefused, Outcome, Refused
from enrichment.mapping.select import Expression
from enrichment.mapping.syslog import frames

#: The largest file that is one JSON value, in bytes: it is read at once.
JSON_FILE_BYTES_MAX: Final = 256 * 1024 * 1024
#: Rows of a Parquet file in memory at a time.
PARQUET_ROWS: Final = 5_000
_GZIP: Final = b"\x1f\x8b"
_TOO_LONG: Final = f"is longer than {VALUE_BYTES_MAX} bytes"


class UnreadableFileError(UserError):
    """A file cannot be read to its end, or not at all; the sentence says from which row on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file and what becomes of it."""

    #: Its line where the file has lines, else its number, from 1.
    number: int
    outcomes: list[Outcome]


def read_file(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None = None) -> Iterator[Row]:
    """Yield the rows of a file, each with what the mapping makes of it.

    Args:
        stream: the file; what is packed by gzip is unpacked, whatever its name.
        mapping: says how the file is written.
        timestamp_ms: when its records come to us.

    Raises:
        UnreadableFileError: it cannot be read on.
    """
    packed = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
    number = 0
    try:
        for row in _rows(_unpacked(packed), mapping, timestamp_ms):
            number = row.number
            yield row
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UnreadableFileError(f"its gzip data is cut off or damaged behind row {number}") from None


def _rows(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    match mapping.file.source.decode:
        case "csv":
            yield from _csv(stream, mapping, timestamp_ms)
        case "json":
            yield from _json(stream, mapping, timestamp_ms)
        case "parquet" | "avro":
            yield from _columns(stream, mapping, timestamp_ms)
        case "syslog" | "cef":
            yield from _messages(stream, mapping, timestamp_ms)
        case "jsonl" | "debezium":
            yield from _lines(stream, mapping, timestamp_ms)


def _unpacked(stream: BinaryIO) -> BinaryIO:
    peek = getattr(stream, "peek", None)
    begins = peek(len(_GZIP))[: len(_GZIP)] if peek is not None else b""
    return gzip.GzipFile(fileobj=stream) if begins == _GZIP else stream  # type: ignore[return-value] # it reads as one


def _lines(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    for number, line in _each_line(stream):
        if line is None:
            yield Row(number, [Refused("record", _TOO_LONG)])
        elif line.strip():
            yield Row(number, list(mapping.run(line, timestamp_ms)))


def _each_line(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number of each line and the line, None where it is too long."""
    number = 0
    while line := stream.readline(VALUE_BYTES_MAX + 2):
        number += 1
        whole = line.endswith(b"\n")
        content: bytes | None = line.rstrip(b"\r\n")
        if len(content or b"") > VALUE_BYTES_MAX:
            content = None
        while not whole and (line := stream.readline(VALUE_BYTES_MAX)):
            content, whole = None, line.endswith(b"\n")
        yield number, content.removeprefix(b"\xef\xbb\xbf") if content is not None and number == 1 else content


def _messages(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    peek = getattr(stream, "peek", None)
    if peek is None or not peek(1)[:1].isdigit():
        yield from _lines(stream, mapping, timestamp_ms)
        return
    for number, message in enumerate(frames(stream), 1):
        if isinstance(message, FieldRefused):
            yield Row(number, [Refused("record", str(message))])
        else:
            yield Row(number, list(mapping.run(message, timestamp_ms)))


def _csv(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    dialect = mapping.file.source.csv or Csv(delimiter=",")
    charset = "utf-8-sig" if dialect.charset == "utf-8" else dialect.charset
    text = io.TextIOWrapper(stream, charset, errors="surrogateescape", newline="")
    try:
        lines = _Lines(text)
        columns = header(lines, dialect)
        begins = 0 if dialect.columns is not None else 1
        for number, row in rows(lines, dialect, columns):
            if lines.too_long:
                lines.too_long = False
                yield Row(begins + number, [Refused("record", _TOO_LONG)])
                continue
            if isinstance(row, FieldRefused):
                yield Row(begins + number, [Refused("record", str(row))])
            elif not "".join(row.values()).isascii() and not _is_text("".join(row.values())):
                yield Row(begins + number, [Refused("record", f"is not {dialect.charset}")])
            else:
                yield Row(begins + number, list(mapping.run_row(row, timestamp_ms)))
    except HeaderMistake as mistake:
        raise UnreadableFileError(str(mistake)) from None
    except UnicodeDecodeError:
        raise UnreadableFileError(f"is not {dialect.charset}") from None
    finally:
        text.detach()


class _Lines:
    """The lines of a text. In place of one that is too long stands an empty field, and ``too_long`` says so."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.too_long = False

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(VALUE_BYTES_MAX + 2):
            if len(line) <= VALUE_BYTES_MAX:
                yield line
                continue
            while not line.endswith(("\n", "\r")) and (more := self._text.readline(VALUE_BYTES_MAX)):
                line = more
            self.too_long = True
            yield "\0\n"


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    content = stream.read(JSON_FILE_BYTES_MAX + 1)
    if len(content) > JSON_FILE_BYTES_MAX:
        raise UnreadableFileError(
            f"is one JSON value of more than {JSON_FILE_BYTES_MAX} bytes: split it, or write JSON lines"
        )
    try:
        found = read_json(content.removeprefix(b"\xef\xbb\xbf"))
        each = mapping.file.source.each
        records = list_of(Expression.parse(each).select(found)) if each else found
    except FieldRefused as refused:
        raise UnreadableFileError(f"{refused}; a file of JSON lines is read by decode: jsonl") from None
    for number, document in enumerate(documents(records), 1):
        yield Row(number, list(mapping.run_record(document, timestamp_ms)))


def _columns(stream: BinaryIO, mapping: Mapping, timestamp_ms: int | None) -> Iterator[Row]:
    read = _parquet if mapping.file.source.decode == "parquet" else _avro
    for number, row in enumerate(read(stream), 1):
        yield Row(number, list(mapping.run_row(row, timestamp_ms)))


def _parquet(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - only who has the extra has it
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise UnreadableFileError("is Parquet, which needs the extra accesswatch[parquet]") from None
    try:
        for batch in pq.ParquetFile(stream).iter_batches(PARQUET_ROWS):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError):
        raise UnreadableFileError("is no Parquet file, or is damaged") from None


def _avro(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    try:
        import fastavro  # noqa: PLC0415 - only who has the extra has it
    except ImportError:
        raise UnreadableFileError("is Avro, which needs the extra accesswatch[avro]") from None
    try:
        for row in fastavro.reader(stream):
            if not isinstance(row, dict):
                raise UnreadableFileError("holds values that are no records")
            yield row
    except (ValueError, EOFError, TypeError, KeyError, IndexError):
        raise UnreadableFileError("is no Avro file, or is damaged") from None
