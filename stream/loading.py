"""Publishing files of JSON lines: reference data that was checked first, and accesses as the CMS would send them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import from_json

from enrichment.decode import Refused, decode, decode_access
from enrichment.kinds import ID_LENGTH_MAX
from enrichment.wire import Client, Record, Relationship, SelfReport, Staff, WatchlistEntry, Work
from stream.bars import Bars
from stream.jsonl import LINE_BYTES_MAX, read_lines
from stream.publishing import Publisher

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


KINDS = (
    Kind("staff", Staff, "staff_id"),
    Kind("client", Client, "client_id"),
    Kind("relationship", Relationship, "relationship_id"),
    Kind("work", Work, "work_id"),
    Kind("watchlist", WatchlistEntry, "entry_id"),
    Kind("self_report", SelfReport, "report_id"),
)


@dataclass(slots=True)
class Loaded:
    """What became of one file's lines."""

    published: int = 0
    bad: int = 0


async def load_reference(publisher: Publisher, topic: str, kind: Kind, file: Path, bars: Bars) -> Loaded:
    """Publish the lines of *file* that are valid, byte for byte, and name the others.

    Raises:
        OSError: the file cannot be read.
        PublishError: Kafka did not acknowledge some.
    """
    loaded = Loaded()
    bars.begin(file)
    position = 0
    for number, line, position in read_lines(file):
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
    for number, line, position in read_lines(file):
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
