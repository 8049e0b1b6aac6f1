"""The full-size reference set: the ministry's numbers of each kind, every record valid, the same again."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

from enrichment.decode import decode
from enrichment.dossier import KINDS
from simulator.full_size import full_size
from tests.support.console import accesswatch
from tests.support.worker import without_ours

DAY = date(2026, 11, 20)


def test_it_has_the_ministrys_numbers_of_each_kind() -> None:
    """A quarter as many relationships as clients, a third as many open work items, 500 watchlist entries."""
    records = list(full_size(1, DAY, 1_500, 6_000))
    numbers = Counter(kind for kind, *_ in records)
    assert (numbers["client"], numbers["watchlist"]) == (6_000, 500)
    assert numbers["relationship"] >= 1_500
    assert sum(kind == "work" and "closed_at" not in json.loads(value) for kind, _, value in records) >= 2_000
    for kind, _, value in records:
        decode(KINDS[kind][0], value)  # type: ignore[index]
    assert records == list(full_size(1, DAY, 1_500, 6_000))


def test_the_command_writes_what_reference_load_reads(tmp_path: Path) -> None:
    """One file for each kind, one record a line."""
    told = accesswatch(
        "simulate", "reference", "--staff", "1500", "--clients", "6000", "--out", str(tmp_path),
        environment=without_ours(),
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    assert {f"{kind}.jsonl" for kind in KINDS} == {file.name for file in tmp_path.iterdir()}
    assert (tmp_path / "client.jsonl").read_bytes().count(b"\n") == 6_000
