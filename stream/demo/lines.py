"""Plain lines instead of the screen: one for each thing that happens, and a progress line every few seconds."""

from datetime import datetime

import typer

from enrichment.newzealand import nz_time
from stream.demo.progress import Progress
from stream.demo.scoreboard import SeenAlert
from stream.demo.summary import latency

PROGRESS_EVERY_SECONDS = 5.0


def say(progress: Progress, sentence: str) -> None:
    """Print one sentence with the seconds since the start."""
    typer.echo(f"{progress.elapsed():6.1f} s  {sentence}")


def alert_line(alert: SeenAlert) -> str:
    """Say an alert in one line; the time is that of the access, in New Zealand."""
    at = f"{nz_time(datetime.fromisoformat(alert.last_access_at)):%H:%M:%S}"
    return f"alert {alert.severity} {', '.join(alert.rules)} at {at}: {alert.sentence}"


def progress_line(progress: Progress) -> str:
    """Say how far the day is."""
    board = progress.scoreboard
    return (
        f"played {board.played:,} of {progress.wanted:,}, assessed {board.assessed:,}, "
        f"alerts {board.alerts}, {latency(board)}"
    )
