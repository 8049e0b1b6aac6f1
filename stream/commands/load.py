"""``accesswatch reference load`` and ``accesswatch access load``: files of JSON lines into Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream import settings as environment
from stream.commands import known
from stream.commands.failure import CommandFailed
from stream.connections import connected
from stream.settings import Settings

if TYPE_CHECKING:
    from stream.bars import Bars
    from stream.publishing import Publisher

_RATE_MAX = 1_000_000

reference = typer.Typer(help="Reference data: who people are, and what they work on.", no_args_is_help=True)
access = typer.Typer(help="Accesses to client records.", no_args_is_help=True)


reference.command("status")(known.status)
reference.command("show")(known.show)


@access.callback()
def _group() -> None:
    """Keep `load` a command of its own, though it is the only one."""


@reference.command("load")
def load_reference(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Holds staff.jsonl, client.jsonl, relationship.jsonl, work.jsonl, watchlist.jsonl, self_report.jsonl; "
            "those that are missing are left out.",
        ),
    ],
) -> None:
    """Publish reference data. Bad lines are named and counted, the rest is loaded; exit 1 if there were any."""
    settings = connected(environment.load(), needs=("kafka",))
    published, bad = asyncio.run(_reference(settings, directory))
    typer.echo(f"{published:,} records published.")
    if bad:
        raise CommandFailed(f"{bad:,} lines of {directory} are not what the contract names and were left out.")


@access.command("load")
def load_accesses(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", exists=True, dir_okay=False, help="One access a line.")],
    rate: Annotated[
        float | None, typer.Option(min=0.001, max=_RATE_MAX, help="Accesses a second; as fast as it goes unless set.")
    ] = None,
) -> None:
    """Publish accesses in the order of the file. What is not valid is published too: the service parks it."""
    settings = connected(environment.load(), needs=("kafka",))
    published, bad = asyncio.run(_accesses(settings, file, rate))
    if bad:
        typer.echo(f"{bad:,} lines are not valid accesses; the service will park them.", err=True)
    typer.echo(f"{published:,} accesses published.")


async def _reference(settings: Settings, directory: Path) -> tuple[int, int]:
    from stream.loading import KINDS, load_reference  # noqa: PLC0415 - Kafka's client is slow to import
    from stream.topics import reference_topic  # noqa: PLC0415

    files = {kind: file for kind in KINDS if (file := directory / f"{kind.name}.jsonl").is_file()}
    if not files:
        names = ", ".join(f"{kind.name}.jsonl" for kind in KINDS)
        raise CommandFailed(f"{directory} holds none of {names}.")
    topics = {kind: settings.topic(reference_topic(kind.name)) for kind in files}
    published = bad = 0
    async with _publishing(settings, list(topics.values())) as (publisher, bars):
        for kind, file in files.items():
            loaded = await load_reference(publisher, topics[kind], kind, file, bars)
            bars.say(f"{file.name}: {loaded.published:,} published, {loaded.bad:,} bad")
            published, bad = published + loaded.published, bad + loaded.bad
    return published, bad


async def _accesses(settings: Settings, file: Path, rate: float | None) -> tuple[int, int]:
    from stream.loading import load_accesses  # noqa: PLC0415 - Kafka's client is slow to import
    from stream.topics import ACCESS  # noqa: PLC0415

    topic = settings.topic(ACCESS)
    async with _publishing(settings, [topic]) as (publisher, bars):
        loaded = await load_accesses(publisher, topic, file, rate, bars)
    return loaded.published, loaded.bad


@asynccontextmanager
async def _publishing(settings: Settings, topics: list[str]) -> AsyncIterator[tuple["Publisher", "Bars"]]:
    """A publisher for topics that exist, and something to show progress with; whatever fails becomes a sentence."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - Kafka's clients are slow to import

    from stream.bars import Bars  # noqa: PLC0415
    from stream.connections import aiokafka_options  # noqa: PLC0415
    from stream.outgoing import PublishError  # noqa: PLC0415
    from stream.publishing import Publisher  # noqa: PLC0415
    from stream.topic_admin import administration, missing  # noqa: PLC0415

    with administration(settings) as admin:
        absent = missing(admin, topics)
    if absent:
        raise CommandFailed(f"Kafka has no topic {absent[0]}: make it with `accesswatch topics create`.")
    try:
        async with Publisher(aiokafka_options(settings)) as publisher:
            with Bars() as bars:
                yield publisher, bars
    except PublishError as error:
        raise CommandFailed(f"{error} What was acknowledged before stays; load the file again.") from error
    except KafkaError as error:
        raise CommandFailed(f"Kafka at {settings.kafka} cannot be written to ({type(error).__name__}).") from error
    except OSError as error:
        raise CommandFailed(f"{error.filename or 'A file'} cannot be read ({error.strerror}).") from error
