"""``accesswatch mapping``: every mistake in a mapping file, and what a mapping makes of records."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from enrichment.errors import CommandError
from enrichment.mapping.check import SAMPLE_TOKEN_KEY, MappingError, check, load
from enrichment.mapping.files import Row, UnreadableFileError, read_file
from enrichment.mapping.mapping import Mapping
from enrichment.mapping.outcome import Deleted, FieldRefused, Mapped, Outcome, Refused, Skipped
from enrichment.mapping.samples import run_sample
from stream import settings as environment
from stream.printing import say, say_json

#: Rows that are shown unless more are asked for.
ROWS_SHOWN = 20

app = typer.Typer(help="Mappings: how the records of your system become ours.", no_args_is_help=True)


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Mapping files.")],
) -> None:
    """Print every mistake in mapping files, with line and column, and run the samples in them."""
    sentences: list[str] = []
    for file in files:
        checked = check(file)
        sentences += checked.sentences
        if checked.mapping is not None:
            found = checked.mapping
            version = f"version {found.file.version}"
            say(f"{file}: {found.name}, {version}, to {found.target.name}: {len(found.file.tests)} samples pass.")
    if sentences:
        raise MappingError(sentences)


@app.command("try")
def try_mapping(
    mapping_file: Annotated[Path, typer.Argument(metavar="FILE", help="A mapping file.")],
    records: Annotated[
        Path | None,
        typer.Option(
            "--in", metavar="F", help="Records of your system, - for stdin; the file's own samples without it."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows are shown; all are counted.")] = ROWS_SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="Every row as JSON, one a line, and nothing else.")] = False,
) -> None:
    """Show what a mapping makes of records, in full, and publish nothing. Exit 1 where some are refused."""
    key = environment.load().token_key
    mapping = load(mapping_file, token_key=SAMPLE_TOKEN_KEY if key is None else key.get_secret_value().encode())
    counts: Counter[str] = Counter()
    shown = 0
    for row in _samples(mapping) if records is None else _rows(mapping, records):
        for outcome in row.outcomes:
            counts[_kind(outcome)] += 1
            if as_json:
                say_json(orjson.dumps({"row": row.number, **_as_json(outcome)}))
            elif shown < rows:
                say(f"{row.number}: {_as_text(outcome)}")
                shown += 1
    if not as_json:
        total = sum(counts.values())
        if total > shown:
            say(f"... and {total - shown:,} more")
        say(", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.items())) or "no records", err=True)
    if counts["refused"]:
        raise CommandError(f"{counts['refused']:,} of {sum(counts.values()):,} records are refused.")


def _samples(mapping: Mapping) -> Iterator[Row]:
    for number, sample in enumerate(mapping.file.tests):
        # Those that are there to be refused say nothing new.
        if sample.refused is None:
            try:
                yield Row(number, run_sample(mapping, sample)[1])
            except FieldRefused as refused:
                yield Row(number, [Refused("record", str(refused))])


def _rows(mapping: Mapping, records: Path) -> Iterator[Row]:
    now = int(time.time() * 1000)
    try:
        if str(records) == "-":
            yield from read_file(sys.stdin.buffer, mapping, now)
            return
        with records.open("rb") as stream:
            yield from read_file(stream, mapping, now)
    except UnreadableFileError as broken:
        raise CommandError(f"{records}: {broken}.") from None
    except OSError as error:
        raise CommandError(f"{records} cannot be read ({error.strerror}).") from None


def _kind(outcome: Outcome) -> str:
    return next(iter(_as_json(outcome)))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Mapped():
            return {"mapped": orjson.loads(outcome.value)}
        case Deleted():
            return {"deleted": outcome.key}
        case Skipped():
            return {"skipped": outcome.because}
        case Refused():
            return {"refused": outcome.field, "reason": outcome.reason}


def _as_text(outcome: Outcome) -> str:
    match outcome:
        case Mapped():
            return f"mapped {outcome.value.decode()}"
        case Deleted():
            return f"deleted {outcome.key}"
        case Skipped():
            return f"skipped: {outcome.because}"
        case Refused():
            return f"refused: {outcome.sentence}"
