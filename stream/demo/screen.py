"""The live screen: calm, readable at 80 by 24, drawn anew a few times a second from ``Progress``."""

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from enrichment.newzealand import nz_time
from stream.demo.progress import PHASES, Progress
from stream.demo.scoreboard import SeenAlert
from stream.demo.summary import latency, outcomes

_SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
#: Lines that are no alert and no e-mail: title, phases, counts, headings, addresses, and one left free at the end.
_FIXED_LINES = 14
#: A sentence longer than this is cut; `accesswatch alerts show` has it whole.
_SENTENCE_LINES_MAX = 3
_SENTENCE_INDENT = " " * 12
_MAILS_MAX = 2
_BAR_WIDTH = 24


class Screen:
    """Draws the demo; rich asks it whenever the screen is due."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give as many lines as fit, each cut at the right edge."""
        height = options.height or console.size.height
        for line in list(self._lines(height, options.max_width))[: height - 1]:
            line.no_wrap = True
            line.overflow = "ellipsis"
            yield line

    def _lines(self, height: int, width: int) -> Iterator[Text]:
        progress = self._progress
        day = f"{progress.day:%A} {progress.day.day} {progress.day:%B %Y}"
        yield Text.assemble(("accesswatch", "bold"), f"  a fictional agency on {day}  {_clock(progress.elapsed())}")
        yield _phases(progress)
        yield Text()
        yield from _counts(progress)
        yield Text()
        yield Text(f"Newest alerts ({progress.scoreboard.alerts:,} so far), each a question to ask", style="bold")
        room = max(0, height - _FIXED_LINES - _MAILS_MAX)
        for alert in progress.scoreboard.newest:
            lines = _alert(alert, width)
            if len(lines) > room:
                break
            room -= len(lines)
            yield from lines
        for _ in range(room):
            yield Text()
        yield Text(f"Newest e-mails ({progress.mails_received:,} received)", style="bold")
        for mail in progress.mails[:_MAILS_MAX]:
            yield Text(f"  {mail.received}  {mail.subject}")
        for _ in range(_MAILS_MAX - len(progress.mails)):
            yield Text()
        yield Text()
        yield from _addresses(progress)


def _phases(progress: Progress) -> Text:
    line = Text()
    for name in PHASES:
        if name in progress.done:
            line.append(f"✓ {name}  ", style="green")
        elif name in progress.phases:
            line.append(f"… {name} {progress.phases[name]}".rstrip() + "  ", style="yellow")
        else:
            line.append(f"  {name}  ", style="dim")
    if progress.restarts:
        line.append(f"worker restarted {progress.restarts}x", style="bold yellow")
    return line


def _counts(progress: Progress) -> Iterator[Text]:
    board = progress.scoreboard
    filled = round(_BAR_WIDTH * board.played / progress.wanted)
    bar = "━" * filled + "─" * (_BAR_WIDTH - filled)
    yield Text(f"Played    {board.played:>7,} of {progress.wanted:,}  {bar}  {progress.rate:,}/s")
    yield Text(f"Assessed  {board.assessed:>7,}")
    yield Text(f"  {outcomes(board)}")
    first = progress.first_alert_seconds
    yield Text(f"Alert     {latency(board)}" + ("" if first is None else f" · first after {first:.1f} s"))


def _alert(alert: SeenAlert, width: int) -> list[Text]:
    at = f"{nz_time(datetime.fromisoformat(alert.last_access_at)):%H:%M:%S}"
    count = f"  {alert.access_count} accesses" if alert.access_count > 1 else ""
    style = _SEVERITY_STYLES.get(alert.severity, "")
    head = Text.assemble(f"  {at}  ", (f"{alert.severity:<8}", style), f"  {', '.join(alert.rules)}{count}")
    sentence = wrap(
        alert.sentence,
        width,
        initial_indent=_SENTENCE_INDENT,
        subsequent_indent=_SENTENCE_INDENT,
        max_lines=_SENTENCE_LINES_MAX,
        placeholder=" …",
    )
    return [head, *(Text(line, style="dim") for line in sentence)]


def _addresses(progress: Progress) -> Iterator[Text]:
    if progress.metrics_url:
        base = progress.metrics_url.removesuffix("/metrics")
        yield Text(f"Worker {progress.metrics_url}  {base}/readyz", style="cyan")
        yield Text(f"E-mails {progress.mails_url}    Ctrl-C ends the day", style="cyan")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
