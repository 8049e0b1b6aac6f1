"""What the screen of ``accesswatch watch`` shows, and the alert on it that is chosen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from alerts.alert import Alert
from alerts.assessment import SEVERITIES, Severity
from enrichment.newzealand import nz_text, nz_time
from stream.commands.keyboard import Key

STYLES: Final[dict[Severity, str]] = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
#: Lines that are no alert: the counts, a free one, the columns' names; a free one, what was said, the keys.
_FIXED_LINES: Final = 6
#: Enough of an id for `accesswatch alerts show`.
_ID_CHARACTERS: Final = 11
_KEYS: Final = "↑ ↓ choose   a acknowledges the chosen one   g the newest   q ends"


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
        """Say where the chosen one stands, 0 for the first."""
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

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the lines, each cut at the right edge."""
        shown, height = self.shown, options.height or console.size.height
        room = max(height - _FIXED_LINES, 1)
        first = max((shown.place() or 0) - room + 1, 0)
        visible = shown.alerts[first : first + room]
        yield from _cut(_counts(shown, self.now))
        yield Text(f"{first} newer above" if first else "", style="bold")
        if visible:
            yield _table(visible, shown)
        else:
            yield Text("No alert is open.", style="dim")
        for _ in range(room - max(len(visible), 1) + (not visible)):
            yield Text()
        yield Text()
        yield from _cut(
            Text(f"Not up to date: {shown.trouble}", style="bold red") if shown.trouble else Text(shown.said)
        )
        yield from _cut(Text(_KEYS, style="dim"))


def _counts(shown: Shown, now: datetime) -> Text:
    counts = Counter(alert.severity for alert in shown.alerts)
    line = Text.assemble(("accesswatch", "bold"), f"  {len(shown.alerts)}{' or more' if shown.more else ''} open")
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
        row = [Text(cell) for cell in _cells(alert, ids=shown.ids)]
        row[2].stylize(STYLES[alert.severity])
        style = "reverse" if chosen else "dim" if alert.status == "acknowledged" else ""
        table.add_row(Text(">" if chosen else " "), *row, style=style)
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


def _cut(line: Text) -> Iterator[Text]:
    line.no_wrap = True
    line.overflow = "ellipsis"
    yield line
