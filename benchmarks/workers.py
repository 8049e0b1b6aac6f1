"""One worker and two on the same machine, what each keeps in memory, and what that says of more of them."""

import asyncio
import statistics

import redis.asyncio

from benchmarks.ministry import Ministry
from benchmarks.stand import Run, Stand, stand
from benchmarks.tables import circumstances, show, table

#: Three years of accesses, and the hours of a night.
THREE_YEARS, NIGHT_HOURS = 1_200_000_000, 10


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table."""
    runs: dict[int, list[Run]] = {1: [], 2: []}
    with stand(Ministry(staff, clients, accesses)) as place:
        in_redis = asyncio.run(_redis_mb(place))
        for number in range(rounds):
            for copies, done in runs.items():
                done.append(asyncio.run(place.run(place.ours(), f"workers-{copies}-{number}", copies=copies)))
    rows = [
        [
            copies,
            f"{statistics.median(run.per_second for run in done):,.0f}",
            f"{statistics.median(run.cpu_us for run in done):.1f}",
            f"{statistics.median(run.redis_us for run in done):.1f}",
            f"{statistics.median(run.rss_mb for run in done) / copies:.0f}",
        ]
        for copies, done in runs.items()
    ]
    one = statistics.median(run.per_second for run in runs[1])
    needed = THREE_YEARS / (NIGHT_HOURS * 3600) / one
    said = (
        f"{accesses:,} accesses, {staff:,} staff, {clients:,} clients; medians of {rounds} runs in turns. Redis held "
        f"{in_redis / clients * 100_000:.0f} MB for each 100,000 clients before the first access. At this rate "
        f"{THREE_YEARS:,} accesses in a night of {NIGHT_HOURS} hours would take {needed:.1f} times one worker."
    )
    head = ("workers", "accesses/s together", "CPU us an access", "us in Redis", "RSS MB each")
    show("workers", f"{table(head, rows)}\n\n{said} {circumstances(command)}", write=write)


async def _redis_mb(place: Stand) -> float:
    client = redis.asyncio.Redis.from_url(place.environment["ACCESSWATCH_REDIS"])
    used = (await client.info("memory"))["used_memory"]
    await client.aclose()
    return float(used) / 1e6
