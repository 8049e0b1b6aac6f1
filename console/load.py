"""``accesswatch reference load`` and ``accesswatch access load``: files of JSON lines into Kafka."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console import importing
from console.connected import connected
from console.loading import SUFFIXES
from console.publishing import publishing
from console.reference import show, status
from enrichment.errors import CommandError
from stream import settings as environment
from stream.printing import say
from stream.settings import Settings
from stream.topics import REFERENCE

if TYPE_CHECKING:
    from console.loading import Loaded


_RATE_MAX = 1_000_000

reference = typer.Typer(help="Reference data: who people are, and what they work on.", no_args_is_help=True)
access = typer.Typer(help="Accesses to client records.", no_args_is_help=True)


reference.command("status")(status)
reference.command("show")(show)


reference.command("import")(importing.import_reference)
access.command("import")(importing.import_accesses)


@reference.command("load")
def load_reference(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help=f"Holds {', '.join(f'{kind}.jsonl' for kind in REFERENCE)}, "
            "plain or packed by gzip (staff.jsonl.gz); those that are missing are left out.",
        ),
    ],
) -> None:
    """Publish reference data. Bad lines are named and counted, the rest is loaded; exit 1 if there were any."""
    settings = connected(environment.load(), needs=("kafka",))
    published, bad, broken = asyncio.run(_reference(settings, directory))
    say(f"{published:,} records published.")
    if bad:
        broken.append(f"{bad:,} lines of {directory} are not what the contract names and were left out.")
    if broken:
        raise CommandError(broken)


@access.command("load")
def load_accesses(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl", exists=True, dir_okay=False, help="One access a line; plain or packed by gzip."
        ),
    ],
    rate: Annotated[
        float | None, typer.Option(min=0.001, max=_RATE_MAX, help="Accesses a second; as fast as it goes unless set.")
    ] = None,
) -> None:
    """Publish accesses in the order of the file. What is not valid is published too: the service parks it."""
    settings = connected(environment.load(), needs=("kafka",))
    loaded = asyncio.run(_accesses(settings, file, rate))
    if loaded.bad:
        say(f"{loaded.bad:,} lines are not valid accesses; the service will park them.", err=True)
    say(f"{loaded.published:,} accesses published.")
    if loaded.broken is not None:
        raise CommandError(f"{file} was not loaded to its end.")


async def _reference(settings: Settings, directory: Path) -> tuple[int, int, list[str]]:
    """Load the files of a directory; return how many records were published and left out, and what was not read."""
    from console.loading import KINDS, load_reference  # noqa: PLC0415 - Kafka's client is slow to import
    from stream.topics import reference_topic  # noqa: PLC0415

    files = {kind: file for kind in KINDS if (file := _file(directory, kind.name)) is not None}
    if not files:
        names = ", ".join(f"{kind.name}.jsonl" for kind in KINDS)
        raise CommandError(f"{directory} holds none of {names}, plain or packed by gzip.")
    topics = {kind: settings.topic(reference_topic(kind.name)) for kind in files}
    published = bad = 0
    broken = []
    async with publishing(settings, list(topics.values())) as (publisher, bars):
        for kind, file in files.items():
            loaded = await load_reference(publisher, topics[kind], kind, file, bars)
            bars.say(f"{file.name}: {loaded.published:,} published, {loaded.bad:,} bad")
            published, bad = published + loaded.published, bad + loaded.bad
            broken += [f"{file.name} was not loaded to its end."] if loaded.broken is not None else []
    return published, bad, broken


def _file(directory: Path, name: str) -> Path | None:
    """Find the file of one kind, or None."""
    found = [file for suffix in SUFFIXES if (file := directory / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise CommandError(f"{directory} holds both {found[0].name} and {found[1].name}: take one away.")
    return found[0] if found else None


async def _accesses(settings: Settings, file: Path, rate: float | None) -> "Loaded":
    from console.loading import load_accesses  # noqa: PLC0415 - Kafka's client is slow to import
    from stream.topics import ACCESS  # noqa: PLC0415

    topic = settings.topic(ACCESS)
    async with publishing(settings, [topic]) as (publisher, bars):
        return await load_accesses(publisher, topic, file, rate, bars)
