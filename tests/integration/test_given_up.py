"""What a publisher has given up on stays given up: it must not come to Kafka later, behind what was sent instead."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.embedded.cluster import Cluster, cluster
from stream.outgoing import PublishError
from stream.publishing import Publisher
from tests.support.topics import read_all

pytestmark = pytest.mark.services

TOPIC = "given-up"
#: A sender that still tried would come through within a tenth of a second of the broker's return.
LATER_SECONDS = 5.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Cluster]:
    """One broker, to be killed."""
    with cluster(tmp_path / "kafka", 1) as one:
        yield one


async def test_what_was_given_up_never_arrives_behind_what_was_sent_instead(broker: Cluster) -> None:
    """The broker dies; a batch is given up; the broker comes back and another publisher sends the newer record."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    options = {"bootstrap_servers": broker.bootstrap}
    before = asyncio.all_tasks()
    with pytest.raises(PublishError):
        await _give_up(broker, options)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set(), "something of the publisher goes on"
    await asyncio.to_thread(broker.restore)
    async with Publisher(options) as publisher:
        await publisher.send(TOPIC, b"k", b"newer")
        await publisher.flush()
    await asyncio.sleep(LATER_SECONDS)
    assert [record.value for record in await read_all(broker.bootstrap, TOPIC)] == [b"first", b"newer"]


async def _give_up(broker: Cluster, options: dict[str, str]) -> None:
    async with Publisher(options, acknowledged_seconds_max=1.0) as publisher:
        await publisher.send(TOPIC, b"k", b"first")
        await publisher.flush()
        await asyncio.to_thread(broker.brokers[0].kill)
        await publisher.send(TOPIC, b"k", b"given up")
        await publisher.flush()
