"""Reading a file of JSON lines, one at a time, however large it is."""

from collections.abc import Iterator
from pathlib import Path

#: The longest line that is read; a longer one is skipped and named. It is what an input topic takes.
LINE_BYTES_MAX = 4 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(file: Path) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield the number of each line (from 1), its bytes without the line's end, and how far into the file it ends.

    The bytes are None for a line over ``LINE_BYTES_MAX``. Blank lines are left out, and so is a byte order mark.
    Raises OSError when the file cannot be read.
    """
    with file.open("rb", buffering=_BUFFER_BYTES) as source:
        number = end = 0
        # Two bytes more than the longest line: its own end.
        while line := source.readline(LINE_BYTES_MAX + 2):
            number += 1
            end += len(line)
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            content: bytes | None = line.rstrip(b"\r\n")
            if content is not None and len(content) > LINE_BYTES_MAX:
                content = None
            while not line.endswith(b"\n") and (line := source.readline(_BUFFER_BYTES)):
                end += len(line)
                if line.strip():
                    content = None
            if content is None or content.strip():
                yield number, content, end
