"""``accesswatch dlq``: what is parked and why, the newest and how many of each kind; putting it back."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappush, heapreplace
from typing import Annotated, Any, Final, Literal

import orjson
import typer
from aiokafka.errors import KafkaError as PublishingKafkaError
from kafka.errors import KafkaError

from agents.connection_errors import why
from alerts.store.database import Database, NoStore, StoreError
from console.connected import connected
from console.dead_letters import DeadLetter, Filters, reader
from console.replay import Refuse, Replay, Selection, Send, Tally, Verdict, plan
from console.replay_memory import ReplayMemory
from enrichment.errors import CommandError
from enrichment.nz_time import nz_text
from stream import settings as environment
from stream.connections import aiokafka_options
from stream.printing import Console, Line, Table, moment, say, say_columns, say_json
from stream.producer import Publisher, PublishError
from stream.settings import Settings
from stream.sources import sources
from stream.topics import ACCESS, REFERENCE, dead_letter_topic, reference_topic

#: Kinds that are counted apart; more would be somebody's playing with the headers.
KINDS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One dead letter, and how often it was itself put back."""

    letter: DeadLetter
    times: int

    @property
    def replays(self) -> int:
        """How often its record was put back in all."""
        return self.letter.replays + self.times


@dataclass(frozen=True, slots=True)
class Found:
    """What fits: the newest, and all of them counted by source topic, stage and error."""

    newest: list[Listed]
    kinds: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    put_back: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def listed(selection: Selection, limit: int) -> Found:
    """Look at all that fit, and keep the newest *limit*."""
    found = Found([])
    # The oldest of those kept stands first; places differ, so that letters themselves are never compared.
    newest: list[tuple[object, str, int, int, Listed]] = []
    for chunk in selection.chunks():
        for record, letter, _ in chunk:
            times = selection.memory.times_of(record)
            kind = (letter.source_topic, letter.stage, letter.error)
            if kind not in found.kinds and len(found.kinds) >= KINDS_MAX:
                kind = ("other", "", "")
            found.kinds[kind] += 1
            found.put_back[kind] += bool(times)
            entry = (letter.parked_at, letter.topic, letter.partition, letter.offset, Listed(letter, times))
            if len(newest) < limit:
                heappush(newest, entry)
            elif entry[:4] > newest[0][:4]:
                heapreplace(newest, entry)
    found.newest.extend(entry[4] for entry in sorted(newest, key=lambda entry: entry[:4], reverse=True))
    return found


_UNKNOWN = "?"


def place(letter: DeadLetter) -> str:
    """Name a dead letter by where it stands."""
    return f"{letter.topic}-{letter.partition} offset {letter.offset}"


def json_of(one: Listed) -> dict[str, Any]:
    """Everything about a dead letter but what was in the record."""
    letter = one.letter
    return {
        "source_topic": letter.source_topic,
        "source_partition": letter.source_partition,
        "source_offset": letter.source_offset,
        "stage": letter.stage,
        "error": letter.error,
        "message": letter.message,
        "parked_at": letter.parked_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "replays": one.replays,
        "put_back": bool(one.times),
        "value_kept": letter.left_out is None,
    }


def cells(one: Listed) -> list[str]:
    """One line of the list."""
    letter = one.letter
    return [
        nz_text(letter.parked_at),
        letter.source_topic or _UNKNOWN,
        _number(letter.source_partition),
        _number(letter.source_offset),
        letter.stage or _UNKNOWN,
        letter.error or _UNKNOWN,
        str(one.replays),
        "yes" if one.times else "no",
        str(letter.partition),
        str(letter.offset),
        letter.message if letter.left_out is None else f"{letter.message} (left out: {letter.left_out})",
    ]


def _number(number: int | None) -> str:
    return _UNKNOWN if number is None else str(number)


def print_table(found: Found) -> None:
    """Print the list for people."""
    if not found.newest:
        return
    table = Table(
        "parked", "topic", "partition", "offset", "stage", "error", "replays", "put back", "dlq partition",
        "dlq offset", "why", box=None,
    )  # fmt: skip
    for one in found.newest:
        table.add_row(*cells(one))
    Console().print(table)


def summary(found: Found) -> list[str]:
    """Return how many there are of each kind, and how many of them are shown."""
    total = found.kinds.total()
    if not total:
        return ["No dead letter fits."]
    said = [_dead_letters(total) + (f", the newest {len(found.newest):,} shown" * (len(found.newest) < total))]
    for (topic, stage, error), count in found.kinds.most_common():
        put_back = found.put_back[topic, stage, error]
        said.append(
            f"{count:,} of {topic or _UNKNOWN}, stage {stage or _UNKNOWN}, {error or _UNKNOWN}"
            + (f", {put_back:,} of them put back" if put_back else "")
        )
    return said


def planned(letter: DeadLetter, what: Verdict) -> str:
    """Return what would be done with one."""
    match what:
        case Send(replays):
            where = f"{letter.source_topic}-{letter.source_partition}"
            return f"{place(letter)}: to {where}, for the {_ordinal(replays)} time ({letter.stage}, {letter.error})"
        case Refuse(why):
            return f"{place(letter)}: not put back: {why}"
        case _:
            return f"{place(letter)}: was put back already"


def said(tally: Tally, done: str) -> str:
    """Return what became of all, or would."""
    places = ", ".join(f"{topic}-{partition} {count:,}" for (topic, partition), count in sorted(tally.sent.items()))
    parts = [f"{tally.sent.total():,} {done}" + (f" ({places})" if places else "")]
    if tally.skipped:
        parts.append(f"{tally.skipped:,} were before and are left out")
    if tally.refused:
        parts.append(f"{tally.refused.total():,} cannot be")
    return "; ".join(parts) + "."


def refusals(tally: Tally) -> str:
    """Return one sentence: what was not put back, and why."""
    reasons = "; ".join(f"{count:,} {why}" for why, count in tally.refused.most_common())
    count = tally.refused.total()
    return f"{_dead_letters(count)} {'was' if count == 1 else 'were'} not put back: {reasons}."


def _dead_letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


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
    Literal["decode", "validate", "screen", "map"] | None,
    typer.Option("--stage", help="Only those parked at this stage."),
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
        say_json(b"[" + b",\n".join(orjson.dumps(json_of(one)) for one in found.newest) + b"]")
    elif sys.stdout.isatty():
        print_table(found)
    else:
        for one in found.newest:
            say_columns(cells(one))
    if not as_json:
        # Beside the lines that somebody may be reading with a program.
        for line in summary(found):
            say(line, err=not sys.stdout.isatty())


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
            tally = plan(selection, lambda letter, what: say(planned(letter, what)))
            say(said(tally, "would be put back"))
            return
        if sys.stdin.isatty() and not yes and not _agreed(selection):
            say("Nothing was put back.")
            return
        tally = asyncio.run(_replay(settings, selection, rate))
    _end(tally)


def _agreed(selection: Selection) -> bool:
    """Return what would be done, and ask."""
    planned = plan(selection, lambda _letter, _what: None)
    say(said(planned, "would be put back"))
    return bool(planned.sent) and typer.confirm("Put them back?")


def _end(tally: Tally) -> None:
    """Print what was done, and end with the exit code that it calls for."""
    say(said(tally, "put back"))
    if tally.stopped:
        say("Stopped; what was put back is remembered, the same command goes on.", err=True)
        raise typer.Exit(_INTERRUPTED)
    if tally.forgetful:
        raise CommandError(
            "No more can be remembered of a partition, for what was put back is scattered over it: "
            "put back what stands between, without a filter, and then the rest."
        )
    if tally.refused:
        raise CommandError(refusals(tally))


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
            say(f"{place(letter)} was not put back: {why}", err=True)

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
            raise CommandError(
                f"Kafka did not take what was put back ({why(error.__cause__ or error)}): run it again; what "
                "it took is remembered, but for the last second's."
            ) from error


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Something to say how far it is, on a terminal."""
    console = Console(stderr=True)
    with console.status(Line("looking")) if console.is_terminal else nullcontext() as status:
        yield (lambda text: status.update(Line(text))) if status is not None else lambda _text: None


@contextmanager
def _selection(
    topics: list[str] | None, filters: Filters, *, again: bool, limit: int | None
) -> Iterator[tuple[Settings, Selection]]:
    settings = connected(environment.load(), needs=("kafka",))
    parked_from = [settings.topic(name) for name in _parked_from(settings)]
    if topics:
        parked_from = [_source(settings, name) for name in dict.fromkeys(topics)]
    with _database(settings) as database, reader(settings) as reading:
        try:
            yield settings, Selection(reading, ReplayMemory(database), parked_from, filters, again, limit)
        except KafkaError as error:
            raise CommandError(f"Kafka at {settings.kafka} refused the request: {why(error)}.") from error


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """Open the database that remembers what was put back; made where no worker has yet."""
    try:
        try:
            database = Database.open(settings.database_url)
        except NoStore:
            database = Database.open(settings.database_url, create=True)
        try:
            yield database
        finally:
            database.close()
    except StoreError as error:
        raise CommandError(str(error)) from None


def _parked_from(settings: Settings) -> list[str]:
    """Return the topics whose records may be parked, without the prefix: the contract's, and those of sources."""
    return [*_SOURCES, *(one.raw for one in sources(settings))]


def _source(settings: Settings, name: str) -> str:
    """Find the topic that somebody means, with the prefix or without, or its dead letters."""
    names = _parked_from(settings)
    for short in names:
        full = settings.topic(short)
        if name in {short, full, dead_letter_topic(short), dead_letter_topic(full)}:
            return full
    raise typer.BadParameter(f"the topics are {', '.join(names)}", param_hint="--topic")


def _filters(stage: str | None, error: str | None, since: datetime | None, until: datetime | None) -> Filters:
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("must be later than --since", param_hint="--until")
    return Filters(stage=stage, error=error, since=since, until=until)
