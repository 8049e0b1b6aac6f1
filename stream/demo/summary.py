"""What is said at the end: a dozen plain lines, each a figure with its meaning."""

from stream.demo.progress import Progress
from stream.demo.scoreboard import Scoreboard

#: The outcomes of the contract, in the order in which they apply.
OUTCOMES = ("hit", "abstained", "explained", "no_subject", "unexplained")


def summary(progress: Progress) -> list[str]:
    """Give the lines of the summary."""
    board = progress.scoreboard
    first = progress.first_alert_seconds
    lines = [
        f"Played    {board.played:,} accesses of {progress.day:%A} {progress.day.day} {progress.day:%B %Y}",
        f"Assessed  {board.assessed:,}" + _remark(board, progress.restarts),
        f"Outcomes  {outcomes(board)}",
        f"Alerts    {board.alerts:,}, {board.doubled or 'none'} twice: {_by_rule(board)}",
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
    """Give how many accesses came to each outcome."""
    return " · ".join(f"{name} {board.outcomes[name]:,}" for name in OUTCOMES)


def latency(board: Scoreboard) -> str:
    """Give the time from access to alert."""
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
