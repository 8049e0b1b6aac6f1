"""Three brokers: what one of them suffers costs no record that was acknowledged."""

import asyncio
from collections.abc import Callable

import pytest

from sandbox.cluster import Broker, Cluster
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import Settings
from stream.topic_admin import administration, differences
from stream.topics import ASSESSMENT
from tests.conftest import TEST_PARTITIONS
from tests.support.topics import read_all

pytestmark = [pytest.mark.services, pytest.mark.long]

RECORDS = 20_000
RECORDS_PER_FLUSH = 200


def test_every_topic_has_three_copies_of_which_two_must_answer(on_three_brokers: Settings) -> None:
    """As `topics create` makes them where there are three brokers or more."""
    with administration(on_three_brokers) as admin:
        assert differences(admin, on_three_brokers, partitions=TEST_PARTITIONS) == []
        described = admin.describe_topics([on_three_brokers.topic(ASSESSMENT)])
    assert {len(partition["replica_nodes"]) for partition in described[0]["partitions"]} == {3}


@pytest.mark.parametrize("fault", [Broker.kill, Broker.freeze], ids=["killed", "frozen"])
async def test_a_leader_that_goes_takes_no_acknowledged_record_along(
    on_three_brokers: Settings, three_brokers: Cluster, fault: Callable[[Broker], None]
) -> None:
    """While a publisher sends, the leader of a partition goes; the publisher goes on, and all records are there."""
    topic = on_three_brokers.topic(ASSESSMENT)
    leader = three_brokers.leader(topic, 0)
    sent = 0
    async with Publisher(aiokafka_options(on_three_brokers)) as publisher:
        for number in range(RECORDS):
            await publisher.send(topic, f"key-{number % 100}".encode(), str(number).encode())
            if number % RECORDS_PER_FLUSH == 0:
                await publisher.flush()
                sent = number + 1
            if number == RECORDS // 2:
                assert sent < RECORDS
                await asyncio.to_thread(fault, leader)
    assert three_brokers.leader(topic, 0) is not leader
    await asyncio.to_thread(three_brokers.restore)
    found = [int(record.value) for record in await read_all(three_brokers.bootstrap, topic)]
    assert len(found) == len(set(found)) == RECORDS
    assert leader.running()


def test_a_killed_broker_comes_back_at_its_place(three_brokers: Cluster) -> None:
    """Same port, same data, another process; two of three may be away at once and the cluster recovers."""
    three_brokers.restore()
    first, second = three_brokers.brokers[0], three_brokers.brokers[1]
    address, pid = first.address, first.pid
    first.kill()
    second.kill()
    assert not first.running()
    three_brokers.restore()
    assert (first.address, first.running()) == (address, True)
    assert first.pid != pid
