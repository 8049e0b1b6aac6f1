"""A transactional producer that dies half-way: ``python -m tests.support.dying_producer KAFKA TOPIC NAME VALUE...``."""

import asyncio
import os
import sys

from aiokafka import AIOKafkaProducer


async def main() -> None:
    """Send the values in a transaction to partition 0, and end without a word once Kafka has them."""
    bootstrap, topic, name, *values = sys.argv[1:]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    await producer.start()
    await producer.begin_transaction()
    for value in values:
        await producer.send_and_wait(topic, value.encode(), partition=0)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
