"""A partition has another leader than the consumer believes: it finds that out, though aiokafka does not ask."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from sandbox.cluster import Cluster, cluster
from stream.consumer import METADATA_SECONDS_MAX

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(180)]

TOPIC = "moved"
PARTITION = TopicPartition(TOPIC, 0)
#: Past our own bound, and far from aiokafka's default of 300 s.
ASKED_SECONDS = METADATA_SECONDS_MAX + 15
ELECTED_SECONDS = 3


async def test_a_consumer_asks_anew_who_leads(tmp_path: Path) -> None:
    """With our bound it reads from the beginning; by aiokafka's default it asks the broker of before all the while."""
    with cluster(tmp_path, 3) as kafka:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic(TOPIC, 1, 3)])
        admin.close()
        ours = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, metadata_max_age_ms=METADATA_SECONDS_MAX * 1_000)
        theirs = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
        for consumer in (ours, theirs):
            await consumer.start()
            consumer.assign([PARTITION])
            assert await consumer.position(PARTITION) == 0
            consumer.pause(PARTITION)
        await asyncio.to_thread(move, kafka)
        for consumer in (ours, theirs):
            await consumer.seek_to_beginning(PARTITION)
        waiting = asyncio.create_task(theirs.position(PARTITION))
        async with asyncio.timeout(ASKED_SECONDS):
            assert await ours.position(PARTITION) == 0
        assert not waiting.done(), "aiokafka asks anew by itself now: METADATA_SECONDS_MAX may go"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await ours.stop()
        await theirs.stop()


def move(kafka: Cluster) -> None:
    """Let another broker lead; the one of before is there again, and refuses."""
    leader = kafka.leader(TOPIC, 0)
    leader.kill()
    time.sleep(ELECTED_SECONDS)
    kafka.restore()
    assert kafka.leader(TOPIC, 0) is not leader, "nothing was moved"
