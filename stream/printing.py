"""Everything that a command prints goes through here (or through ``stream/printing.py``), so that it is plain text.

Ruff refuses `print`, `typer.echo` and rich's own text elsewhere; a test reads every module of the command line.

Rich's console, tables and lines for text from outside: no markup in it means anything, and all of it is plain.

Moments as people write them on the command line: a New Zealand date, a time, or so long ago.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self

import rich.console
import rich.table
import rich.text
import typer
from rich.style import StyleType

from enrichment.nz_time import ZONE
from enrichment.plain_text import plain, plain_json


def say(*lines: str, err: bool = False) -> None:
    """Print lines, on stderr where they are no answer. Each stays one line, whatever is in it."""
    for line in lines:
        typer.echo(plain(line), err=err)


def say_columns(cells: Iterable[str]) -> None:
    """Print one line of columns for a program: separated by tabs, of which there are no others in it."""
    typer.echo("\t".join(map(plain, cells)))


def say_rows(heads: Sequence[str], rows: Sequence[Sequence[str]], *, none: str | None = None) -> None:
    """Print a table on a terminal, with *none* under it where it has no row; elsewhere lines for a program."""
    if not sys.stdout.isatty():
        for row in rows:
            say_columns(row)
        return
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if none is not None and not rows:
        say(none)


def say_json(content: bytes | str) -> None:
    """Print JSON: as it is for a program, and on a terminal with escapes for what is not plain, which is the same."""
    text = content.decode() if isinstance(content, bytes) else content
    if sys.stdout.isatty():
        text = "\n".join(map(plain_json, text.split("\n")))
    typer.echo(text)


#: What rich hands to whatever draws itself.
AnyConsole = rich.console.Console


class Line(rich.text.Text):
    """A line of a screen, with styles of our own and plain text."""

    def __init__(self, text: str = "", style: StyleType = "", **options: Any) -> None:
        super().__init__(plain(text), style, **options)

    @classmethod
    def of(cls, *parts: str | tuple[str, StyleType]) -> Self:
        """Put texts, or texts with their styles, behind one another."""
        line = cls()
        for part in parts:
            line.append(part) if isinstance(part, str) else line.append(*part)
        return line

    def append(self, text: "rich.text.Text | str", style: StyleType | None = None) -> Self:
        """Put more behind it."""
        super().append(plain(text) if isinstance(text, str) else text, style)
        return self


class Table(rich.table.Table):
    """A table whose cells are plain text."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row."""
        super().add_row(*(Line(cell) if isinstance(cell, str) else cell for cell in cells), **options)


class Console(rich.console.Console):
    """A console that takes a string for plain text; nothing in it is coloured, or turned into pictures, by itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print some things."""
        super().print(*(Line(one) if isinstance(one, str) else one for one in objects), **options)


_AGO: Final = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(text: str) -> datetime:
    """Read a New Zealand date (its first moment), a time with its offset, or a length of time ago.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - int(ago[1]) * _UNITS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), ZONE)
    except ValueError:
        raise typer.BadParameter("must look like 2026-11-20, 2026-11-20T09:00:00+13:00, 90m, 24h or 7d") from None
