"""``accesswatch alerts``: acknowledging, assigning, noting, closing, reopening; the proof; precision."""

import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table

from alerts.alert import ClosedAs
from alerts.store.reading import Precision
from stream.commands.alert_store import BY_CHARACTERS_MAX, Reference, alert_store, at_the_keyboard
from stream.commands.failure import CommandFailed

_TEXT_CHARACTERS_MAX: Final = 2_000
_HEAD_FORM: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def _one_line(text: str) -> str:
    if not text or len(text) > _TEXT_CHARACTERS_MAX or not text.isprintable():
        raise typer.BadParameter(f"takes one line of at most {_TEXT_CHARACTERS_MAX} printable characters")
    return text


def _somebody(text: str) -> str:
    if not text or len(text) > BY_CHARACTERS_MAX or not text.isprintable():
        raise typer.BadParameter(f"takes at most {BY_CHARACTERS_MAX} printable characters")
    return text


def _head(text: str) -> tuple[int, str]:
    found = _HEAD_FORM.fullmatch(text)
    if found is None:
        raise typer.BadParameter("must look like what `alerts verify` prints: 1234:0a1b...")
    return int(found[1]), found[2]


_Because = Annotated[
    str | None, typer.Option(parser=_one_line, help="Why, for the history; it goes nowhere else.", metavar="TEXT")
]


def ack(reference: Reference) -> None:
    """Say that somebody is looking at it."""
    with alert_store() as store:
        alert, changed = store.acknowledge(store.get(reference).alert_id, at_the_keyboard(), datetime.now(UTC))
    typer.echo(f"{alert.alert_id} {'is acknowledged' if changed else 'was acknowledged already'}.")


def assign(
    reference: Reference,
    to: Annotated[str, typer.Option(parser=_somebody, help="Who works on it.", metavar="NAME")],
) -> None:
    """Say who works on it."""
    with alert_store() as store:
        alert_id = store.get(reference).alert_id
        changed = store.assign(alert_id, to, at_the_keyboard(), datetime.now(UTC))
    typer.echo(f"{alert_id} {'is' if changed else 'was already'} assigned to {to}.")


def note(
    reference: Reference,
    text: Annotated[str, typer.Argument(parser=_one_line, metavar="TEXT", help="One line, for the history.")],
) -> None:
    """Write something down about it, in its history; it goes nowhere else."""
    with alert_store() as store:
        alert_id = store.get(reference).alert_id
        store.note(alert_id, text, at_the_keyboard(), datetime.now(UTC))
    typer.echo(f"Noted about {alert_id}.")


def close(
    reference: Reference,
    outcome: Annotated[ClosedAs, typer.Option(help="What became of the question.")],
    because: _Because = None,
) -> None:
    """Close an alert with its outcome; another outcome later corrects it."""
    with alert_store() as store:
        alert_id, by = store.get(reference).alert_id, at_the_keyboard()
        alert, changed = store.close_alert(alert_id, outcome, because=because, by=by, now=datetime.now(UTC))
    typer.echo(f"{alert.alert_id} {'is closed' if changed else 'was closed already'} as {outcome}.")


def reopen(reference: Reference, because: _Because = None) -> None:
    """Open a closed alert again, as new."""
    with alert_store() as store:
        alert_id, by = store.get(reference).alert_id, at_the_keyboard()
        alert, changed = store.reopen(alert_id, because=because, by=by, now=datetime.now(UTC))
    typer.echo(f"{alert.alert_id} {'is open again' if changed else 'was open already'}.")


def verify(
    noted: Annotated[
        str | None,
        typer.Option(metavar="HEAD", help="A head that was printed before and kept elsewhere."),
    ] = None,
) -> None:
    """Prove that no alert, hit, history entry or revision was changed or removed; print the head of the chain.

    Whoever can write the database can compute the whole chain anew: note the head elsewhere, and give it with --noted.
    """
    with alert_store() as store:
        found = store.verify(_head(noted) if noted is not None else None)
    for problem in found.problems:
        typer.echo(problem)
    if found.problems:
        raise CommandFailed("The alert store is not as it was written.")
    typer.echo(f"Nothing was changed or removed. {found.entries} entries; the head is {found.entries}:{found.head}")


def precision(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show for each rule how many of its decided alerts were confirmed."""
    with alert_store() as store:
        found = store.precision()
    if as_json:
        typer.echo(orjson.dumps(found))
    elif sys.stdout.isatty():
        table = Table("rule", "confirmed", "decided", "closed", "precision", box=None)
        for one in found:
            table.add_row(*_cells(one))
        Console().print(table)
    else:
        for one in found:
            typer.echo("\t".join(_cells(one)))


def _cells(one: Precision) -> list[str]:
    share = f"{one.confirmed / one.decided:.2f}" if one.decided else "-"
    return [one.rule, str(one.confirmed), str(one.decided), str(one.closed), share]
