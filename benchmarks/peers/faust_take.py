"""Faust with its own way to batches: ``take``, which collects events and acknowledges them together.

What was made of a batch is awaited until Kafka has acknowledged it. It promises less than the others all the same:
where the agent fails, ``take`` acknowledges the batch that it failed at, and the producer is not idempotent.
"""

import asyncio
import logging

import faust

from benchmarks.peers.same_job import same_job
from benchmarks.peers.stock_faust import assessments, hits, main, read

BATCH = 1_000
#: Seconds that Faust collects at most; it hands over so many events in less.
FULL_SECONDS = 1.0


async def screen(stream: faust.StreamT[bytes]) -> None:
    """Judge accesses in batches and wait until what was said of them is acknowledged."""
    async with same_job() as job:
        async for events in stream.take_events(BATCH, within=FULL_SECONDS):  # type: ignore[attr-defined]  # of Stream, not of its interface
            sent = []
            for one in await job.assess([read(event) for event in events]):
                sent.append(await assessments.send(key=one.key, value=one.value))
                if one.hit:
                    sent.append(await hits.send(key=one.key, value=one.value))
            await asyncio.gather(*sent)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(screen))
