"""``accesswatch simulate``: files of a fictional agency, for trials and measurements; none is about anybody."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from enrichment.errors import CommandError
from simulator.world import DAYS_MAX, STAFF, STAFF_MIN, World
from stream.printing import say

_CLIENTS = 1_200_000
_STAFF_MAX, _CLIENTS_MIN, _CLIENTS_MAX = 100_000, 1_000, 20_000_000
_FRIDAY, _MONDAY = datetime(2026, 11, 20), datetime(2026, 11, 16)  # noqa: DTZ001 New Zealand dates

app = typer.Typer(help="A fictional agency, for trials and measurements.", no_args_is_help=True)


class Format(StrEnum):
    """How the files of a data set are written."""

    jsonl = "jsonl"
    gzipped = "jsonl.gz"
    parquet = "parquet"


_Staff = Annotated[int, typer.Option(min=STAFF_MIN, max=_STAFF_MAX, help="Staff records.")]
_Seed = Annotated[int, typer.Option(help="The same seed gives the same files.")]


@app.command()
def reference(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Where the files are written.")],
    staff: _Staff = STAFF,
    clients: Annotated[int, typer.Option(min=_CLIENTS_MIN, max=_CLIENTS_MAX, help="Client records.")] = _CLIENTS,
    seed: _Seed = 1,
    day: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the agency is ready for.")
    ] = _FRIDAY,
) -> None:
    """Write staff.jsonl, client.jsonl and so on, for `reference load`."""
    written: dict[str, int] = {}
    files: dict[str, IO[bytes]] = {}

    def write() -> dict[str, int]:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for kind, _, value in World(seed, day.date(), days=1, staff=staff, clients=clients).reference():
                if kind not in files:
                    files[kind] = stack.enter_context((out / f"{kind}.jsonl").open("wb"))
                files[kind].write(value + b"\n")
                written[kind] = written.get(kind, 0) + 1
        return written

    for kind, number in _written(out, write).items():
        say(f"{out / kind}.jsonl: {number:,} records")


@app.command()
def days(
    out: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Where the files are written.")],
    *,
    staff: _Staff = 50,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="Days, weekends included.")] = 7,
    seed: _Seed = 1,
    first: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.")] = _MONDAY,
    intents: Annotated[
        float, typer.Option(min=0, max=1_000, help="How many times as often as believable people look who should not.")
    ] = 1,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of the staff: whose ordinary work is played.")] = 1,
    form: Annotated[Format, typer.Option("--format", help="Of the files.")] = Format.jsonl,
) -> None:
    """Write days of the agency as a data set: what is known, what becomes known, the accesses, and the truth apart."""
    from simulator.dataset import write  # noqa: PLC0415 not needed by anything else

    def write_all() -> dict[str, int]:
        world = World(seed, first.date(), days=days, staff=staff, intent_factor=intents, share=share)
        return write(world, out, form.value)

    try:
        written = _written(out, write_all)
    except ModuleNotFoundError:
        raise CommandError("Parquet needs pyarrow: install accesswatch with its extra, accesswatch[parquet].") from None
    for name, number in written.items():
        say(f"{out / name}.{form.value}: {number:,} records")


def _written(out: Path, write: Callable[[], dict[str, int]]) -> dict[str, int]:
    try:
        return write()
    except OSError as error:
        raise CommandError(f"{error.filename or out} cannot be written ({error.strerror}).") from None
