"""The full job, ours and its peers in turns: accesses a second and CPU an access, beside the hand-written loop's."""

import asyncio
import statistics
import sys
from dataclasses import dataclass

from benchmarks.ministry import Ministry
from benchmarks.stand import Run, Stand, stand
from benchmarks.tables import circumstances, show, table

OURS, LOOP = "accesswatch (Faust, batches)", "hand-written confluent-kafka loop, same batches"
#: A program, what starts it, and which share of the accesses it is given: one that is slow needs fewer to be measured.
PEERS = {
    OURS: (None, 1.0),
    LOOP: ("confluent_loop", 1.0),
    "Bytewax, batches": ("bytewax_flow", 1.0),
    "stock Faust, take(1000)": ("faust_take", 0.5),
    "Quix Streams, per event": ("quix_streams", 0.1),
    "stock Faust, per event": ("stock_faust", 0.1),
}


@dataclass(frozen=True, slots=True)
class Medians:
    """What several runs of one program took."""

    runs: list[Run]

    @property
    def per_second(self) -> float:
        """Accesses a second."""
        return statistics.median(run.per_second for run in self.runs)

    @property
    def cpu_us(self) -> float:
        """CPU time of the program for each access, in microseconds."""
        return statistics.median(run.cpu_us for run in self.runs)

    @property
    def redis_us(self) -> float:
        """CPU time of Redis for each access, in microseconds."""
        return statistics.median(run.redis_us for run in self.runs)

    @property
    def rss_mb(self) -> float:
        """Memory at the end, in MB."""
        return statistics.median(run.rss_mb for run in self.runs)


def alternating(place: Stand, names: list[str], rounds: int) -> dict[str, Medians]:
    """Run the programs in turns, so that a slow minute of the machine falls on all of them."""
    found: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            module, share = PEERS[name]
            command = place.ours() if module is None else place.peer(module)
            run = asyncio.run(place.run(command, f"{module or 'ours'}-{number}", round(place.accesses * share)))
            found[name].append(run)
            sys.stderr.write(
                f"{name}: {run.per_second:,.0f}/s, {run.cpu_us:.1f} us CPU, {run.redis_us:.1f} us in Redis\n"
            )
    return {name: Medians(runs) for name, runs in found.items()}


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table."""
    with stand(Ministry(staff, clients, accesses)) as place:
        found = alternating(place, list(PEERS), rounds)
    loop = found[LOOP]
    rows = [
        [
            name,
            f"{one.per_second:,.0f}",
            f"{one.per_second / loop.per_second:.2f}",
            f"{one.cpu_us:.1f}",
            f"{one.cpu_us / loop.cpu_us:.2f}",
            f"{one.redis_us:.1f}",
            f"{one.rss_mb:.0f}",
        ]
        for name, one in found.items()
    ]
    head = ("program, one process", "accesses/s", "to the loop", "CPU us", "to the loop", "us in Redis", "RSS MB")
    said = f"{accesses:,} accesses, {staff:,} staff, {clients:,} clients; medians of {rounds} runs in turns."
    packages = ("confluent-kafka", "quixstreams", "bytewax")
    show("job", f"{table(head, rows)}\n\n{said} {circumstances(command, packages)}", write=write)
