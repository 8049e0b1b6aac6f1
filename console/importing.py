"""``accesswatch access import`` and ``reference import``: files of any kind, through a mapping, into Kafka."""

import asyncio
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from console.connected import connected
from console.import_progress import ImportProgress, Progress, digest_of
from console.publishing import publishing
from enrichment.errors import CommandError
from enrichment.mapping.check import load
from enrichment.mapping.files import Row, UnreadableFileError, read_file
from enrichment.mapping.mapping import MAPPING_HEADER, Mapping
from enrichment.mapping.outcome import Deleted, Mapped, Refused, Skipped
from enrichment.mapping.snapshot import absent
from enrichment.mapping.targets import ACCESS
from stream import settings as environment
from stream.printing import say
from stream.settings import Settings

if TYPE_CHECKING:
    from console.following import GrowingFile
    from console.loading import Bars
    from stream.producer import Publisher

#: Rows between times at which Kafka's acknowledgement is awaited and progress is noted.
ROWS_PER_STEP = 10_000
#: Bad rows that are named for each file; all are counted.
BAD_NAMED_MAX = 20
#: Percent of the known records that a full snapshot may delete by absence.
DELETE_MAX_PERCENT = 5.0
_STDIN = "-"
#: What can be read while it is written.
_OF_LINES = frozenset({"jsonl", "csv", "debezium", "syslog", "cef"})
#: Seconds without a new row after which what was published is acknowledged and noted.
IDLE_SECONDS = 1.0

MappingOption = Annotated[Path, typer.Option("--mapping", "-m", metavar="M", help="The mapping file.")]
FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Files as the mapping says, plain or gzip; - for stdin.")
]
AgainOption = Annotated[bool, typer.Option("--again", help="From the first row on, also what was imported before.")]


@dataclass(slots=True)
class _Import:
    """What one file makes, and what is done of it."""

    mapping: Mapping
    topic: str
    name: str
    publisher: "Publisher"
    bars: "Bars"
    progress: Progress = field(default_factory=Progress)
    refused_now: int = 0
    broken: str | None = None
    #: Of reference data: the ids that the file has.
    seen: set[str] = field(default_factory=set)


def import_accesses(
    mapping: MappingOption,
    files: FilesArgument,
    again: AgainOption = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="One file that is still written to: go on until SIGINT or SIGTERM.")
    ] = False,
) -> None:
    """Publish the accesses in files. Bad rows are named and counted, the rest is loaded; exit 1 if there were any.

    An import that was stopped goes on behind the last row that Kafka has acknowledged; what comes twice counts once.
    With --follow a file that is rotated is read to its end, and then the one that has taken its name.
    """
    settings, loaded = _prepared(mapping)
    if loaded.target.name != ACCESS:
        raise CommandError(f"{mapping} makes {loaded.target.name} records: use `accesswatch reference import`.")
    from stream.topics import ACCESS as TOPIC  # noqa: PLC0415 - the name of the topic, and slow to import

    topic = settings.topic(TOPIC)
    if follow:
        if len(files) != 1 or files[0] == _STDIN:
            raise typer.BadParameter("takes one file, which is not stdin", param_hint="--follow")
        if loaded.file.source.decode not in _OF_LINES:
            raise CommandError(f"{mapping} reads {loaded.file.source.decode}, which does not come line by line.")
        _end([asyncio.run(_follow(settings, loaded, topic, Path(files[0]), again=again))])
        return
    _end(asyncio.run(_all(settings, loaded, topic, files, again=again)))


def import_reference(
    mapping: MappingOption,
    files: FilesArgument,
    again: AgainOption = False,
    full: Annotated[
        bool, typer.Option("--full", help="The files are a full snapshot: delete what this mapping made and they lack.")
    ] = False,
    delete_max: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of the known records that --full may delete.")
    ] = DELETE_MAX_PERCENT,
) -> None:
    """Publish the reference data in files: an HR export, a register, a table of cases."""
    settings, loaded = _prepared(mapping)
    if loaded.target.name == ACCESS:
        raise CommandError(f"{mapping} makes accesses: use `accesswatch access import`.")
    from stream.topics import reference_topic  # noqa: PLC0415 - slow to import

    topic = settings.topic(reference_topic(loaded.target.name))
    # A full snapshot is read whole: who is absent is known only then.
    done = asyncio.run(
        _all(settings, loaded, topic, files, again=again or full, delete_max=delete_max if full else None)
    )
    _end(done)


def _prepared(mapping: Path) -> tuple[Settings, Mapping]:
    settings = environment.load()
    key = settings.token_key
    loaded = load(mapping, token_key=None if key is None else key.get_secret_value().encode())
    return connected(settings, needs=("kafka",)), loaded


def _end(done: list[_Import]) -> None:
    for one in done:
        progress = one.progress
        say(f"{one.name}: {progress.published:,} published, {progress.skipped:,} skipped, {progress.bad:,} bad")
    failures = [f"{one.name} {one.broken}." for one in done if one.broken is not None]
    bad = sum(one.progress.bad for one in done)
    if bad:
        failures.append(f"{bad:,} rows could not be mapped and were left out.")
    if failures:
        raise CommandError(failures)


async def _all(
    settings: Settings,
    mapping: Mapping,
    topic: str,
    files: list[str],
    *,
    again: bool,
    delete_max: float | None = None,
) -> list[_Import]:
    done: list[_Import] = []
    async with publishing(settings, [topic]) as (publisher, bars):
        for name in files:
            one = _Import(mapping, topic, name, publisher, bars)
            done.append(one)
            with _opened(name) as (path, stream):
                await _file(settings, one, path, stream, again=again)
        if delete_max is not None:
            await _delete_absent(settings, publisher, done, delete_max)
    return done


async def _follow(settings: Settings, mapping: Mapping, topic: str, path: Path, *, again: bool) -> _Import:
    """Publish what a file has and what is written to it, until a signal comes."""
    from console.following import opened  # noqa: PLC0415 - only who follows needs it

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    dialect = mapping.file.source.csv
    lines = 2 if dialect is not None and dialect.columns is None else 1
    folder = settings.state_directory() / "imports"
    before = ""
    async with publishing(settings, [topic]) as (publisher, bars):
        one = _Import(mapping, topic, str(path), publisher, bars)
        while (found := await asyncio.to_thread(opened, path, stop, lines)) is not None:
            file, identity = found
            notes = ImportProgress(folder, f"{settings.topic_prefix}{topic}-{identity[:32]}-{mapping.digest}")
            # Cut short and begun again with the same lines: what was noted is of what is gone.
            known = Progress() if again or identity == before else notes.read()
            one.progress.row = known.row
            again, before = False, identity
            try:
                await _follow_one(one, file, notes)
            finally:
                file.close()
    return one


async def _follow_one(one: _Import, file: "GrowingFile", notes: ImportProgress) -> None:
    """Publish the rows of one file behind those that are done, until it is replaced or reading is stopped."""
    from console.following import StoppedError  # noqa: PLC0415 - as above

    rows = read_file(file, one.mapping)  # type: ignore[arg-type]  # a raw stream is buffered there
    behind, since = one.progress.row, 0
    coming: asyncio.Task[Row | None] | None = None
    try:
        while True:
            coming = coming or asyncio.create_task(asyncio.to_thread(next, rows, None))
            done, _ = await asyncio.wait({coming}, timeout=IDLE_SECONDS if since else None)
            if not done or since >= ROWS_PER_STEP:
                since = 0
                await _note(one, one.progress.row, notes)
                continue
            row, coming = coming.result(), None
            if row is None:
                break
            if row.number > behind:
                await _publish(one, row, one.mapping.header)
                one.progress.row, since = row.number, since + 1
    except StoppedError:
        pass
    except UnreadableFileError as broken:
        one.broken = str(broken)
    await _note(one, one.progress.row, notes)


@contextmanager
def _opened(name: str) -> Iterator[tuple[Path | None, BinaryIO]]:
    """Yield a file that can be read, and its path where it has one that can be read again."""
    if name != _STDIN:
        path = Path(name)
        if not path.is_file():
            raise CommandError(f"{name} is no file.")
        with path.open("rb") as stream:
            yield path, stream
        return
    # Parquet is read from its end: what comes by a pipe is put into a file first.
    with tempfile.TemporaryFile() as kept:
        while chunk := sys.stdin.buffer.read(1024 * 1024):
            kept.write(chunk)
        kept.seek(0)
        yield None, kept


async def _file(
    settings: Settings,
    one: _Import,
    path: Path | None,
    stream: BinaryIO,
    *,
    again: bool,
) -> None:
    notes: ImportProgress | None = None
    if path is not None:
        one.bars.begin(path)
        digest = digest_of(path)
        prefix = settings.topic_prefix
        notes = ImportProgress(
            settings.state_directory() / "imports", f"{prefix}{one.topic}-{digest[:32]}-{one.mapping.digest}"
        )
        known = Progress() if again else notes.read()
        if known.whole:
            one.bars.say(f"{one.name}: was imported already, {known.published:,} records; --again imports it once more")
            one.progress = known
            return
        if known.row:
            one.bars.say(f"{one.name}: goes on behind row {known.row:,}")
        one.progress = known
    header = one.mapping.header
    behind = one.progress.row
    since = 0
    try:
        for row in read_file(stream, one.mapping, int(time.time() * 1000)):
            if row.number <= behind:
                continue
            await _publish(one, row, header)
            since += 1
            if since >= ROWS_PER_STEP:
                since = 0
                await _note(one, row.number, notes)
                one.bars.move(stream.tell() if path is not None else 0, one.progress.published)
            one.progress.row = row.number
        one.progress.whole = True
    except UnreadableFileError as broken:
        one.broken = str(broken)
    await _note(one, one.progress.row, notes)
    if path is not None:
        one.bars.end(stream.tell(), one.progress.published)


async def _note(one: _Import, row: int, notes: ImportProgress | None) -> None:
    await one.publisher.flush()
    one.progress.row = row
    if notes is not None:
        notes.write(one.progress)


async def _publish(one: _Import, row: Row, header: bytes) -> None:
    headers = [(MAPPING_HEADER, header)]
    for outcome in row.outcomes:
        match outcome:
            case Mapped():
                await one.publisher.send(one.topic, outcome.key.encode(), outcome.value, headers)
                one.progress.published += 1
                if one.mapping.target.name != ACCESS:
                    one.seen.add(outcome.key)
            case Deleted():
                await one.publisher.send(one.topic, outcome.key.encode(), None, headers)
                one.progress.published += 1
                one.seen.discard(outcome.key)
            case Skipped():
                one.progress.skipped += 1
            case Refused():
                one.progress.bad += 1
                one.refused_now += 1
                if one.refused_now <= BAD_NAMED_MAX:
                    one.bars.say(f"{one.name}:{row.number}: {outcome.sentence}")
                elif one.refused_now == BAD_NAMED_MAX + 1:
                    one.bars.say(f"{one.name}: further bad rows are counted, not named")


async def _delete_absent(settings: Settings, publisher: "Publisher", done: list[_Import], delete_max: float) -> None:
    """Delete what this mapping has made before and the snapshot lacks."""
    from console.published_ids import ids_made_by  # noqa: PLC0415 - Kafka's client is slow to import

    if any(one.broken is not None for one in done):
        raise CommandError("Nothing is deleted: a file of the snapshot could not be read to its end.")
    mapping, topic = done[0].mapping, done[0].topic
    seen = {key for one in done for key in one.seen}
    known = await ids_made_by(settings, topic, mapping.name)
    gone = absent(known, seen, refused=sum(one.refused_now for one in done), share_max_percent=delete_max)
    for key in gone:
        await publisher.send(topic, key.encode(), None, [(MAPPING_HEADER, f"{mapping.name}/absent".encode())])
    await publisher.flush()
    if gone:
        say(f"{len(gone):,} records that the snapshot no longer has were deleted.")
