"""The publisher: everything acknowledged, in order, the partition Java would choose, failures told once."""

import os
from collections import defaultdict

import pytest
from aiokafka import AIOKafkaProducer

from stream.connections import aiokafka_options
from stream.producer import RECORD_BYTES_MAX, Publisher, PublishError, RecordTooLargeError
from stream.settings import Settings
from stream.topics import ACCESS, ASSESSMENT, DEAD_LETTER_BYTES_MAX, HIT, INPUT_BYTES_MAX, dead_letter_topic
from tests.support.topics import read_all

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def test_all_arrive_and_each_key_keeps_its_order(settings: Settings) -> None:
    """Small batches, many keys: nothing is lost, repeated or out of order."""
    topic = settings.topic(ASSESSMENT)
    async with Publisher(aiokafka_options(settings), batch_bytes_max=2_000) as publisher:
        for number in range(5_000):
            await publisher.send(topic, f"key-{number % 37}".encode(), str(number).encode())
        await publisher.flush()
        by_key: dict[bytes, list[int]] = defaultdict(list)
        for record in await read_all(str(settings.kafka), topic):
            by_key[record.key].append(int(record.value))
    assert sum(len(numbers) for numbers in by_key.values()) == 5_000
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_what_needs_no_waiting_stands_between_what_does(settings: Settings) -> None:
    """``put`` and ``send`` in turns, over batches that fill up: all arrive, each key in its order."""
    topic = settings.topic(ASSESSMENT)
    put = 0
    async with Publisher(aiokafka_options(settings), batch_bytes_max=2_000) as publisher:
        assert not publisher.put(topic, b"key-0", b"-1"), "partitions are not known yet"
        for number in range(5_000):
            key, value = f"key-{number % 37}".encode(), str(number).encode()
            if number % 3 and publisher.put(topic, key, value):
                put += 1
            else:
                await publisher.send(topic, key, value)
        await publisher.flush()
        by_key: dict[bytes, list[int]] = defaultdict(list)
        for record in await read_all(str(settings.kafka), topic):
            by_key[record.key].append(int(record.value))
    assert put > 2_000
    assert sorted(number for numbers in by_key.values() for number in numbers) == list(range(5_000))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_the_next_records_can_be_sent_before_the_last_are_acknowledged(settings: Settings) -> None:
    """Each handing over answers for its own records."""
    topic = settings.topic(ASSESSMENT)
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(topic, b"k", b"1")
        first = await publisher.hand_over()
        await publisher.send(topic, b"k", b"2")
        second = await publisher.hand_over()
        await first
        await second
    assert [record.value for record in await read_all(str(settings.kafka), topic)] == [b"1", b"2"]


async def test_headers_time_and_nothing_at_all(settings: Settings) -> None:
    """A record is carried as it is, a null key with a null value included."""
    topic = settings.topic(dead_letter_topic(ACCESS))
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(topic, None, None, [("own", b"\xff"), ("empty", None)], timestamp_ms=1_700_000_000_000)
    (record,) = await read_all(str(settings.kafka), topic)
    assert (record.key, record.value, record.timestamp) == (None, None, 1_700_000_000_000)
    assert list(record.headers) == [("own", b"\xff"), ("empty", None)]


async def test_the_partition_is_the_one_that_others_choose(settings: Settings) -> None:
    """The same key lands where aiokafka's own producer, and so Java's, puts it."""
    topic = settings.topic(HIT)
    keys = [f"staff-{number}".encode() for number in range(50)]
    async with Publisher(aiokafka_options(settings)) as publisher:
        for key in keys:
            await publisher.send(topic, key, b"ours")
    async with AIOKafkaProducer(**aiokafka_options(settings)) as producer:
        for key in keys:
            await producer.send_and_wait(topic, b"theirs", key=key)
    places = defaultdict(set)
    for record in await read_all(str(settings.kafka), topic):
        places[record.key].add(record.partition)
    assert all(len(found) == 1 for found in places.values())


async def test_an_input_of_four_mebibytes_can_be_published_and_parked(settings: Settings) -> None:
    """With its key and headers, and on the dead letter topic with ours as well."""
    value, headers = b"x" * (4 * 1024 * 1024), [(f"h{number}", b"y" * 1_000) for number in range(50)]
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(settings.topic(ACCESS), b"k" * 64, value, headers)
        await publisher.send(settings.topic(dead_letter_topic(ACCESS)), b"k" * 64, value, headers * 2)
        await publisher.flush()
    (record,) = await read_all(str(settings.kafka), settings.topic(ACCESS))
    assert record.value == value


async def test_what_unpacks_to_more_is_counted_as_it_is_sent(settings: Settings) -> None:
    """Thirty megabytes that compress well stand in their place between their neighbours, byte for byte."""
    topic, large = settings.topic(dead_letter_topic(ACCESS)), b"0123456789" * 3_000_000
    async with Publisher(aiokafka_options(settings)) as publisher:
        for value in (b"before", large, b"after"):
            await publisher.send(topic, b"k", value, [("own", None)])
    records = await read_all(str(settings.kafka), topic)
    assert [record.value for record in records] == [b"before", large, b"after"]
    assert all(record.headers == (("own", None),) for record in records)


async def test_too_large_is_said_before_anything_is_sent(settings: Settings) -> None:
    """The error names the topic and the size; the records around it arrive."""
    topic = settings.topic(dead_letter_topic(ACCESS))
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(topic, b"k", b"before")
        with pytest.raises(RecordTooLargeError, match=rf"67,1\d\d,\d\d\d bytes is too large for {topic}") as caught:
            await publisher.send(topic, b"k", b"x" * RECORD_BYTES_MAX)
        assert not caught.value.refused
        await publisher.send(topic, b"k", b"after")
    assert [record.value for record in await read_all(str(settings.kafka), topic)] == [b"before", b"after"]


async def test_too_large_for_kafka_is_told_of_the_record_itself(settings: Settings) -> None:
    """What does not become smaller is refused by Kafka; what came before it is there already."""
    topic = settings.topic(ASSESSMENT)
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(topic, b"k", b"before")
        with pytest.raises(RecordTooLargeError) as caught:
            await publisher.send(topic, b"k", os.urandom(2 * 1024 * 1024))
        assert caught.value.refused
        assert [record.value for record in await read_all(str(settings.kafka), topic)] == [b"before"]


async def test_what_kafka_refuses_is_told_by_the_flush_and_once(settings: Settings) -> None:
    """A batch that the topic does not take fails its flush; the next flush has nothing to answer for."""
    topic = settings.topic(ASSESSMENT)
    async with Publisher(aiokafka_options(settings), batch_bytes_max=4 * 1024 * 1024) as publisher:
        await publisher.send(topic, b"k", b"x" * 2 * 1024 * 1024)
        with pytest.raises(PublishError, match="takes no batch of"):
            await publisher.flush()
        await publisher.flush()


async def test_a_partition_can_be_named(settings: Settings) -> None:
    """It goes where it is told, whatever its key would choose."""
    topic = settings.topic(ASSESSMENT)
    async with Publisher(aiokafka_options(settings)) as publisher:
        for partition in (3, 1):
            await publisher.send(topic, b"k", b"x", partition=partition)
    assert [record.partition for record in await read_all(str(settings.kafka), topic)] == [1, 3]


def test_every_record_that_is_let_through_fits_where_it_is_parked() -> None:
    """Dead letter topics take more than inputs, and the publisher more than either."""
    assert INPUT_BYTES_MAX < DEAD_LETTER_BYTES_MAX < RECORD_BYTES_MAX
