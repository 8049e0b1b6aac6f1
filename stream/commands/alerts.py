"""``accesswatch alerts``: the store, as a list and as a brief. Needs the database alone."""

import sys
from datetime import date, datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.alert import Alert, Status, alert_json
from alerts.assessment import Severity
from alerts.rules.catalogue import RULES
from alerts.store.reading import Filters
from stream.commands import alert_work
from stream.commands.alert_brief import brief
from stream.commands.alert_cells import cells, columns
from stream.commands.alert_store import Reference, alert_store
from stream.commands.moments import moment

_LIMIT_MAX: Final = 10_000
#: What a person is shown unless more is asked for; a script gets all.
_SHOWN: Final = 50

app = typer.Typer(help="Alerts: questions about accesses, and what became of them.", no_args_is_help=True)

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
    limit: Annotated[
        int | None, typer.Option(min=1, max=_LIMIT_MAX, help=f"At most so many: 50, {_LIMIT_MAX} with --json.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List alerts, the newest first: a table, or tab-separated lines in a pipe."""
    filters = Filters(status=status, severity=severity, rule=rule, staff=staff, client=client, day=day, since=since)
    with alert_store() as store:
        found = store.listed(filters, limit or (_LIMIT_MAX if as_json else _SHOWN))
    if as_json:
        typer.echo(b"[" + b",\n".join(alert_json(alert) for alert in found) + b"]")
    elif sys.stdout.isatty():
        _table(found)
    else:
        for alert in found:
            typer.echo("\t".join(cells(alert)))


@app.command()
def show(reference: Reference, as_json: _Json = False) -> None:
    """Show one alert as a brief: what, when, why, what would make it innocent, what to do first, its history."""
    with alert_store() as store:
        alert = store.get(reference)
        history = store.history(alert.alert_id)
        notifications = store.notifications(alert.alert_id)
        assignee, related = store.assignee(alert.alert_id), store.related(alert)
    if as_json:
        beside = {"history": history, "notifications": notifications, "assignee": assignee}
        extra = orjson.dumps(beside | {"related": [other.alert_id for other in related]})
        typer.echo(alert_json(alert)[:-1] + b"," + extra[1:])
    else:
        typer.echo(brief(alert, history, notifications, RULES, assignee=assignee, related=related), nl=False)


for _command in (
    alert_work.ack,
    alert_work.assign,
    alert_work.note,
    alert_work.close,
    alert_work.reopen,
    alert_work.verify,
    alert_work.precision,
):
    app.command()(_command)


def _table(found: list[Alert]) -> None:
    table = Table(*columns(), box=None)
    table.columns[0].no_wrap = True
    for alert in found:
        table.add_row(*(Text(cell) for cell in cells(alert)))
    Console().print(table)
    if not found:
        typer.echo("No alert fits.")
