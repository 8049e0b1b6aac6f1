"""``accesswatch dlq``: what is parked and why; putting it back."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Annotated, Final, Literal

import orjson
import typer
from aiokafka.errors import KafkaError as PublishingKafkaError
from kafka.errors import KafkaError
from rich.console import Console

from stream import settings as environment
from stream.commands import dlq_lines as lines
from stream.commands.failure import CommandFailed
from stream.commands.moments import moment
from stream.connections import aiokafka_options, connected
from stream.dead_letters import DeadLetter, Filters, reader
from stream.listing import listed
from stream.outgoing import PublishError
from stream.publishing import Publisher
from stream.replay_memory import ReplayMemory
from stream.replay_plan import Selection, Tally, plan
from stream.replaying import Replay
from stream.settings import Settings
from stream.topic_admin import administration
from stream.topics import ACCESS, REFERENCE, dead_letter_topic, reference_topic

_LIST_MAX: Final = 10_000
#: What a person is shown unless more is asked for; a script gets all.
_SHOWN: Final = 50
_RATE_MAX: Final = 1_000_000
#: Refused dead letters that are named; the others are counted.
_NAMED_MAX: Final = 20
_INTERRUPTED: Final = 130
_SOURCES: Final = (ACCESS, *(reference_topic(kind) for kind in REFERENCE))

app = typer.Typer(help="Dead letters: what is parked and why; putting it back.", no_args_is_help=True)

_Topic = Annotated[
    list[str] | None, typer.Option("--topic", help="Only those of this topic, such as cms.access.v1; may be repeated.")
]
_Stage = Annotated[
    Literal["decode", "validate", "screen"] | None, typer.Option("--stage", help="Only those parked at this stage.")
]
_Error = Annotated[str | None, typer.Option("--error", help="Only those with this error, such as Invalid.")]
_Since = Annotated[
    datetime | None, typer.Option(parser=moment, help="Only those parked since: a date, a time, or 90m, 24h, 7d.")
]
_Until = Annotated[datetime | None, typer.Option(parser=moment, help="Only those parked before: as --since.")]


@app.command("list")
def list_dead_letters(
    *,
    topic: _Topic = None,
    stage: _Stage = None,
    error: _Error = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=_LIST_MAX, help=f"Show so many at most: 50, {_LIST_MAX} with --json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List what is parked and why, the newest first: a table, or tab-separated lines in a pipe. Never the values."""
    with _selection(topic, _filters(stage, error, since, until), again=False, limit=None) as (_, selection):
        found = listed(selection, limit or (_LIST_MAX if as_json else _SHOWN))
    if as_json:
        typer.echo(b"[" + b",\n".join(orjson.dumps(lines.as_json(one)) for one in found.newest) + b"]")
    elif sys.stdout.isatty():
        lines.print_table(found)
    else:
        for one in found.newest:
            typer.echo("\t".join(lines.cells(one)))
    if not as_json:
        # Beside the lines that somebody may be reading with a program.
        for line in lines.summary(found):
            typer.echo(line, err=not sys.stdout.isatty())


@app.command("replay")
def replay(
    *,
    topic: _Topic = None,
    stage: _Stage = None,
    error: _Error = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Put back so many at most, the oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.001, max=_RATE_MAX, help="Records a second; as fast as it goes unless set.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was put back before, and what has been too often.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Put what is parked back where it came from: the same bytes, topic and partition, without our error headers.

    What was put back is remembered, filters or not, and left out the next time. A record that was put back three
    times is refused. A reference record that is put back becomes the newest of its key: look first whether a later
    one has come.
    """
    with _selection(topic, _filters(stage, error, since, until), again=again, limit=limit) as (settings, selection):
        if dry_run:
            tally = plan(selection, lambda letter, what: typer.echo(lines.planned(letter, what)))
            typer.echo(lines.said(tally, "would be put back"))
            return
        if sys.stdin.isatty() and not yes and not _agreed(selection):
            typer.echo("Nothing was put back.")
            return
        tally = asyncio.run(_replay(settings, selection, rate))
    _end(tally)


def _agreed(selection: Selection) -> bool:
    """Say what would be done, and ask."""
    planned = plan(selection, lambda _letter, _what: None)
    typer.echo(lines.said(planned, "would be put back"))
    return bool(planned.sent) and typer.confirm("Put them back?")


def _end(tally: Tally) -> None:
    """Say what was done, and end as that asks for."""
    typer.echo(lines.said(tally, "put back"))
    if tally.stopped:
        typer.echo("Stopped; what was put back is remembered, the same command goes on.", err=True)
        raise typer.Exit(_INTERRUPTED)
    if tally.forgetful:
        raise CommandFailed(
            "No more can be remembered of a partition, for what was put back is scattered over it: "
            "put back what stands between, without a filter, and then the rest."
        )
    if tally.refused:
        raise CommandFailed(lines.refusals(tally))


async def _replay(settings: Settings, selection: Selection, rate: float | None) -> Tally:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    named = 0

    def refused(letter: DeadLetter, why: str) -> None:
        nonlocal named
        named += 1
        if named <= _NAMED_MAX:
            typer.echo(f"{lines.place(letter)} was not put back: {why}", err=True)

    with _progress() as moved:
        running = Replay(
            selection,
            lambda: Publisher(aiokafka_options(settings)),
            rate=rate,
            stop=stop,
            refused=refused,
            moved=lambda tally: moved(f"{tally.sent.total():,} put back, {tally.skipped:,} were before"),
        )
        try:
            return await running.run()
        except (PublishError, PublishingKafkaError) as error:
            raise CommandFailed(
                f"Kafka did not take what was put back ({type(error.__cause__ or error).__name__}): run it again; what "
                "it took is remembered, but for the last second's."
            ) from error


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Something to say how far it is, on a terminal."""
    console = Console(stderr=True)
    with console.status("looking") if console.is_terminal else nullcontext() as status:
        yield status.update if status is not None else lambda _text: None


@contextmanager
def _selection(
    topics: list[str] | None, filters: Filters, *, again: bool, limit: int | None
) -> Iterator[tuple[Settings, Selection]]:
    settings = connected(environment.load(), needs=("kafka",))
    sources = [settings.topic(name) for name in _SOURCES]
    if topics:
        sources = [_source(settings, name) for name in dict.fromkeys(topics)]
    with administration(settings) as admin, reader(settings) as reading:
        try:
            yield settings, Selection(reading, ReplayMemory(admin, settings), sources, filters, again, limit)
        except KafkaError as error:
            raise CommandFailed(f"Kafka refused the request ({type(error).__name__}).") from error


def _source(settings: Settings, name: str) -> str:
    """Find the topic that somebody means, with the prefix or without, or its dead letters."""
    for short in _SOURCES:
        full = settings.topic(short)
        if name in {short, full, dead_letter_topic(short), dead_letter_topic(full)}:
            return full
    raise typer.BadParameter(f"the topics are {', '.join(_SOURCES)}", param_hint="--topic")


def _filters(stage: str | None, error: str | None, since: datetime | None, until: datetime | None) -> Filters:
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("must be later than --since", param_hint="--until")
    return Filters(stage=stage, error=error, since=since, until=until)
