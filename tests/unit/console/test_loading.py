"""Reading JSON lines: one at a time, in little memory, whatever the file unpacks to."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from console.loading import LINE_BYTES_MAX, BrokenFileError, read_lines


def test_a_line_without_end_is_passed_in_little_memory(tmp_path: Path) -> None:
    """400 MB in one line, packed to 400 kB: never as a whole in memory; what stands behind it is read."""
    file = tmp_path / "bomb.jsonl.gz"
    with gzip.open(file, "wb", compresslevel=9) as packed:
        for _ in range(400):
            packed.write(b"x" * 1_000_000)
        packed.write(b"\n{}\n")
    assert file.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        lines = [(number, line) for number, line, _ in read_lines(file)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lines == [(1, None), (2, b"{}")]
    assert peak < 4 * LINE_BYTES_MAX


@pytest.mark.parametrize("size", [LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1, LINE_BYTES_MAX + 2])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_longest_line_is_the_same_packed_and_plain(tmp_path: Path, size: int, end: bytes, packed: bool) -> None:
    """Counted unpacked, without its end."""
    content = b"x" * size + end
    file = tmp_path / "one.jsonl"
    file.write_bytes(gzip.compress(content, 1) if packed else content)
    ((number, line, position),) = read_lines(file)
    assert (number, line is None) == (1, size > LINE_BYTES_MAX)
    # How far into the file, as it is: that moves the bar.
    assert position == file.stat().st_size


def test_a_file_that_is_cut_off_gives_every_whole_line(tmp_path: Path) -> None:
    """However much is cut, nothing that was whole is kept back, and no half line is given."""
    lines = [f"{{{number}}}".encode() for number in range(200)]
    whole = gzip.compress(b"".join(line + b"\n" for line in lines))
    counts = []
    for length in range(18, len(whole) - 1, 7):
        (tmp_path / "cut.jsonl.gz").write_bytes(whole[:length])
        given: list[bytes | None] = []
        with pytest.raises(BrokenFileError, match=r"cut\.jsonl\.gz is cut off") as raised:
            # What is given before the error stays.
            given.extend(line for _, line, _ in read_lines(tmp_path / "cut.jsonl.gz"))
        assert given == lines[: len(given)]
        assert f"after line {len(given)}:" in str(raised.value)
        counts.append(len(given))
    assert counts == sorted(counts)
    assert counts[-1] > 150
