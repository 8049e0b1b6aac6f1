"""``accesswatch alerts``: the store, as a list and as a brief; acknowledging and closing. Needs the database alone."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.alert import Alert, ClosedAs, Status, alert_json
from alerts.assessment import Severity
from alerts.rules.catalogue import RULES
from alerts.store.errors import StoreError
from alerts.store.reading import Filters
from alerts.store.store import Store
from enrichment.newzealand import nz_text
from stream import settings as environment
from stream.commands.alert_brief import brief
from stream.commands.failure import CommandFailed
from stream.commands.moments import moment

_LIMIT_MAX: Final = 10_000
_BECAUSE_CHARACTERS_MAX: Final = 2_000
_BY_CHARACTERS_MAX: Final = 64

app = typer.Typer(help="Alerts: questions about accesses, and what became of them.", no_args_is_help=True)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or enough of its beginning.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must look like 2026-11-20") from None


@app.command("list")
def list_alerts(
    *,
    status: Annotated[Status | None, typer.Option(help="Only alerts with this status.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only alerts with this severity.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only alerts that this rule is a reason of.")] = None,
    staff: Annotated[str | None, typer.Option(help="Only alerts about this staff id.")] = None,
    client: Annotated[str | None, typer.Option(help="Only alerts about this client id.")] = None,
    day: Annotated[date | None, typer.Option(parser=_day, help="Only this New Zealand date.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, help="Only alerts raised since: a date, a time, or 90m, 24h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_LIMIT_MAX, help="At most so many.")] = 50,
    as_json: _Json = False,
) -> None:
    """List alerts, the newest first: a table, or tab-separated lines in a pipe."""
    filters = Filters(status=status, severity=severity, rule=rule, staff=staff, client=client, day=day, since=since)
    with _store() as store:
        found = store.listed(filters, limit)
    if as_json:
        typer.echo(b"[" + b",\n".join(alert_json(alert) for alert in found) + b"]")
    elif sys.stdout.isatty():
        _table(found)
    else:
        for alert in found:
            typer.echo("\t".join(_cells(alert)))


@app.command()
def show(reference: _Id, as_json: _Json = False) -> None:
    """Show one alert as a brief: what, when, why, what would make it innocent, what to do first, its history."""
    with _store() as store:
        alert = store.get(reference)
        history = store.history(alert.alert_id)
        notifications = store.notifications(alert.alert_id)
    if as_json:
        extra = orjson.dumps({"history": history, "notifications": notifications})
        typer.echo(alert_json(alert)[:-1] + b"," + extra[1:])
    else:
        typer.echo(brief(alert, history, notifications, RULES), nl=False)


@app.command()
def ack(reference: _Id) -> None:
    """Say that somebody is looking at it."""
    with _store() as store:
        alert, changed = store.acknowledge(store.get(reference).alert_id, _by(), datetime.now(UTC))
    typer.echo(f"{alert.alert_id} {'is acknowledged' if changed else 'was acknowledged already'}.")


@app.command()
def close(
    reference: _Id,
    outcome: Annotated[ClosedAs, typer.Option(help="What became of the question.")],
    because: Annotated[str | None, typer.Option(help="Why, for the history; it goes nowhere else.")] = None,
) -> None:
    """Close an alert with its outcome; another outcome later corrects it."""
    if because is not None and (len(because) > _BECAUSE_CHARACTERS_MAX or not because.isprintable()):
        raise typer.BadParameter(f"--because takes one line of at most {_BECAUSE_CHARACTERS_MAX} printable characters")
    with _store() as store:
        alert_id = store.get(reference).alert_id
        alert, changed = store.close_alert(alert_id, outcome, because=because, by=_by(), now=datetime.now(UTC))
    typer.echo(f"{alert.alert_id} {'is closed' if changed else 'was closed already'} as {outcome}.")


@contextmanager
def _store() -> Iterator[Store]:
    """Open the store that the settings name; what it cannot do becomes the command's sentence."""
    try:
        store = Store.open_existing(environment.load().database_url, RULES)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise CommandFailed(str(error)) from None


def _by() -> str:
    """Name who is at the keyboard, for the history."""
    actor = environment.load().actor
    if actor is not None:
        return actor[:_BY_CHARACTERS_MAX]
    try:
        return getpass.getuser()[:_BY_CHARACTERS_MAX]
    except (OSError, KeyError, ImportError):
        return "somebody without a user name"


def _cells(alert: Alert) -> list[str]:
    return [
        alert.alert_id,
        nz_text(alert.raised_at),
        alert.severity,
        alert.status if alert.outcome is None else f"{alert.status} ({alert.outcome})",
        alert.staff_id,
        alert.client_id or "-",
        str(alert.access_count),
        alert.title,
    ]


def _table(found: list[Alert]) -> None:
    table = Table("id", "raised", "severity", "status", "staff", "client", "accesses", "asks about", box=None)
    table.columns[0].no_wrap = True
    for alert in found:
        table.add_row(*(Text(cell) for cell in _cells(alert)))
    Console().print(table)
    if not found:
        typer.echo("No alert fits.")
