"""The full-size reference set: the ministry's numbers of each kind, every record valid, the same again."""

from collections import Counter
from datetime import date
from pathlib import Path

from enrichment.decode import decode
from enrichment.reference.layout import KINDS
from simulator.world import World
from tests.support.console import accesswatch
from tests.support.worker import without_ours

DAY = date(2026, 11, 20)
CLIENTS = 12_000


def test_it_has_the_ministrys_numbers_of_each_kind() -> None:
    """Of 1.2 million clients: 300,000 relationships, 400,000 open work items, 500 watchlist entries."""
    records = list(World(1, DAY, days=1, staff=500, clients=CLIENTS).reference())
    share = {kind: number / CLIENTS for kind, number in Counter(kind for kind, *_ in records).items()}
    assert share["client"] == 1
    assert 0.2 < share["relationship"] < 0.35
    assert 0.28 < share["work"] < 0.4
    assert share["watchlist"] == 1 / 2_400
    for kind, _, value in records:
        decode(KINDS[kind][0], value)  # type: ignore[index]
    assert records == list(World(1, DAY, days=1, staff=500, clients=CLIENTS).reference())


def test_the_command_writes_what_reference_load_reads(tmp_path: Path) -> None:
    """One file for each kind, one record a line."""
    told = accesswatch(
        "simulate", "reference", "--staff", "500", "--clients", "6000", "--out", str(tmp_path),
        environment=without_ours(),
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    made = KINDS.keys() - {"self_report"}
    assert {f"{kind}.jsonl" for kind in made} == {file.name for file in tmp_path.iterdir()}
    assert (tmp_path / "client.jsonl").read_bytes().count(b"\n") == 6_000
