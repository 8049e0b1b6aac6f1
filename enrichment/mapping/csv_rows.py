"""CSV in a dialect that the mapping gives: strict, so that a torn row is refused and shifts no column."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.mapping.mapping_file import Csv
from enrichment.mapping.outcome import FieldRefused

#: Columns of one row.
COLUMNS_MAX: Final = 2_000
_BYTE_ORDER_MARK: Final = "\ufeff"


class HeaderMistake(Exception):  # noqa: N818 a mistake of the file's, said as a sentence
    """The first line holds no names of columns."""


def parse_line(value: bytes, dialect: Csv) -> dict[str, Any]:
    """Return the one row of a value, by the names of its columns.

    Raises:
        FieldRefused: it is none.
    """
    try:
        text = value.decode(dialect.charset)
    except UnicodeDecodeError:
        raise FieldRefused(f"is not {dialect.charset}") from None
    found = [row for _, row in rows(io.StringIO(text, newline=""), dialect, dialect.columns)]
    if len(found) != 1:
        raise FieldRefused("is not one row of CSV")
    if isinstance(found[0], FieldRefused):
        raise found[0]
    return found[0]


def header(text: Iterable[str], dialect: Csv) -> list[str]:
    """Return the names of the columns: the mapping's own, or those of the first line.

    Raises:
        HeaderMistake: there are none, or one stands twice.
    """
    if dialect.columns is not None:
        return dialect.columns
    try:
        first = next(_reader(text, dialect), None)
    except csv.Error:
        raise HeaderMistake("its first line is no CSV of the mapping's dialect") from None
    if not first or not any(first):
        raise HeaderMistake("its first line holds no names of columns")
    names = [first[0].removeprefix(_BYTE_ORDER_MARK), *first[1:]]
    names = [name.strip() for name in names]
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise HeaderMistake("two of its columns have the same name")
    return names


def rows(
    text: Iterable[str], dialect: Csv, columns: list[str] | None
) -> Iterator[tuple[int, dict[str, Any] | FieldRefused]]:
    """Yield each row with the number of the line on which it begins, counted from where *text* stands.

    A row that has more or fewer fields than there are columns is refused: nobody knows which one is missing. Where a
    quote was never closed, all lines that it has swallowed are refused as one row, whose reason says where it ends.
    """
    names = columns or []
    reader = _reader(text, dialect)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error:
            yield first, FieldRefused(f"is no CSV of the mapping's dialect{_up_to(first, reader.line_num)}")
            continue
        if row is None:
            return
        if not row:
            continue
        if len(row) != len(names) or len(row) > COLUMNS_MAX:
            reason = f"has {len(row)} fields, and there are {len(names)} columns{_up_to(first, reader.line_num)}"
            yield first, FieldRefused(reason)
        else:
            yield first, dict(zip(names, row, strict=True))


def _up_to(first: int, last: int) -> str:
    return f" (all {last - first + 1} lines from here on)" if last > first else ""


def _reader(text: Iterable[str], dialect: Csv) -> Any:
    csv.field_size_limit(VALUE_BYTES_MAX)
    return csv.reader(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        escapechar=dialect.escape,
        doublequote=dialect.escape is None,
        strict=True,
    )
