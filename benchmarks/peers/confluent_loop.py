"""A hand-written loop over confluent-kafka (librdkafka): consume a batch, judge, produce, flush, commit.

Batches are of the size that our worker's have. librdkafka sends in threads of its own while Python judges; nothing is
committed before it is acknowledged.
"""

import asyncio

from confluent_kafka import Consumer, Producer

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, GROUP, HITS, KAFKA, same_job

BATCH = 1_000


async def main() -> None:
    """Run until it is killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": KAFKA,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": KAFKA,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    consumer.subscribe([ACCESSES])
    async with same_job() as job:
        while True:
            messages = consumer.consume(BATCH, 0.5)
            found = await job.assess([(one.value(), one.timestamp()[1]) for one in messages if one.error() is None])
            for one in found:
                producer.produce(ASSESSMENTS, one.value, key=one.key)
                if one.hit:
                    producer.produce(HITS, one.value, key=one.key)
            producer.flush()
            if found:
                consumer.commit(asynchronous=True)


if __name__ == "__main__":
    asyncio.run(main())
