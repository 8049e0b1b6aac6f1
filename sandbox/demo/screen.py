"""The live screen: calm, readable at 80 by 24, drawn anew a few times a second from ``Progress``.

Here too: the plain lines instead of it, one for each thing that happens, and the dozen lines that are said at the end.
"""

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from rich.console import ConsoleOptions, RenderResult

from enrichment.nz_time import nz_time
from enrichment.plain_text import plain
from sandbox.demo.scoreboard import PHASES, Progress, Scoreboard, SeenAlert
from stream import printing
from stream.printing import AnyConsole, Line

PROGRESS_EVERY_SECONDS = 5.0


def say(progress: Progress, sentence: str) -> None:
    """Print one sentence with the seconds since the start."""
    printing.say(f"{progress.elapsed():6.1f} s  {sentence}")


def alert_line(alert: SeenAlert) -> str:
    """Return an alert as one line; the time is that of the access, in New Zealand."""
    at = f"{nz_time(datetime.fromisoformat(alert.last_access_at)):%H:%M:%S}"
    return f"alert {alert.severity} {', '.join(alert.rules)} at {at}: {alert.sentence}"


def progress_line(progress: Progress) -> str:
    """Return how far the day is."""
    board = progress.scoreboard
    return (
        f"played {board.played:,} of {progress.wanted:,}, assessed {board.assessed:,}, "
        f"alerts {board.alerts}, {latency(board)}"
    )


#: The outcomes of the contract, in the order in which they apply.
OUTCOMES = ("hit", "abstained", "explained", "no_subject", "unexplained")


def summary(progress: Progress) -> list[str]:
    """Return the lines of the summary."""
    board = progress.scoreboard
    first = progress.first_alert_seconds
    lines = [
        f"Played    {board.played:,} accesses of {progress.day:%A} {progress.day.day} {progress.day:%B %Y}",
        f"Assessed  {board.assessed:,}" + _remark(board, progress.restarts),
        f"Outcomes  {outcomes(board)}",
        f"Alerts    {board.alerts:,}, {board.doubled or 'none'} twice: {_by_rule(board)}",
        f"Asked     {', '.join(f'{number} {name}' for name, number in board.asked().items())}",
        *_planted(board),
        f"Look-alikes  {board.look_alikes()} played, {_raised(board)}",
        f"Access to alert  {latency(board)} (access's Kafka timestamp to alert read from Kafka)",
        f"E-mails   {progress.mails_received:,} received; webhooks {progress.webhooks_received:,}",
        "First alert  none" if first is None else f"First alert  after {first:.1f} s",
    ]
    missing = board.played - board.assessed
    if missing:
        lines.append(f"{missing:,} of the accesses played were not assessed.")
    return lines


def outcomes(board: Scoreboard) -> str:
    """Return how many accesses came to each outcome."""
    return " · ".join(f"{name} {board.outcomes[name]:,}" for name in OUTCOMES)


def latency(board: Scoreboard) -> str:
    """Return the time from access to alert."""
    found = board.latency()
    if found is None:
        return "not measured yet"
    return f"p50 {found.p50:,.0f} ms · p99 {found.p99:,.0f} ms · max {found.longest:,.0f} ms"


def _remark(board: Scoreboard, restarts: int) -> str:
    remarks = []
    if board.repeated:
        remarks.append(f"{board.repeated:,} assessments repeated")
    if restarts:
        remarks.append(f"worker restarted {restarts} time{'s' if restarts > 1 else ''}")
    return f" ({', '.join(remarks)})" if remarks else ""


def _by_rule(board: Scoreboard) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in sorted(board.alerts_by_rule().items())) or "none"


def _planted(board: Scoreboard) -> list[str]:
    return [
        f"Planted   {rule:<19} {found} of {wanted} found" + (f", {wanted - found} MISSED" if found < wanted else "")
        for rule, (found, wanted) in board.planted().items()
    ]


def _raised(board: Scoreboard) -> str:
    names = board.raised_by_look_alikes()
    raised = "none raised an alert"
    if names:
        raised = "raised by: " + ", ".join(f"{name} ({count})" for name, count in sorted(names.items()))
    ordinary = board.raised_by_ordinary()
    return raised + (f"; {ordinary} ordinary accesses did" if ordinary else "")


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

    def __rich_console__(self, console: AnyConsole, options: ConsoleOptions) -> RenderResult:
        """Return as many lines as fit, each cut at the right edge."""
        height = options.height or console.size.height
        for line in list(self._lines(height, options.max_width))[: height - 1]:
            line.no_wrap = True
            line.overflow = "ellipsis"
            yield line

    def _lines(self, height: int, width: int) -> Iterator[Line]:
        progress = self._progress
        day = f"{progress.day:%A} {progress.day.day} {progress.day:%B %Y}"
        yield Line.of(("accesswatch", "bold"), f"  a fictional agency on {day}  {_clock(progress.elapsed())}")
        yield _phases(progress)
        yield Line()
        yield from _counts(progress)
        yield Line()
        yield Line(f"Newest alerts ({progress.scoreboard.alerts:,} so far), each a question to ask", style="bold")
        room = max(0, height - _FIXED_LINES - _MAILS_MAX)
        for alert in progress.scoreboard.newest:
            lines = _alert(alert, width)
            if len(lines) > room:
                break
            room -= len(lines)
            yield from lines
        for _ in range(room):
            yield Line()
        yield Line(f"Newest e-mails ({progress.mails_received:,} received)", style="bold")
        for mail in progress.mails[:_MAILS_MAX]:
            yield Line(f"  {mail.received}  {mail.subject}")
        for _ in range(_MAILS_MAX - len(progress.mails)):
            yield Line()
        yield Line()
        yield from _addresses(progress)


def _phases(progress: Progress) -> Line:
    line = Line()
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


def _counts(progress: Progress) -> Iterator[Line]:
    board = progress.scoreboard
    filled = round(_BAR_WIDTH * board.played / progress.wanted)
    bar = "━" * filled + "─" * (_BAR_WIDTH - filled)
    yield Line(f"Played    {board.played:>7,} of {progress.wanted:,}  {bar}  {progress.rate:,}/s")
    yield Line(f"Assessed  {board.assessed:>7,}")
    yield Line(f"  {outcomes(board)}")
    first = progress.first_alert_seconds
    yield Line(f"Alert     {latency(board)}" + ("" if first is None else f" · first after {first:.1f} s"))


def _alert(alert: SeenAlert, width: int) -> list[Line]:
    at = f"{nz_time(datetime.fromisoformat(alert.last_access_at)):%H:%M:%S}"
    count = f"  {alert.access_count} accesses" if alert.access_count > 1 else ""
    style = _SEVERITY_STYLES.get(alert.severity, "")
    head = Line.of(f"  {at}  ", (f"{alert.severity:<8}", style), f"  {', '.join(alert.rules)}{count}")
    sentence = wrap(
        plain(alert.sentence),
        width,
        initial_indent=_SENTENCE_INDENT,
        subsequent_indent=_SENTENCE_INDENT,
        max_lines=_SENTENCE_LINES_MAX,
        placeholder=" …",
    )
    return [head, *(Line(line, style="dim") for line in sentence)]


def _addresses(progress: Progress) -> Iterator[Line]:
    if progress.metrics_url:
        base = progress.metrics_url.removesuffix("/metrics")
        yield Line(f"Worker {progress.metrics_url}  {base}/readyz", style="cyan")
        yield Line(f"E-mails {progress.mails_url}    Ctrl-C ends the day", style="cyan")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
