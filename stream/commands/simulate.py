"""``accesswatch simulate``: files of a fictional agency, for trials and measurements; none is about anybody."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated

import typer

from simulator.founding import CLIENTS_MIN, STAFF_MIN
from stream.commands.failure import CommandFailed

_STAFF, _CLIENTS = 8_044, 1_200_000
_STAFF_MAX, _CLIENTS_MAX = 100_000, 20_000_000
_DAY = datetime(2026, 11, 20)  # noqa: DTZ001 a New Zealand date

app = typer.Typer(help="A fictional agency, for trials and measurements.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `reference` a command of its own."""


@app.command()
def reference(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Where the files are written.")],
    staff: Annotated[int, typer.Option(min=STAFF_MIN, max=_STAFF_MAX, help="Staff records.")] = _STAFF,
    clients: Annotated[int, typer.Option(min=CLIENTS_MIN, max=_CLIENTS_MAX, help="Client records.")] = _CLIENTS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the agency is ready for.")] = _DAY,
) -> None:
    """Write staff.jsonl, client.jsonl and so on, for `reference load`: about 1.3 KB of memory for each client."""
    from simulator.full_size import full_size  # noqa: PLC0415 a second's import for a rare command

    written: dict[str, int] = {}
    files: dict[str, IO[bytes]] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for kind, _, value in full_size(seed, day.date(), staff, clients):
                if kind not in files:
                    files[kind] = stack.enter_context((out / f"{kind}.jsonl").open("wb"))
                files[kind].write(value + b"\n")
                written[kind] = written.get(kind, 0) + 1
    except OSError as error:
        raise CommandFailed(f"{error.filename or out} cannot be written ({error.strerror}).") from None
    for kind, number in written.items():
        typer.echo(f"{out / kind}.jsonl: {number:,} records")
