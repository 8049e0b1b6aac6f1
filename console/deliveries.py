"""``accesswatch deliveries``: which messages have not got through and why; trying them again."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Final, get_args

import orjson
import typer

from alerts.store.notifications import RETRIED_MAX, Delivery, State, Which
from console.alerts import alert_store, at_the_keyboard
from enrichment.nz_time import nz_text
from stream.printing import Console, Table, moment, say, say_columns, say_json

_LIST_MAX: Final = 10_000
_COLUMNS: Final = ("message", "state", "attempts", "next attempt", "why")

app = typer.Typer(
    help="Messages about alerts: which have not got through and why; trying them again.", no_args_is_help=True
)

_Channel = Annotated[str | None, typer.Option(help="Only those through this channel.")]
_Route = Annotated[str | None, typer.Option(help="Only those of this route.")]
_Alert = Annotated[
    str | None, typer.Option(metavar="ID", help="Only those about this alert: its id, or enough of its beginning.")
]
_Since = Annotated[
    datetime | None, typer.Option(parser=moment, help="Only those written since: a date, a time, or 90m, 24h, 7d.")
]


@app.command("list")
def list_deliveries(
    *,
    state: Annotated[
        State | None,
        typer.Option(help=f"Only those in this state, whatever became of them: {', '.join(get_args(State))}."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that got through, or were never to be sent.")
    ] = False,
    channel: _Channel = None,
    route: _Route = None,
    alert: _Alert = None,
    since: _Since = None,
    limit: Annotated[int, typer.Option(min=1, max=_LIST_MAX, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List messages that are parked or wait after an attempt that failed, the newest first.

    A table, or tab-separated lines in a pipe. What they say is not shown: `alerts show` has it.
    """
    stuck = state is None and not every
    which = Which(stuck=stuck, state=state, channel=channel, route=route, alert=alert, since=since)
    with alert_store() as store:
        found = store.deliveries(which, limit)
    if as_json:
        say_json(b"[" + b",\n".join(orjson.dumps(one) for one in found) + b"]")
    elif sys.stdout.isatty():
        _table(found, stuck=stuck)
    else:
        for one in found:
            say_columns(_cells(one))


@app.command()
def retry(
    *,
    messages: Annotated[
        list[str] | None, typer.Argument(metavar="[MESSAGE]...", help="As `deliveries list` names them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are parked or wait after a failure.")] = False,
    channel: _Channel = None,
    route: _Route = None,
    alert: _Alert = None,
    since: _Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be tried again.")] = False,
) -> None:
    """Let messages that are parked, or wait after an attempt that failed, be tried again at once.

    They are then tried for a day again. A receiver that took one before all the same gets it twice, with the same id.
    """
    which = Which(keys=tuple(messages or ()), stuck=True, channel=channel, route=route, alert=alert, since=since)
    if not (every or which.keys or channel or route or alert or since):
        raise typer.BadParameter("name messages, or give --channel, --route, --alert, --since or --all")
    with alert_store() as store:
        if dry_run:
            found = store.deliveries(which, RETRIED_MAX)
        else:
            found = store.retry_deliveries(which, at_the_keyboard(), datetime.now(UTC))
    for one in found:
        say(one.key)
    done = "would be tried again" if dry_run else "are tried again now"
    say(f"{len(found)} {done}.", err=not sys.stdout.isatty())


def _cells(one: Delivery) -> list[str]:
    over = one.sent_at if one.state == "sent" else one.next_attempt_at if one.state == "pending" else None
    return [one.key, one.state, str(one.attempts), nz_text(over) if over else "-", one.last_error or "-"]


def _table(found: list[Delivery], *, stuck: bool) -> None:
    table = Table(*_COLUMNS, box=None)
    table.columns[0].overflow = "fold"
    for one in found:
        table.add_row(*_cells(one))
    Console().print(table)
    if not found:
        say("Every message got through." if stuck else "No message fits.")
