"""A hand-written loop over confluent-kafka (librdkafka): consume a batch, judge, produce, and commit the one before.

Batches are of the size that our worker's have. librdkafka sends a batch in threads of its own while Python judges the
next one; nothing is committed before it is acknowledged, and a record that is refused ends the program. While Redis
answers it waits, where our worker takes up another batch.
"""

import asyncio
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.peers.same_job import ACCESSES, ASSESSMENTS, GROUP, HITS, KAFKA, Read, same_job

BATCH = 1_000
#: Seconds that librdkafka waits for a batch to become full: the last one never does.
FULL_SECONDS = 0.05


def delivered(error: Any, _message: Any) -> None:
    """End the program: what was refused must not be committed. Called for failures only."""
    raise KafkaException(error)


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
            "on_delivery": delivered,
            "delivery.report.only.error": True,
        }
    )
    consumer.subscribe([ACCESSES])
    before: dict[tuple[str, int], int] = {}
    async with same_job() as job:
        while True:
            messages = [one for one in consumer.consume(BATCH, FULL_SECONDS) if one.error() is None]
            found = await job.assess(
                [Read(one.value(), one.timestamp()[1], one.partition(), one.offset()) for one in messages]
            )
            producer.flush()
            if before:
                consumer.commit(offsets=[TopicPartition(*where, at) for where, at in before.items()], asynchronous=True)
            for one in found:
                producer.produce(ASSESSMENTS, one.value, key=one.key)
                if one.hit:
                    producer.produce(HITS, one.value, key=one.key)
            before = {(one.topic(), one.partition()): one.offset() + 1 for one in messages}


if __name__ == "__main__":
    asyncio.run(main())
