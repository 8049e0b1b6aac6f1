"""``accesswatch demo``: the whole job on one screen, with a fictional agency."""

import signal
import sys
import time
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from console.sandboxed import require_sandbox
from enrichment.errors import CommandError
from stream.printing import say

if TYPE_CHECKING:
    from sandbox.demo.scoreboard import Progress


#: Bounds the memory that counting takes.
ACCESSES_MAX = 1_000_000
#: What a shell expects of a program that Ctrl-C has ended.
EXIT_INTERRUPTED = 130
_SECONDS_PER_MINUTE = 60
_SCREEN_PER_SECOND = 4


def demo(
    minutes: Annotated[float, typer.Option(min=0.01, max=600, help="How long the day is played.")] = 3,
    rate: Annotated[int, typer.Option(min=1, max=5_000, help="Accesses a second.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed, another agency; the same seed, the same one.")] = 1,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Plain lines instead of the screen.")] = False,
) -> None:
    """Play a fictional agency's working day through a real Kafka, Valkey and worker, and show the alerts."""
    started = time.monotonic()
    wanted = max(1, round(minutes * _SECONDS_PER_MINUTE * rate))
    if wanted > ACCESSES_MAX:
        raise CommandError(f"That would be {wanted:,} accesses; the demo plays at most {ACCESSES_MAX:,}.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    require_sandbox()
    # Imported here so that `accesswatch --help` stays quick.
    from sandbox.demo.scoreboard import Progress, Scoreboard  # noqa: PLC0415
    from simulator.days import last_working_day  # noqa: PLC0415

    day = last_working_day(datetime.now(UTC))
    progress = Progress(day=day, wanted=wanted, rate=rate, scoreboard=Scoreboard(), started=started)
    try:
        whole = _show(seed, progress, plain=no_ui or not sys.stdout.isatty())
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    missing = progress.scoreboard.played - progress.scoreboard.assessed
    if missing:
        raise CommandError(f"{missing:,} of the accesses played were not assessed in time.")
    if not whole:
        raise typer.Exit(EXIT_INTERRUPTED)


def _show(seed: int, progress: "Progress", *, plain: bool) -> bool:
    """Run the demo behind the screen or with plain lines, then print the summary."""
    from rich.live import Live  # noqa: PLC0415

    from sandbox.demo import screen  # noqa: PLC0415
    from sandbox.demo.run import run_demo  # noqa: PLC0415
    from sandbox.demo.screen import Screen, summary  # noqa: PLC0415
    from stream.printing import Console  # noqa: PLC0415

    if plain:
        progress.say = partial(screen.say, progress)
        whole = run_demo(seed, progress)
    else:
        with Live(Screen(progress), console=Console(), screen=True, refresh_per_second=_SCREEN_PER_SECOND):
            whole = run_demo(seed, progress)
    say("")
    for line in summary(progress):
        say(line)
    return whole


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Ctrl-C or SIGTERM while things are being started ends them; ``sandbox/demo/run.py`` minds them later."""
    raise KeyboardInterrupt
