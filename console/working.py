"""Who works with cases, requests and reports by command, and in which transaction."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alerts.store.database import Database, NotPossible, StoreError
from cases.config import CasesConfig
from cases.config import load as load_cases
from cases.people import Person, roles_of
from console.alerts import at_the_keyboard
from enrichment.errors import CommandError
from stream.printing import say_json
from stream.settings import Settings, load

if TYPE_CHECKING:
    from sqlalchemy import Connection

From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first New Zealand date.")]
To = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last one, inclusive.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Write into this file, not to the screen.")
]


@dataclass(frozen=True, slots=True)
class Working:
    """One command's work: who does it, when, on which store."""

    connection: "Connection"
    person: Person
    config: CasesConfig
    settings: Settings
    now: datetime


@contextmanager
def working(*, writes: bool = False) -> Iterator[Working]:
    """Open the store for one transaction; what it cannot do becomes the command's sentence."""
    settings = load()
    person = the_person(settings)
    config = load_cases(settings.cases)
    try:
        database = Database.open(settings.database_url)
        try:
            with (database.writing if writes else database.reading)() as connection:
                yield Working(connection, person, config, settings, datetime.now(UTC))
        finally:
            database.close()
    except (StoreError, NotPossible) as error:
        raise CommandError(str(error)) from None


def the_person(settings: Settings) -> Person:
    """Return who is at the keyboard, with their roles where a file says who has which."""
    staff_id = at_the_keyboard()
    try:
        account = getpass.getuser()
    except (OSError, KeyError, ImportError):
        account = "unknown"
    return Person(staff_id, account, roles_of(staff_id, settings.roles), is_named=settings.actor is not None)


def days(first: datetime | None, last: datetime | None, today: date) -> tuple[date, date]:
    """Return the period that was asked for, a year to today where none was.

    Raises:
        typer.BadParameter: it ends before it begins.
    """
    end = last.date() if last is not None else today
    begin = first.date() if first is not None else date(end.year - 1, end.month, min(end.day, 28))
    if end < begin:
        raise typer.BadParameter("--to is before --from")
    return begin, end


def put_out(content: bytes, out: Path | None, *, is_text: bool) -> None:
    """Write a document into a file, or to the screen.

    Raises:
        typer.BadParameter: it is no text, and there is no file to write it into.
        CommandError: the file cannot be written.
    """
    if out is None:
        if not is_text:
            raise typer.BadParameter("this format needs --out FILE")
        say_json(content.rstrip(b"\n"))
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{out} cannot be written ({error.strerror}).") from None
