"""``python -m benchmarks.noticing``: judges seeds, plays a day through the real worker, writes the report."""

import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer

from benchmarks.noticing.report import rates_table, read, tables
from benchmarks.noticing.seeds import Size, run_seed
from enrichment.nz_time import ZONE
from simulator.world import STAFF
from stream.printing import say

STATE = Path("build/noticing")

_SATURDAY, _SUNDAY = 5, 6
_FIRST = datetime.combine(Size.first, time())

app = typer.Typer(help="How well accesswatch notices, on the simulated agency.", no_args_is_help=True)


@app.command()
def judge(
    seeds: Annotated[str, typer.Argument(metavar="FIRST-LAST", help="Seeds, such as 101-120.")],
    *,
    out: Annotated[Path, typer.Option(help="Where each seed's figures are written.")] = STATE / "report",
    staff: Annotated[int, typer.Option(help="Staff of each agency.")] = Size.staff,
    days: Annotated[int, typer.Option(help="Days, from a Monday.")] = Size.days,
    hard: Annotated[bool, typer.Option("--hard", help="The hard world.")] = False,
    begin: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.")] = _FIRST,
    limits: Annotated[Path | None, typer.Option(help="A limits file over the shipped one.")] = None,
    curves: Annotated[bool, typer.Option(help="Also what other values of each limit would do.")] = False,
    processes: Annotated[int, typer.Option(help="How many seeds at the same time.")] = 2,
) -> None:
    """Judge the days of some seeds in memory; those that are judged already are left out."""
    first, _, last = seeds.partition("-")
    wanted = range(int(first), int(last or first) + 1)
    out.mkdir(parents=True, exist_ok=True)
    left = [seed for seed in wanted if not (out / f"seed-{seed}.json").exists()]
    size = Size(staff, days, Size.intent_factor, hard, limits, begin.date())
    with ProcessPoolExecutor(processes, max_tasks_per_child=1) as pool:
        for result in pool.map(partial(run_seed, size=size, with_variants=curves), left):
            (out / f"seed-{result['seed']}.json").write_bytes(orjson.dumps(result))
            sys.stdout.write(f"seed {result['seed']}: {result['accesses']:,} accesses\n")
            sys.stdout.flush()


@app.command()
def worker(
    out: Annotated[Path, typer.Argument(help="The file of figures that is written.")] = STATE
    / "worker"
    / "seed-1.json",
    *,
    seed: Annotated[int, typer.Option(help="Of the agency.")] = 101,
    staff: Annotated[int, typer.Option(help="Staff of the agency.")] = STAFF,
    days: Annotated[int, typer.Option(help="Days, from a Monday.")] = 30,
    intents: Annotated[float, typer.Option(help="How many times as often as believable intents come.")] = 1.0,
    hard: Annotated[bool, typer.Option("--hard", help="The hard world.")] = False,
    rate: Annotated[float, typer.Option(help="Accesses published a second, at most.")] = 2_000.0,
    speed: Annotated[
        float | None,
        typer.Option(
            help="Play by the clock, so many times as fast as it goes, with questions settling as much faster. "
            "They begin with today or, on a Saturday, yesterday: work explains what was opened in the 24 hours before. "
            "Without it hours are played as fast as --rate lets them, and most questions settle after the end."
        ),
    ] = None,
) -> None:
    """Play days through the real worker, with a Kafka and a Valkey of its own: 30 days of 8,044 staff take hours."""
    from benchmarks.noticing.stand import stand  # noqa: PLC0415 slow to import
    from benchmarks.noticing.worker_run import Pace, run, settling  # noqa: PLC0415

    with stand(None if speed is None else settling(speed)) as running:
        first = Size.first if speed is None else _working_day()
        result = asyncio.run(run(running, seed, Size(staff, days, intents, hard, first=first), Pace(rate, speed), say))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(orjson.dumps(result))


def _working_day() -> date:
    today = datetime.now(ZONE).date()
    if today.weekday() == _SUNDAY:
        raise typer.BadParameter("nobody works on Sundays, and accesses may not lie further away: play on another day.")
    return today - timedelta(days=1) if today.weekday() == _SATURDAY else today


@app.command()
def report(
    seeds: Annotated[Path, typer.Argument(help="Where the figures of the seeds are.")] = STATE / "report",
    curves: Annotated[Path, typer.Option(help="Where those of the seeds judged with --curves are.")] = STATE / "tune",
) -> None:
    """Print the tables."""
    judged = read(seeds)
    if not judged:
        sys.stderr.write(f"{seeds} holds no figures of a seed: make them with `judge` or `worker`.\n")
        raise typer.Exit(1)
    for line in tables(judged, read(curves)):
        sys.stdout.write(f"{line}\n")


@app.command()
def rates() -> None:
    """Print every rate of the simulated agency with its source."""
    for line in rates_table():
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    app()
