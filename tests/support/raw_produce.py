"""Producing what no client library would: record batches made by hand, and damage on a broker's disk."""

import struct
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

#: Stands in a record until it is replaced by bytes of the same length.
PLACEHOLDER = "PLACEHOLDER"
_CRC = struct.Struct(">I")
_CRC_AT = struct.calcsize(">qiib")
_CHECKED_FROM = struct.calcsize(">qiibI")


def batch(records: list[tuple[bytes, bytes, list[tuple[str, bytes]]]], timestamp_ms: int) -> bytearray:
    """Build a batch of (key, value, headers), uncompressed."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1_000_000,
    )  # fmt: skip
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, timestamp=timestamp_ms, key=key, value=value, headers=headers)
    return bytearray(builder.build())


def replaced(made: bytearray, new: bytes) -> bytes:
    """Put *new* in the place of the placeholder, and the right checksum on the whole."""
    assert len(new) == len(PLACEHOLDER)
    at = made.index(PLACEHOLDER.encode())
    made[at : at + len(new)] = new
    made[_CRC_AT : _CRC_AT + _CRC.size] = _CRC.pack(calc_crc32c(bytes(made[_CHECKED_FROM:])))
    return bytes(made)


async def produce_raw(kafka: str, topic: str, partition: int, made: bytes) -> None:
    """Hand a batch to the partition's leader as it is."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(
            required_acks=-1, timeout=10_000, topics=[(topic, [(partition, made)])], transactional_id=None
        )
        answer: Any = await client.send(leader, request)
    finally:
        await client.close()
    ((_, ((_, error, *_),)),) = answer.topics
    if error:
        raise for_code(error)


def damage(directory: Path, topic: str, partition: int, inside: bytes) -> None:
    """Flip a bit of the last place where *inside* stands in the broker's own file of this partition."""
    (segment,) = directory.rglob(f"{topic}-{partition}/*.log")
    content = bytearray(segment.read_bytes())
    at = content.rindex(inside)
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(bytes([content[at] ^ 0x01]))
