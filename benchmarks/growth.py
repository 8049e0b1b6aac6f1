"""What an access costs as the agency grows, and with other partitions and batches."""

import asyncio
import statistics
import sys
from collections.abc import Sequence

from benchmarks.ministry import Ministry
from benchmarks.pictures import lines
from benchmarks.stand import PARTITIONS, Run, stand
from benchmarks.tables import circumstances, show, table

STAFF = (800, 8_000, 80_000)
CLIENTS = (12_000, 120_000, 1_200_000)
PARTITION_COUNTS = (1, 8, 64)
BATCHES = (100, 1_000, 4_000)
HITS = (0.001, 0.01, 0.1)
_LEAST_CLIENTS = 12_000


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the tables, and draw them."""
    series: dict[str, list[tuple[int, list[Run]]]] = {
        "staff": [(one, _runs(Ministry(one, max(_LEAST_CLIENTS, clients), accesses), rounds)) for one in STAFF],
        "clients": [(one, _runs(Ministry(staff, one, accesses), rounds)) for one in CLIENTS],
        "partitions": [
            (one, _runs(Ministry(staff, clients, accesses), rounds, partitions=one)) for one in PARTITION_COUNTS
        ],
        "records in a batch": [(one, _runs(Ministry(staff, clients, accesses), rounds, batch=one)) for one in BATCHES],
        "own records in a thousand": [
            (round(one * 1000), _runs(Ministry(staff, clients, accesses, one), rounds)) for one in HITS
        ],
    }
    rows = [
        [
            f"{one:,} {name}",
            f"{statistics.median(run.per_second for run in runs):,.0f}",
            f"{statistics.median(run.cpu_us for run in runs):.1f}",
            f"{statistics.median(run.redis_us for run in runs):.1f}",
            f"{statistics.median(run.rss_mb for run in runs):.0f}",
        ]
        for name, found in series.items()
        for one, runs in found
    ]
    said = f"{accesses:,} accesses; {staff:,} staff, {clients:,} clients and {PARTITIONS} partitions but where it says"
    head = ("with", "accesses/s", "CPU us an access", "us in Redis", "RSS MB")
    show("growth", f"{table(head, rows)}\n\n{said}; medians of {rounds}. {circumstances(command)}", write=write)
    if write:
        cost = {
            name: [(one, statistics.median(run.cpu_us for run in runs)) for one, runs in found]
            for name, found in series.items()
        }
        lines("growth.svg", "CPU microseconds an access", cost)


def _runs(ministry: Ministry, rounds: int, partitions: int = PARTITIONS, batch: int | None = None) -> list[Run]:
    with stand(ministry, partitions) as place:
        command: Sequence[str] = place.ours()
        if batch is not None:
            command = [sys.executable, "-m", "benchmarks.sized_worker", str(batch)]
        return [asyncio.run(place.run(command, f"growth-{number}")) for number in range(rounds)]
