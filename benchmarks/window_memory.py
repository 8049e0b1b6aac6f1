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

from alerts.detection.config import load
from alerts.detection.engine import RuleEngine
from enrichment.windows.redis import RedisWindows
from enrichment.windows.spec import OPENED, SEARCHED, Observation

STAFF, CLIENTS, ACCESSES, BATCH = 8_044, 1_200_000, 1_000_000, 500
#: What an access is, and how many are.
ACCESS_CLASSES = {"explained": 0.90, "search": 0.05, "unexplained": 0.05}
#: The windows that it stands in, and those that it asks (``alerts/detection/rules``).
STANDS_IN = {"explained": "nt", "search": "nt", "unexplained": "nucvt"}
ASKS = {"explained": "t", "search": "tb", "unexplained": "ucvt"}
PLAN = RuleEngine(load(), "benchmark").plan
SITES, ELSEWHERE, LOOKUPS, PRINTS = 150, 0.02, 0.2, 0.05
MORNING = datetime(2026, 11, 19, 19, tzinfo=UTC)
OFFICE_HOURS = timedelta(hours=10)


def day(chance: random.Random) -> list[Observation]:
    """A day of accesses in their order."""
    access_classes = chance.choices(list(ACCESS_CLASSES), list(ACCESS_CLASSES.values()), k=ACCESSES)
    return [_access(chance, number, access_class) for number, access_class in enumerate(access_classes)]


def _access(chance: random.Random, number: int, access_class: str) -> Observation:
    stands_in, asks, is_search = STANDS_IN[access_class], ASKS[access_class], access_class == "search"
    staff = chance.randint(1, STAFF)
    # Everybody has a site of their own, and one access in fifty comes from another.
    site = staff % SITES if chance.random() > ELSEWHERE else chance.randrange(SITES)
    more = "l" if access_class == "unexplained" and chance.random() < LOOKUPS else ""
    printed = 1 if chance.random() < PRINTS else 0
    more += "r" * printed
    return Observation(
        event_id=str(UUID(int=chance.getrandbits(128))),
        staff_id=f"S{staff:07}",
        client_id=f"C{chance.randint(1, CLIENTS):08}" if not is_search else None,
        at=MORNING + OFFICE_HOURS * (number / ACCESSES),
        date=739_940,
        site=f"SITE-{site}",
        records=printed,
        stands_in=stands_in + more,
        asks=asks + more,
        step=SEARCHED if is_search else OPENED,
    )


async def main(url: str) -> None:
    """Note a day and print what it cost."""
    client = redis.asyncio.Redis.from_url(url)
    before, cpu_before = (await client.info("memory"))["used_memory"], (await client.info("cpu"))["used_cpu_user"]
    windows, accesses = RedisWindows(client, "accesswatch::"), day(random.Random(1))  # noqa: S311 a seeded day
    started, slowest = perf_counter(), 0.0
    for start in range(0, ACCESSES, BATCH):
        began = perf_counter()
        await windows.observe(accesses[start : start + BATCH], PLAN)
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
