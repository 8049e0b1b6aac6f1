"""What a publisher has handed over and Kafka has not acknowledged is waited for, however long, in its order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sandbox.cluster import Cluster, cluster
from stream import producer
from stream.producer import NotAcknowledgedError, Publisher, RenewedOutputs
from tests.support.topics import read_all

pytestmark = pytest.mark.services

TOPIC = "waited-for"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Cluster]:
    """One broker, to be killed."""
    with cluster(tmp_path / "kafka", 1) as one:
        yield one


@pytest.fixture
async def options(broker: Cluster) -> dict[str, str]:
    """How to reach it; it has the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    return {"bootstrap_servers": broker.bootstrap}


async def test_what_waits_for_a_broker_arrives_once_and_before_what_comes_later(
    broker: Cluster, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker dies with a batch under way; nothing is sent again behind it, and it is said that Kafka is late."""
    monkeypatch.setattr(producer, "LATE_SECONDS", 0.5)
    said: list[str | None] = []
    outputs = RenewedOutputs(options, said.append)
    await outputs.send(TOPIC, b"k", b"first")
    await outputs.flush()
    await asyncio.to_thread(broker.brokers[0].kill)
    await outputs.send(TOPIC, b"k", b"waiting")
    flushing = asyncio.create_task(outputs.flush())
    while not said:  # noqa: ASYNC110 whoever says it knows nothing of events
        await asyncio.sleep(0.1)
    assert not flushing.done()
    await asyncio.to_thread(broker.restore)
    await flushing
    await outputs.send(TOPIC, b"k", b"newer")
    await outputs.flush()
    await outputs.close()
    assert (said[0] or "").startswith("Kafka has not acknowledged what was published for ")
    assert said[-1] is None
    assert [record.value for record in await read_all(broker.bootstrap, TOPIC)] == [b"first", b"waiting", b"newer"]


async def test_a_command_ends_with_a_sentence_when_kafka_takes_too_long(
    broker: Cluster, options: dict[str, str]
) -> None:
    """It ends its process then, so nothing of it comes later."""
    publisher = await Publisher(options, acknowledged_seconds_max=1.0).__aenter__()
    await publisher.send(TOPIC, b"k", b"first")
    await publisher.flush()
    await asyncio.to_thread(broker.brokers[0].kill)
    await publisher.send(TOPIC, b"k", b"waiting")
    with pytest.raises(NotAcknowledgedError, match="Kafka has not acknowledged 1 batches within 1 s"):
        await publisher.flush()
    await asyncio.to_thread(broker.restore)
    await publisher.__aexit__(None, None, None)
    assert [record.value for record in await read_all(broker.bootstrap, TOPIC)] == [b"first", b"waiting"]
