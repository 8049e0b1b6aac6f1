"""``accesswatch watch``: the open alerts on a screen that is kept open, and one key to acknowledge. Or as lines."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from alerts.alert import Alert
from alerts.store.errors import NotPossible, StoreError
from alerts.store.reading import Filters
from alerts.store.store import Store
from stream.commands.alert_cells import cells
from stream.commands.alert_store import alert_store, at_the_keyboard
from stream.commands.keyboard import Key, keyboard
from stream.commands.watch_screen import Screen, Shown

#: Open alerts that are looked at, the newest; the screen says when there are more.
WATCHED_MAX: Final = 1_000
INTERVAL_SECONDS_MAX: Final = 3_600


def watch(
    plain: Annotated[
        bool, typer.Option("--plain", help="Print a line for each alert that comes or changes, as in a pipe.")
    ] = False,
    ids: Annotated[
        bool, typer.Option("--ids", help="Show staff and client ids too; others may see the screen.")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=INTERVAL_SECONDS_MAX, help="Seconds between two looks at the store.")
    ] = 1.0,
) -> None:
    """Show the open alerts, the newest first, until Ctrl-C; choose one with the arrow keys, acknowledge it with a.

    In a pipe, or with --plain, each open alert is a tab-separated line, and again when its severity or status changes.
    """
    with alert_store() as store:
        if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
            for alert in _changes(store, interval):
                print("\t".join(cells(alert, ids=ids)), flush=True)  # noqa: T201 what a pipe reads, at once
        else:
            _live(store, interval, ids=ids)


def _live(store: Store, interval: float, *, ids: bool) -> None:
    """Draw the list and do what the keys say, until one of them ends it."""
    console = Console()
    shown = Shown(ids=ids)
    with keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        due = 0.0
        while True:
            if time.monotonic() >= due:
                _look(store, shown)
                due = time.monotonic() + interval
            live.update(Screen(shown, datetime.now(UTC)), refresh=True)
            for key in keys(max(0.0, due - time.monotonic())):
                if key is Key.END:
                    return
                if key is Key.ACKNOWLEDGE:
                    _acknowledge(store, shown)
                    due = 0.0
                else:
                    shown.choose(key)


def _look(store: Store, shown: Shown) -> None:
    """Read the store; while it does not answer, what was read before stays and is said to be old."""
    try:
        shown.take(_open(store), datetime.now(UTC))
        shown.more = len(shown.alerts) == WATCHED_MAX
    except StoreError as error:
        shown.trouble = str(error)


def _acknowledge(store: Store, shown: Shown) -> None:
    if shown.chosen is None:
        shown.said = "None is chosen: the arrow keys choose."
        return
    try:
        alert, changed = store.acknowledge(shown.chosen, at_the_keyboard(), datetime.now(UTC))
    except StoreError as error:
        shown.said = str(error)
    else:
        shown.said = f"{alert.alert_id} {'is acknowledged' if changed else 'was acknowledged already'}."


def _open(store: Store) -> list[Alert]:
    found = [alert for status in ("new", "acknowledged") for alert in store.listed(Filters(status=status), WATCHED_MAX)]
    return sorted(found, key=lambda alert: (alert.raised_at, alert.alert_id), reverse=True)[:WATCHED_MAX]


def _changes(store: Store, interval: float) -> Iterator[Alert]:
    """Give each open alert, the oldest first, and again when its severity or status changes or it is closed."""
    before: dict[str, Alert] = {}
    trouble = ""
    while True:
        try:
            now = {alert.alert_id: alert for alert in reversed(_open(store))}
            gone = [alert for alert_id in before if alert_id not in now for alert in _still_there(store, alert_id)]
        except StoreError as error:
            if str(error) != trouble:
                typer.echo(f"{error} Trying again.", err=True)
            trouble = str(error)
        else:
            for alert in (*gone, *now.values()):
                last = before.get(alert.alert_id)
                if last is None or (last.severity, last.status) != (alert.severity, alert.status):
                    yield alert
            before, trouble = now, ""
        time.sleep(interval)


def _still_there(store: Store, alert_id: str) -> list[Alert]:
    """Give an alert that is not open any more; none where whoever looks may not see it any more."""
    try:
        return [store.get(alert_id)]
    except NotPossible:
        return []
