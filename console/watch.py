"""``accesswatch watch``: the open alerts on a screen that is kept open, and one key to acknowledge. Or as lines.

Single keys are read from the terminal, which is given back as it was, however the command ends.
"""

import os
import select
import signal
import sys
import termios
import time
import tty
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Final

import typer
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live

from alerts.alert import Alert
from alerts.assessment import SEVERITIES, Severity
from alerts.store.database import NotPossible, StoreError
from alerts.store.queries import Filters
from alerts.store.store import Store
from console.alerts import alert_store, at_the_keyboard, cells
from enrichment.nz_time import nz_text, nz_time
from stream.printing import AnyConsole, Console, Line, Table, say, say_columns

_READ_BYTES_MAX: Final = 64
_TERMINATED: Final = 128 + signal.SIGTERM


class Key(Enum):
    """What a key means here."""

    UP = "up"
    DOWN = "down"
    NEWEST = "newest"
    ACKNOWLEDGE = "acknowledge"
    END = "end"


#: As terminals send them; the longer ones stand first.
_KEYS: Final = {
    b"\x1b[A": Key.UP,
    b"\x1bOA": Key.UP,
    b"\x1b[B": Key.DOWN,
    b"\x1bOB": Key.DOWN,
    b"\x1b[H": Key.NEWEST,
    b"k": Key.UP,
    b"j": Key.DOWN,
    b"g": Key.NEWEST,
    b"a": Key.ACKNOWLEDGE,
    b"q": Key.END,
}


@contextmanager
def keyboard() -> Iterator[Callable[[float], list[Key]]]:
    """Yield a function that waits so many seconds for keys and returns those that mean something.

    Ctrl-C stays an interrupt; SIGTERM ends the command too, and the terminal is given back.
    """
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    handler = signal.signal(signal.SIGTERM, _terminated)
    try:
        tty.setcbreak(terminal)
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, handler)


def _pressed(terminal: int, seconds: float) -> list[Key]:
    readable, _, _ = select.select([terminal], [], [], seconds)
    if not readable:
        return []
    typed = os.read(terminal, _READ_BYTES_MAX)
    # Nothing to read from a terminal that is readable: it is gone.
    return _meant(typed) if typed else [Key.END]


def _meant(typed: bytes) -> list[Key]:
    keys = []
    while typed:
        found = next((sent for sent in _KEYS if typed.startswith(sent)), None)
        if found is not None:
            keys.append(_KEYS[found])
        typed = typed[len(found) if found is not None else 1 :]
    return keys


def _terminated(_number: int, _frame: Any) -> None:
    sys.exit(_TERMINATED)


STYLES: Final[dict[Severity, str]] = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
#: Lines that are no alert: the counts, a free one, the columns' names; a free one, what was said, the keys.
_FIXED_LINES: Final = 6
#: Enough of an id for `accesswatch alerts show`.
_ID_CHARACTERS: Final = 11
_KEYS_SAID: Final = "↑ ↓ choose   a acknowledges the chosen one   g the newest   q ends"


@dataclass(slots=True)
class Shown:
    """The alerts on the screen, and what was said last."""

    ids: bool
    alerts: list[Alert] = field(default_factory=list)
    #: Its id: the choice stays with the alert when newer ones come above it. None: the newest are shown.
    chosen: str | None = None
    said: str = ""
    #: There are older ones that are not looked at.
    more: bool = False
    #: Why the list is old, and since when it is what it is.
    trouble: str | None = None
    at: datetime | None = None

    def take(self, alerts: list[Alert], at: datetime) -> None:
        """Take a newer list. Where the chosen alert is in it no more, none is chosen: no key shall meet another."""
        if self.chosen not in {alert.alert_id for alert in alerts}:
            self.chosen = None
        self.alerts, self.at, self.trouble = alerts, at, None

    def place(self) -> int | None:
        """Return where the chosen one stands, 0 for the first."""
        return next((place for place, alert in enumerate(self.alerts) if alert.alert_id == self.chosen), None)

    def choose(self, key: Key) -> None:
        """Choose the alert above, the one below, or none."""
        self.said = ""
        if key is Key.NEWEST or not self.alerts:
            self.chosen = None
            return
        place = self.place()
        step = -1 if key is Key.UP else 1
        place = 0 if place is None else min(max(place + step, 0), len(self.alerts) - 1)
        self.chosen = self.alerts[place].alert_id


@dataclass(frozen=True, slots=True)
class Screen:
    """Draw what is shown, as many alerts as fit, the chosen one among them."""

    shown: Shown
    now: datetime

    def __rich_console__(self, console: AnyConsole, options: ConsoleOptions) -> RenderResult:
        """Return the lines, each cut at the right edge."""
        shown, height = self.shown, options.height or console.size.height
        room = max(height - _FIXED_LINES, 1)
        first = max((shown.place() or 0) - room + 1, 0)
        visible = shown.alerts[first : first + room]
        yield from _cut(_counts(shown, self.now))
        yield Line(f"{first} newer above" if first else "", style="bold")
        if visible:
            yield _table(visible, shown)
        else:
            yield Line("No alert is open.", style="dim")
        for _ in range(room - max(len(visible), 1) + (not visible)):
            yield Line()
        yield Line()
        yield from _cut(
            Line(f"Not up to date: {shown.trouble}", style="bold red") if shown.trouble else Line(shown.said)
        )
        yield from _cut(Line(_KEYS_SAID, style="dim"))


def _counts(shown: Shown, now: datetime) -> Line:
    counts = Counter(alert.severity for alert in shown.alerts)
    line = Line.of(("accesswatch", "bold"), f"  {len(shown.alerts)}{' or more' if shown.more else ''} open")
    for severity in reversed(SEVERITIES):
        if counts[severity]:
            line.append("  ")
            line.append(f"{counts[severity]} {severity}", style=STYLES[severity])
    at = shown.at or now
    line.append(f"   as of {nz_text(at)}", style="bold red" if shown.trouble else "dim")
    return line


def _table(alerts: list[Alert], shown: Shown) -> Table:
    whom = ("staff", "client") if shown.ids else ()
    names = (" ", "id", "raised", "severity", "status", *whom, "accesses", "asks about")
    table = Table(*names, box=None, pad_edge=False, expand=True)
    for column in table.columns:
        column.no_wrap = True
        column.overflow = "ellipsis"
    # The titles take what the others leave.
    table.columns[-1].ratio = 1
    for alert in alerts:
        chosen = alert.alert_id == shown.chosen
        row = [Line(cell) for cell in _cells(alert, ids=shown.ids)]
        row[2].stylize(STYLES[alert.severity])
        style = "reverse" if chosen else "dim" if alert.status == "acknowledged" else ""
        table.add_row(Line(">" if chosen else " "), *row, style=style)
    return table


def _cells(alert: Alert, *, ids: bool) -> list[str]:
    raised = nz_time(alert.raised_at)
    return [
        alert.alert_id[:_ID_CHARACTERS],
        f"{raised:%a} {raised.day:>2} {raised:%b %H:%M:%S}",
        alert.severity,
        alert.status,
        *([alert.staff_id, alert.client_id or "-"] if ids else []),
        str(alert.access_count),
        alert.title,
    ]


def _cut(line: Line) -> Iterator[Line]:
    line.no_wrap = True
    line.overflow = "ellipsis"
    yield line


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
                say_columns(cells(alert, ids=ids))
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
    """Yield each open alert, the oldest first, and again when its severity or status changes or it is closed."""
    before: dict[str, Alert] = {}
    trouble = ""
    while True:
        try:
            now = {alert.alert_id: alert for alert in reversed(_open(store))}
            gone = [alert for alert_id in before if alert_id not in now for alert in _still_there(store, alert_id)]
        except StoreError as error:
            if str(error) != trouble:
                say(f"{error} Trying again.", err=True)
            trouble = str(error)
        else:
            for alert in (*gone, *now.values()):
                last = before.get(alert.alert_id)
                if last is None or (last.severity, last.status) != (alert.severity, alert.status):
                    yield alert
            before, trouble = now, ""
        time.sleep(interval)


def _still_there(store: Store, alert_id: str) -> list[Alert]:
    """Return an alert that is not open any more; none where whoever looks may not see it any more."""
    try:
        return [store.get(alert_id)]
    except NotPossible:
        return []
