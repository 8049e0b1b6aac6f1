"""What windows cost: memory in Redis for a day of accesses, and time for each; prints a few lines.

``python -m benchmarks.window_memory redis://127.0.0.1:6379/0`` on a Redis that holds nothing else.
Staff, accesses and the shares of what they are stand below.
"""

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import redis.asyncio

from enrichment.redis_windows import RedisWindows
from enrichment.windows import Noted, Standing

STAFF, CLIENTS, ACCESSES, BATCH = 8_044, 1_200_000, 1_000_000, 500
STANDINGS: dict[Standing, float] = {"explained": 0.90, "no_subject": 0.05, "unexplained": 0.05}
SITES, ELSEWHERE, LOOKUPS, PRINTS = 150, 0.02, 0.2, 0.05
MORNING = datetime(2026, 11, 19, 19, tzinfo=UTC)
OFFICE_HOURS = timedelta(hours=10)


def day(chance: random.Random) -> list[Noted]:
    """A day of accesses in their order."""
    standings = chance.choices(list(STANDINGS), list(STANDINGS.values()), k=ACCESSES)
    return [_access(chance, number, standing) for number, standing in enumerate(standings)]


def _access(chance: random.Random, number: int, standing: Standing) -> Noted:
    opened = standing != "no_subject"
    staff = chance.randint(1, STAFF)
    # Everybody has a site of their own, and one access in fifty comes from another.
    site = staff % SITES if chance.random() > ELSEWHERE else chance.randrange(SITES)
    return Noted(
        event_id=str(UUID(int=chance.getrandbits(128))),
        staff_id=f"S{staff:07}",
        client_id=f"C{chance.randint(1, CLIENTS):08}" if opened else None,
        at=MORNING + OFFICE_HOURS * (number / ACCESSES),
        date=739_940,
        standing=standing,
        searched="nothing" if not opened else "no",
        lookup=standing == "unexplained" and chance.random() < LOOKUPS,
        records=1 if chance.random() < PRINTS else 0,
        site=f"SITE-{site}",
        sites_back=timedelta(minutes=10),
    )


async def main(url: str) -> None:
    """Note a day and print what it cost."""
    client = redis.asyncio.Redis.from_url(url)
    before, cpu_before = (await client.info("memory"))["used_memory"], (await client.info("cpu"))["used_cpu_user"]
    windows, accesses = RedisWindows(client, "accesswatch::"), day(random.Random(1))  # noqa: S311 a seeded day
    started, slowest = perf_counter(), 0.0
    for start in range(0, ACCESSES, BATCH):
        began = perf_counter()
        await windows.note(accesses[start : start + BATCH])
        slowest = max(slowest, perf_counter() - began)
    seconds = perf_counter() - started
    info, keys = await client.info("memory"), await client.dbsize()
    cpu = (await client.info("cpu"))["used_cpu_user"] - cpu_before
    await client.aclose()
    sys.stdout.write(
        f"{ACCESSES:,} accesses of {STAFF:,} staff: {(info['used_memory'] - before) / 1e6:.0f} MB in {keys:,} keys\n"
    )
    sys.stdout.write(f"{seconds / ACCESSES * 1e6:.1f} us an access, {cpu / ACCESSES * 1e6:.1f} us of it in Redis; ")
    sys.stdout.write(f"slowest batch of {BATCH}: {slowest * 1e3:.0f} ms\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
