"""What one consumer commits when the group has gone on without it, in this process and on a real Kafka."""

import asyncio
import threading
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.batch import Batch
from stream import consumer
from stream.connections import aiokafka_options
from stream.consumer import BatchConsumer, Subscription
from stream.settings import Settings
from stream.topic_admin import TopicEnds
from tests.integration.test_stalls import an_access
from tests.support.worker import eventually_async, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

#: The shortest that Kafka takes.
SESSION_SECONDS = 6.0
#: As long as the group needs to notice that its only member is gone, and a second.
FROZEN_SECONDS_MAX = 30.0


class Taken:
    """A channel that keeps what is put into it."""

    subscriber_count = 1

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def put(self, value: Batch) -> None:
        """Keep a batch."""
        self.batches.append(value)

    async def records(self) -> list[int]:
        """Return the offsets handed over so far, once there are some."""
        return [record.offset for batch in self.batches for record in batch]


def somebody_else(settings: Settings, group: str, tp: TopicPartition, offset: int) -> None:
    """Commit for another worker of the group, once the group has given this one up; with a loop of its own."""

    async def commit() -> None:
        ends = TopicEnds(aiokafka_options(settings))
        other = AIOKafkaConsumer(**aiokafka_options(settings), group_id=group, enable_auto_commit=False)
        await ends.start()
        await other.start()
        try:
            deadline = time.monotonic() + FROZEN_SECONDS_MAX
            while await ends.has_members(group):
                assert time.monotonic() < deadline, "the group kept its frozen member"
                await asyncio.sleep(0.2)
            other.assign([tp])
            await other.commit({tp: offset})
        finally:
            await other.stop()
            await ends.stop()

    asyncio.run(commit())


async def test_what_another_has_committed_is_not_taken_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that froze for longer than its session knows less than the group, and commits nothing of it."""
    monkeypatch.setattr(consumer, "SESSION_SECONDS_MAX", SESSION_SECONDS)
    monkeypatch.setattr(consumer, "HEARTBEAT_SECONDS", 1.0)
    topic, group, channel = settings.topic("cms.access.v1"), settings.consumer_group("screen"), Taken()
    await publish(settings, "cms.access.v1", [("s1", an_access(number)) for number in range(10)])
    ends = TopicEnds(aiokafka_options(settings))
    await ends.start()
    reader = BatchConsumer(
        aiokafka_options(settings), Subscription((topic,), group, "frozen"), channel, has_members=ends.has_members
    )
    await reader.start()
    try:
        assert len(await eventually_async(channel.records)) == 10
        (chunk,) = channel.batches[0].chunks
        tp = TopicPartition(chunk.topic, chunk.partition)
        # Not handed over while the first ten are in hand.
        await publish(settings, "cms.access.v1", [("s1", an_access(number)) for number in range(10, 20)])
        channel.batches[0].acknowledge()
        # As in a stopped process nothing else runs here meanwhile: the loop is blocked.
        other = threading.Thread(target=somebody_else, args=(settings, group, tp, 20))
        other.start()
        other.join()

        async def goes_on_at_twenty() -> bool:
            """Whether the group has given the partition back, with what the other has committed."""
            return reader.committed().get(tp) == 20

        await eventually_async(goes_on_at_twenty)
    finally:
        await reader.stop()
        await ends.stop()
