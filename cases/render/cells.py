"""Cells of CSV that no spreadsheet takes for a formula (CWE-1236)."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

#: What a spreadsheet may begin to calculate with.
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: By it a spreadsheet knows that a file is UTF-8.
BYTE_ORDER_MARK: Final = "\ufeff"


def cell(value: object) -> str:
    """Return a value as the text of a cell: one that looks like a formula has an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text


def rows(header: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file: UTF-8 with a byte order mark, every text quoted, lines ended as RFC 4180 has it."""
    out = io.StringIO(newline="")
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for line in (header, *lines):
        writer.writerow([one if isinstance(one, int | float) else cell(one) for one in line])
    return out.getvalue().encode()
