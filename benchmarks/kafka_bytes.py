"""Bytes on disk for a record of each topic that grows with the accesses: ``python -m benchmarks.kafka_bytes``.

One copy, uncompressed, after a worker has assessed the beginning of a simulated day.
"""

import asyncio
import sys

from benchmarks.ministry import Ministry
from benchmarks.stand import Stand, stand
from stream.connections import aiokafka_options
from stream.topic_admin import TopicEnds
from stream.topics import ACCESS, ASSESSMENT, HIT

STAFF, CLIENTS, ACCESSES = 8_044, 20_000, 50_000


def main() -> None:
    """Print a line for each topic."""
    with stand(Ministry(STAFF, CLIENTS, ACCESSES)) as place:
        asyncio.run(place.run(place.ours(), "bytes"))
        for name, records in asyncio.run(_records(place)).items():
            used = sum(log.stat().st_size for log in place.directory.rglob(f"{name}-*/*.log"))
            sys.stdout.write(f"{name}: {records:,} records, {used / records:.0f} bytes each\n")


async def _records(place: Stand) -> dict[str, int]:
    ends = TopicEnds(aiokafka_options(place.settings))
    await ends.start()
    try:
        names = [place.settings.topic(name) for name in (ACCESS, ASSESSMENT, HIT)]
        return {name: sum((await ends.ends([name])).values()) for name in names}
    finally:
        await ends.stop()


if __name__ == "__main__":
    main()
