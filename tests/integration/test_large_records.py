"""Records that arrive compressed and unpack to far more than any topic takes: parked, and nothing stops."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.dead_letter import LEFT_OUT_HEADER, PREFIX
from enrichment.schemas import Access
from stream.connections import aiokafka_options
from stream.settings import Settings
from stream.topic_admin import administration
from stream.topics import ACCESS, ASSESSMENT, DEAD_LETTER_BYTES_MAX, dead_letter_topic
from tests.support.records import LEAST, as_json
from tests.support.topics import read_all
from tests.support.worker import a_worker, eventually, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

LARGE_BYTES = 30_000_000
#: Written as hexadecimal it compresses to a little more than itself: an input takes it, a narrow topic does not.
RANDOM_BYTES = 1_500_000
NARROW_BYTES = 1_000_000


async def publish_compressed(settings: Settings, *accesses: bytes) -> None:
    """Publish as a source does that compresses what it sends."""
    options = aiokafka_options(settings)
    async with AIOKafkaProducer(**options, compression_type="gzip", max_request_size=2 * LARGE_BYTES) as producer:
        for value in accesses:
            await producer.send_and_wait(settings.topic(ACCESS), value, key=b"S-1", headers=[("own", b"1")])


async def parked(settings: Settings) -> Any:
    """Return the one dead letter there is."""
    (letter,) = await read_all(str(settings.kafka), settings.topic(dead_letter_topic(ACCESS)))
    return letter


async def test_thirty_megabytes_are_parked_whole(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Byte for byte, and the access after it is assessed."""
    large = b'{"event_id": "' + b"0123456789" * (LARGE_BYTES // 10) + b'"}'
    await publish_compressed(settings, large, as_json(LEAST[Access]))
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="decode") == 1, worker.log())
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 1, worker.log())
        assert worker.stop() == 0
    letter = await parked(settings)
    assert letter.value == large
    assert letter.headers[0] == ("own", b"1")
    assert LEFT_OUT_HEADER not in dict(letter.headers)
    assert [value["event_id"] for value in await values(settings, ASSESSMENT)] == ["E-1"]


async def test_what_kafka_does_not_take_leaves_its_trace(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A dead-letter topic that takes less than it should: key, reason and place are parked, and the worker goes on."""
    topic = settings.topic(dead_letter_topic(ACCESS))
    with administration(settings) as admin:
        admin.delete_topics([topic])
    recreate(settings, topic, NARROW_BYTES)
    large = b'"' + os.urandom(RANDOM_BYTES).hex().encode() + b'"'
    assert NARROW_BYTES < len(gzip.compress(large)) < DEAD_LETTER_BYTES_MAX
    await publish_compressed(settings, large, as_json(LEAST[Access]))
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="decode") == 1, worker.log())
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 1, worker.log())
        assert worker.stop() == 0
        assert "trace-parked" in worker.log()
    letter = await parked(settings)
    (origin, _) = await read_all(str(settings.kafka), settings.topic(ACCESS))
    said = dict(letter.headers)
    assert (letter.key, letter.value) == (b"S-1", None)
    assert said[f"{PREFIX}exception.class.name"] == b"TooLarge"
    assert (said[f"{PREFIX}partition"], said[f"{PREFIX}offset"]) == (b"%d" % origin.partition, b"%d" % origin.offset)
    assert said[LEFT_OUT_HEADER].startswith(b"the value of %d bytes" % len(large))


def recreate(settings: Settings, topic: str, bytes_max: int) -> None:
    """Make the topic again, for smaller records; its deletion takes a moment."""
    with administration(settings) as admin:
        wanted = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": str(bytes_max)}}
        eventually(lambda: topic not in admin.list_topics())
        admin.create_topics({topic: wanted}, wait_for_metadata=True)
