"""How far the import of a file has come: kept by what is in the file, so that it goes on where it was stopped.

Kept by the digest of the content and of the mapping, not by a name: the same file under another name is the same, and
under another mapping it is imported anew. Rows are noted after Kafka has acknowledged what was made of them.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from enrichment.errors import CommandError

#: Files whose progress is remembered; of more, the oldest is forgotten, and importing it again changes nothing.
FILES_MAX: Final = 1_000
#: Seconds in which a file must not have changed: one that changes is still being written.
QUIET_SECONDS: Final = 1.0
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class Progress:
    """What is done of one file."""

    #: The last row that is done, by its number.
    row: int = 0
    published: int = 0
    skipped: int = 0
    bad: int = 0
    whole: bool = False


class ImportProgress:
    """Remembers progress in a folder, one small file each."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._file = folder / f"{name}.json"

    def read(self) -> Progress:
        """Return what is known; a file that cannot be read says nothing."""
        try:
            return Progress(**json.loads(self._file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Note what is done: wholly or not at all, whatever ends us.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(asdict(progress), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        self._forget()

    def _forget(self) -> None:
        kept = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in kept[: max(0, len(kept) - FILES_MAX)]:
            with suppress(OSError):
                file.unlink()


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file that nobody writes to.

    Raises:
        CommandError: it changes while it is read.
        OSError: it cannot be read.
    """
    age = time.time() - file.stat().st_mtime
    if 0 <= age < QUIET_SECONDS:
        time.sleep(QUIET_SECONDS - age)
    before = _state(file)
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    if _state(file) != before or time.time() - file.stat().st_mtime < QUIET_SECONDS / 2:
        raise CommandError(f"{file} is still being written: import it when it is whole.")
    return digest.hexdigest()


def _state(file: Path) -> tuple[int, int, int]:
    stat = file.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
