"""Data sets: the committed week is what its command writes, and Parquet holds the same as JSON lines."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq

from simulator.dataset import read_accesses, read_changes, read_reference
from tests.support.console import accesswatch
from tests.support.worker import without_ours

WEEK = Path(__file__).parents[2] / "data" / "agency-week"
#: As its README.md has it.
OPTIONS = ["--intents", "120", "--share", "0.56"]
BYTES_MAX = 3_000_000


def written(directory: Path, *options: str) -> list[Path]:
    """Write a data set with the command, and give its files."""
    done = accesswatch("simulate", "days", str(directory), *options, environment=without_ours())
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_the_committed_week_is_what_the_command_writes(tmp_path: Path) -> None:
    """A change of the simulator that changes the week must write it again."""
    files = written(tmp_path, *OPTIONS, "--format", "jsonl.gz")
    committed = {path.relative_to(WEEK): path for path in WEEK.rglob("*.gz")}
    assert {path.relative_to(tmp_path) for path in files} == committed.keys()
    for path in files:
        same = gzip.decompress(path.read_bytes()) == gzip.decompress(committed[path.relative_to(tmp_path)].read_bytes())
        assert same, f"{path.name} differs: write the week again, with the command in its README.md"
    assert sum(path.stat().st_size for path in committed.values()) < BYTES_MAX


def test_the_committed_week_can_be_read() -> None:
    """About 20,000 accesses of 50 staff, each with its label; no label stands in an access."""
    accesses = list(read_accesses(WEEK))
    assert 15_000 < len(accesses) < 25_000
    kinds = [record.kind for record in read_reference(WEEK)]
    assert kinds.count("staff") == 50
    assert list(read_changes(WEEK))
    assert {played.label.kind for played in accesses} >= {"ordinary", "covering", "mistake", "intent"}
    assert not any(b"episode" in played.value or b"label" in played.value for played in accesses)


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    """Every file has the same records in the same order."""
    options = ["--staff", "40", "--days", "1", "--intents", "200"]
    lines = written(tmp_path / "lines", *options)
    tables = written(tmp_path / "tables", *options, "--format", "parquet")
    assert [path.stem for path in lines] == [path.stem for path in tables]
    for line_file, table_file in zip(lines, tables, strict=True):
        wanted = [json.loads(line) for line in line_file.read_text("utf-8").splitlines()]
        found = pq.read_table(table_file).to_pylist()
        assert len(found) == len(wanted)
        for row, record in zip(found, wanted, strict=True):
            if line_file.stem == "changes":
                row["record"] = json.loads(row["record"])
            assert {name: row[name] for name in record} == filled(record, row)
            assert all(row[name] is None for name in row.keys() - record.keys())


def filled(record: dict[str, object], row: dict[str, object]) -> dict[str, object]:
    """A struct in Parquet has all its fields; those that a record leaves out are null."""
    return {
        name: dict.fromkeys(row[name]) | value if isinstance(row[name], dict) and isinstance(value, dict) else value  # type: ignore[call-overload]
        for name, value in record.items()
    }
