"""Days of the agency as files that others can judge: what was known, what became known, the accesses; the truth apart.

staff, client, relationship, work, watchlist, agreement   what is known before the first day, a file for each topic
changes                                        what becomes known later: known_at, kind, id, record
access                                         the accesses, in order
truth/labels, truth/staff                      never for judging: why each access was made; who works part time
"""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

import orjson

from simulator.records import Change, Label, Played, Reference
from simulator.world import World

Format = Literal["jsonl", "jsonl.gz", "parquet"]

LABELS = "truth/labels"
_STAFF_TRUTH = "truth/staff"


class Sink(Protocol):
    """One file that is being written."""

    def write(self, value: bytes) -> None:
        """Add one record, given as JSON."""

    def close(self) -> None:
        """End the file."""


class _Lines:
    """JSON lines, compressed or not; the same records give the same bytes."""

    def __init__(self, path: Path, *, compressed: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = path.open("wb")
        self._file = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0) if compressed else self._raw

    def write(self, value: bytes) -> None:
        self._file.write(value + b"\n")

    def close(self) -> None:
        self._file.close()
        self._raw.close()


def write(
    world: World, directory: Path, form: Format, progress: Callable[[str, int], None] = lambda _name, _number: None
) -> dict[str, int]:
    """Write all days of a world; give the number of records in each file.

    Args:
        world: whose days.
        directory: where to; made where it is missing.
        form: of the files.
        progress: told now and then which file has how many records.

    Raises:
        OSError: a file cannot be written.
        ModuleNotFoundError: Parquet was asked for, and pyarrow is not installed.
    """
    written: dict[str, int] = {}
    with ExitStack() as stack:
        sinks: dict[str, Sink] = {}
        for name, value in _records(world):
            if name not in sinks:
                sinks[name] = _open(directory, name, form)
                stack.callback(sinks[name].close)
            sinks[name].write(value)
            written[name] = written.get(name, 0) + 1
            progress(name, written[name])
    return written


def _records(world: World) -> Iterator[tuple[str, bytes]]:
    for record in world.reference():
        yield record.kind, record.value
    for member in world.setting.staff:
        hours = "part time" if member.part_time else "full time"
        yield _STAFF_TRUTH, orjson.dumps({"staff_id": member.staff_id, "hours": hours, "role": member.role})
    for number in world.days:
        for event in world.day(number):
            if isinstance(event, Change):
                kind, record_id, value = event.record
                known = {"known_at": event.known_at, "kind": kind, "id": record_id, "record": orjson.Fragment(value)}
                yield "changes", orjson.dumps(known)
            else:
                yield "access", event.value
                yield LABELS, orjson.dumps({"event_id": event.event_id, **event.label._asdict()})


def _open(directory: Path, name: str, form: Format) -> Sink:
    if form == "parquet":
        from simulator.parquet import ParquetFile  # noqa: PLC0415 pyarrow is optional

        return ParquetFile(directory / f"{name}.parquet", name.rpartition("/")[2])
    return _Lines(directory / f"{name}.{form}", compressed=form == "jsonl.gz")


def read_reference(directory: Path) -> Iterator[Reference]:
    """Yield what is known before the first day, of a data set written as compressed lines."""
    for kind, id_field in (
        ("staff", "staff_id"), ("relationship", "relationship_id"), ("client", "client_id"), ("work", "work_id"),
        ("watchlist", "entry_id"), ("agreement", "agreement_id"),
    ):  # fmt: skip
        for line in _lines(directory, kind):
            yield Reference(kind, orjson.loads(line)[id_field], line)


def read_changes(directory: Path) -> Iterator[Change]:
    """Yield what becomes known later."""
    for line in _lines(directory, "changes"):
        found = orjson.loads(line)
        yield Change(found["known_at"], Reference(found["kind"], found["id"], orjson.dumps(found["record"])))


def read_accesses(directory: Path) -> Iterator[Played]:
    """Yield the accesses with their labels."""
    for line, label in zip(_lines(directory, "access"), _lines(directory, LABELS), strict=True):
        access, truth = orjson.loads(line), cast("dict[str, Any]", json.loads(label))
        if access["event_id"] != truth.pop("event_id"):
            raise ValueError(f"{directory}: the labels are not those of the accesses")
        yield Played(access["event_id"], access["occurred_at"], access["staff_id"], line, Label(**truth))


def _lines(directory: Path, name: str) -> Iterator[bytes]:
    path = directory / f"{name}.jsonl.gz"
    if path.exists():
        file: IO[bytes]
        with cast("IO[bytes]", gzip.open(path, "rb")) as file:
            for line in file:
                yield line.rstrip(b"\n")
