"""Publishing files of JSON lines, plain or packed by gzip, however large, with a bar that says how far it is.

Reference data are checked first; accesses go out as the CMS would send them.
"""

import asyncio
import gzip
import io
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic_core import from_json
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from enrichment.decode import Refused, decode, decode_access
from enrichment.errors import UserError
from enrichment.plain_text import plain
from enrichment.reference.layout import KINDS as REFERENCE_KINDS
from enrichment.schemas import ID_LENGTH_MAX, Record
from stream.printing import Console
from stream.producer import Publisher

#: The longest line that is read, unpacked; a longer one is skipped and named. It is what an input topic takes.
LINE_BYTES_MAX = 4 * 1024 * 1024
#: What a file may be called behind its name.
SUFFIXES: Final = (".jsonl", ".jsonl.gz")
_BUFFER_BYTES = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
#: How files begin that are packed otherwise, or are no text as we read it.
_OTHERS: Final = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


class BrokenFileError(UserError):
    """A file cannot be read to its end; the sentence names it and the last line that could be."""


def read_lines(file: Path) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield the number of each line (from 1), its bytes without the line's end, and how far into the file it ends.

    The bytes are None for a line over ``LINE_BYTES_MAX``. Blank lines are left out, and so is a byte order mark.
    Whether it is packed the file itself says, whatever its name.

    Raises:
        BrokenFileError: it is packed, and damaged or cut off; all lines before that were given. Or it is of another
        kind.
        OSError: the file cannot be read.
    """
    number = 0
    with io.BufferedReader(file.open("rb", buffering=0), _BUFFER_BYTES) as packed:
        source = _unpacked(packed, file)
        end = 0
        try:
            # Two bytes more than the longest line: its own end.
            while line := source.readline(LINE_BYTES_MAX + 2):
                end += len(line)
                content: bytes | None = line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line
                content = (content or b"").rstrip(b"\r\n")
                if len(content) > LINE_BYTES_MAX:
                    content = None
                while not line.endswith(b"\n") and (line := source.readline(_BUFFER_BYTES)):
                    end += len(line)
                    if line.strip():
                        content = None
                number += 1
                if content is None or content.strip():
                    yield number, content, end if source is packed else packed.tell()
        except EOFError:
            raise BrokenFileError(_line_sentence(file, "is cut off in the middle of its gzip data", number)) from None
        except (zlib.error, gzip.BadGzipFile):
            raise BrokenFileError(
                _line_sentence(file, "is damaged: its gzip data cannot be unpacked", number)
            ) from None


def _unpacked(packed: "io.BufferedReader[io.FileIO]", file: Path) -> "io.BufferedReader[io.FileIO] | gzip.GzipFile":
    start = packed.peek(len(_GZIP))
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed)
    if file.suffix == ".gz" and len(start) < len(_GZIP):
        # Of a file that was never written, or not to its end: plain it would be one without lines.
        raise BrokenFileError(_line_sentence(file, "is cut off in the middle of its gzip data", 0))
    other = next((kind for beginning, kind in _OTHERS.items() if start.startswith(beginning)), None)
    if other is not None:
        raise BrokenFileError(
            f"{file.name} is {other}: only plain JSON lines in UTF-8 are read, and those packed by gzip."
        )
    return packed


def _line_sentence(file: Path, what: str, number: int) -> str:
    return f"{file.name} {what}, after line {number:,}: what stands before was read, the rest was not."


#: Between two plain lines about the same file.
PLAIN_SECONDS = 10.0
#: A bar is not moved for less; moving it costs more than publishing a record.
BYTES_STEP = 256 * 1024


class Bars:
    """One bar for each file, moved by how many of its bytes are read."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[records]} records"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._drawn = 0
        self._line_sentence = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def begin(self, file: Path) -> None:
        """Go on to the next file."""
        self._name, self._drawn, self._line_sentence = file.name, 0, time.monotonic()
        if self._console.is_terminal:
            self._task = self._progress.add_task(plain(file.name), total=file.stat().st_size, records="0")

    def move(self, position: int, records: int) -> None:
        """So many bytes of the file are read, and so many records published."""
        if position - self._drawn < BYTES_STEP:
            return
        self._draw(position, records)
        if self._task is None and time.monotonic() - self._line_sentence >= PLAIN_SECONDS:
            self._line_sentence = time.monotonic()
            self.say(f"{self._name}: {records:,} records so far")

    def end(self, position: int, records: int) -> None:
        """The file is read to its end."""
        self._draw(position, records)

    def say(self, line: str) -> None:
        """Print a line, above the bars."""
        self._console.print(line)

    def _draw(self, position: int, records: int) -> None:
        self._drawn = position
        if self._task is not None:
            self._progress.update(self._task, completed=position, records=f"{records:,}")


#: Bad lines that are named for each file; all are counted.
BAD_NAMED_MAX = 20
#: With a rate, records are handed over in steps of this length.
PACE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of reference data: what its lines are, and which field is its key."""

    name: str
    model: type[Record]
    id_field: str


KINDS = tuple(Kind(name, *found) for name, found in REFERENCE_KINDS.items())


@dataclass(slots=True)
class Loaded:
    """What became of one file's lines."""

    published: int = 0
    bad: int = 0
    #: Why the file could not be read to its end.
    broken: str | None = None


async def load_reference(publisher: Publisher, topic: str, kind: Kind, file: Path, bars: Bars) -> Loaded:
    """Publish the lines of *file* that are valid, byte for byte, and name the others.

    Raises:
        OSError: the file cannot be read.
        PublishError: Kafka did not acknowledge some.
    """
    loaded = Loaded()
    bars.begin(file)
    position = 0
    for number, line, position in _lines(file, loaded, bars.say):
        try:
            record = decode(kind.model, _whole(line))
        except Refused as refused:
            _name_bad(loaded, file, number, str(refused), bars.say)
            continue
        await publisher.send(topic, getattr(record, kind.id_field).encode(), line)
        loaded.published += 1
        bars.move(position, loaded.published)
    await publisher.flush()
    bars.end(position, loaded.published)
    return loaded


async def load_accesses(publisher: Publisher, topic: str, file: Path, rate: float | None, bars: Bars) -> Loaded:
    """Publish every line of *file* in order, at *rate* a second where one is given.

    What is not valid is published all the same, because it is the service that has to park it; it is counted and named.
    Only a line that no topic takes is left out.

    Raises:
        OSError: the file cannot be read.
        PublishError: Kafka did not acknowledge some.
    """
    loaded = Loaded()
    bars.begin(file)
    started, position = time.monotonic(), 0
    for number, line, position in _lines(file, loaded, bars.say):
        key: bytes | None = None
        try:
            key = decode_access(_whole(line), int(time.time() * 1000)).staff_id.encode()
        except Refused as refused:
            _name_bad(loaded, file, number, str(refused), bars.say)
            key = _staff_id(line)
        if line is None:
            continue
        await publisher.send(topic, key, line)
        loaded.published += 1
        bars.move(position, loaded.published)
        if rate is not None:
            ahead = started + loaded.published / rate - time.monotonic()
            if ahead > PACE_SECONDS:
                await publisher.flush()
                await asyncio.sleep(max(0.0, started + loaded.published / rate - time.monotonic()))
    await publisher.flush()
    bars.end(position, loaded.published)
    return loaded


def _lines(file: Path, loaded: Loaded, say: Callable[[str], None]) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield a file's lines; where they break off, say so and end: what came before is loaded."""
    try:
        yield from read_lines(file)
    except BrokenFileError as error:
        loaded.broken = str(error)
        say(loaded.broken)


def _staff_id(line: bytes | None) -> bytes | None:
    """The staff id of a line that is not valid, as far as it has one: the CMS would use it as the key all the same."""
    try:
        content = from_json(line or b"")
    except ValueError:
        return None
    found = content.get("staff_id") if isinstance(content, dict) else None
    if not isinstance(found, str) or not 0 < len(found) <= ID_LENGTH_MAX or not found.isprintable():
        return None
    return found.encode()


def _whole(line: bytes | None) -> bytes:
    if line is None:
        raise Refused(f"the line is longer than {LINE_BYTES_MAX} bytes")
    return line


def _name_bad(loaded: Loaded, file: Path, number: int, sentence: str, say: Callable[[str], None]) -> None:
    loaded.bad += 1
    if loaded.bad <= BAD_NAMED_MAX:
        say(f"{file.name}:{number}: {sentence}")
    elif loaded.bad == BAD_NAMED_MAX + 1:
        say(f"{file.name}: further bad lines are counted, not named")
