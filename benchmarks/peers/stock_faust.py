"""Faust as its documentation has it: one event at a time, in an agent.

Its default guarantee, at least once, which promises less than the others: ``send`` returns when a record lies in the
producer's buffer, so an event may be committed before Kafka has acknowledged what was made of it, and the producer is
idempotent only under "exactly once". To await each acknowledgement would make it slower still (``faust_take.py`` awaits
those of a batch). Its agent has no concurrency, since the accesses of one person must be judged in their order.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

import faust

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, GROUP, HITS, KAFKA, Read, same_job

app = faust.App(
    GROUP,
    broker=f"kafka://{KAFKA}",
    value_serializer="raw",
    key_serializer="raw",
    datadir=os.path.join(os.environ["ACCESSWATCH_STATE_DIR"], GROUP),  # noqa: PTH118 Faust takes text
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    producer_acks=-1,
    producer_linger=0.005,
    producer_max_batch_size=512 * 1024,  # its default, 16 KiB, makes senders wait
    consumer_auto_offset_reset="earliest",
)
accesses = app.topic(ACCESSES, value_type=bytes, value_serializer="raw", key_serializer="raw")
assessments = app.topic(ASSESSMENTS, value_serializer="raw", key_serializer="raw")
hits = app.topic(HITS, value_serializer="raw", key_serializer="raw")


def read(event: faust.EventT[bytes]) -> Read:
    """Return an event as the job takes it."""
    message = event.message
    return Read(event.value, int(message.timestamp * 1000), message.partition, message.offset)


async def screen(stream: faust.StreamT[bytes]) -> None:
    """Judge each access and send what was said of it."""
    async with same_job() as job:
        async for event in stream.events():
            for one in await job.assess([read(event)]):
                await assessments.send(key=one.key, value=one.value)
                if one.hit:
                    await hits.send(key=one.key, value=one.value)


async def main(agent: Callable[[Any], Any]) -> None:
    """Run until it is killed."""
    app.agent(accesses)(agent)
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(screen))
