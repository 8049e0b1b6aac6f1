"""The bytes of a record that the client library cannot unpack, as far as they can be had.

The client library stops at a header whose name is not UTF-8, at a codec it does not know and at a damaged batch. Here
the batch is fetched once more and read by the message format that Kafka documents (version 2), as far as it goes: a
record's own bytes where the batch can be unpacked, else only its place.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaError,
    LeaderNotAvailableError,
    UnsupportedCodecError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.util import calc_crc32c, decode_varint

from agents.batch import UnreadableRecord

#: Bytes of one partition that are fetched to find the batch in; a larger batch comes whole.
FETCH_BYTES_MAX = 1024 * 1024
#: Milliseconds that the broker may wait for the bytes to be there.
WAIT_MILLISECONDS_MAX = 500
#: Bytes that one batch may unpack to; more counts as damaged.
UNPACKED_BYTES_MAX = 256 * 1024 * 1024
#: Records that one batch can say it holds; more counts as damaged.
BATCH_RECORDS_MAX = 1_000_000

#: Base offset, length, leader epoch, magic, checksum, attributes, last offset's delta, first and largest timestamp,
#: producer's id, epoch and sequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_CHECKED_FROM = struct.calcsize(">qiibI")
_BEFORE_LENGTH = struct.calcsize(">qi")
_MAGIC = 2
_CODEC_BITS, _LOG_APPEND_TIME_BIT = 0x07, 0x08
_CODECS = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}
_READ_COMMITTED = 1


#: Records of a partition that are read one by one to find the one that cannot be unpacked.
ISOLATED_RECORDS_MAX = 1_000
#: Milliseconds in which a poll of a single partition must answer meanwhile.
ISOLATE_MILLISECONDS_MAX = 500
#: Said where nothing is wrong with a record by our own reading.
UNKNOWN = "the Kafka client library cannot unpack it"
#: What the client library says of a record or a batch that it cannot unpack, beside whatever else unpacking raises.
NOT_UNPACKED = (UnsupportedCodecError, CorruptRecordException)


async def poll(
    consumer: AIOKafkaConsumer,
    options: Mapping[str, Any],
    positions: dict[TopicPartition, int],
    milliseconds: int,
) -> dict[TopicPartition, list[Any]]:
    """Poll these partitions, of which what cannot be unpacked is returned as ``UnreadableRecord``.

    Args:
        consumer: one without a group, to which these partitions are assigned.
        options: how to reach Kafka, as ``connections.aiokafka_options`` has it.
        positions: where each partition is to be read on; moved behind what is returned.
        milliseconds: how long to wait for records.

    Raises:
        aiokafka.errors.KafkaError, OSError: Kafka does not answer.
    """
    try:
        fetched: dict[TopicPartition, list[Any]] = await consumer.getmany(*positions, timeout_ms=milliseconds)
    except (ConsumerStoppedError, OSError):
        raise
    except Exception as error:
        if isinstance(error, KafkaError) and not isinstance(error, NOT_UNPACKED):
            raise
        for tp, position in positions.items():
            consumer.seek(tp, position)
        fetched = {tp: await read_past(consumer, options, tp) for tp in positions}
        for tp, records in fetched.items():
            if records:
                consumer.seek(tp, records[-1].offset + 1)
    for tp in positions:
        positions[tp] = await consumer.position(tp)
    return fetched


async def read_past(consumer: AIOKafkaConsumer, options: Mapping[str, Any], tp: TopicPartition) -> list[Any]:
    """Read a partition on, record by record, past the first batch that cannot be unpacked.

    Returns:
        records in order, those that cannot be unpacked as ``UnreadableRecord``; none of these where everything that was
        there could be unpacked.

    Raises:
        aiokafka.errors.KafkaError, OSError: Kafka does not answer.
    """
    records: list[Any] = []
    while len(records) < ISOLATED_RECORDS_MAX:
        try:
            fetched = await consumer.getmany(tp, timeout_ms=ISOLATE_MILLISECONDS_MAX, max_records=1)
        except (ConsumerStoppedError, OSError):
            raise
        except Exception as error:
            if isinstance(error, KafkaError) and not isinstance(error, NOT_UNPACKED):
                raise
            position = records[-1].offset + 1 if records else await consumer.position(tp)
            return records + await read_raw(options, tp, position)
        if not fetched.get(tp):
            break
        records += fetched[tp]
    return records


async def read_raw(options: Mapping[str, Any], tp: TopicPartition, offset: int) -> list[Any]:
    """Return what stands in the batch at *offset*, from there on; connects for it, since it is rarely asked.

    Args:
        options: how to reach Kafka, as ``connections.aiokafka_options`` has it.
        tp: the partition.
        offset: of the first record that the client library did not return.

    Returns:
        one or more records, at least one of them an ``UnreadableRecord``.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer.
    """
    for batch in _batches(await _fetch(options, tp, offset)):
        if batch.last >= offset:
            return batch.records(tp, offset)
    return [UnreadableRecord(tp.topic, tp.partition, offset, 0, UNKNOWN)]


async def _fetch(options: Mapping[str, Any], tp: TopicPartition, offset: int) -> bytes:
    client = AIOKafkaClient(**options)
    try:
        await client.bootstrap()
        await client.set_topics([tp.topic])
        leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError
        topics = [(tp.topic, [(tp.partition, offset, FETCH_BYTES_MAX)])]
        request = FetchRequest(WAIT_MILLISECONDS_MAX, 1, FETCH_BYTES_MAX, _READ_COMMITTED, topics)
        response = await client.send(leader, request)
    finally:
        await client.close()
    for _, partitions in response.topics:
        for _, error_code, _, *rest in partitions:
            if error_code:
                raise for_code(error_code)
            return bytes(rest[-1] or b"")
    raise KafkaError("the answer to a fetch holds no partition")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record whose bytes were read here, since the client library stopped at another one of its batch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class _RawBatch:
    """One record batch, its header read."""

    def __init__(self, data: bytes) -> None:
        (
            self._base, _, _, self._magic, self._checksum, self._attributes, last_delta,
            self._first_timestamp, self._timestamp_max, _, _, _, self._count,
        ) = _HEADER.unpack_from(data)  # fmt: skip
        self.last = self._base + max(0, last_delta)
        self._data = data

    def records(self, tp: TopicPartition, offset: int) -> list[Any]:
        """Return the batch's records from *offset* on; by their places alone where it cannot be unpacked."""
        why = self._damage()
        if why is None:
            try:
                return self._read(tp, offset)
            except (ValueError, IndexError, struct.error):
                why = "its batch is damaged"
        places = range(max(offset, self._base), self.last + 1)[:BATCH_RECORDS_MAX]
        return [UnreadableRecord(tp.topic, tp.partition, one, max(0, self._timestamp_max), why) for one in places]

    def _damage(self) -> str | None:
        if self._magic != _MAGIC:
            return f"its batch has the message format {self._magic}, which is not read"
        if calc_crc32c(self._data[_CHECKED_FROM:]) != self._checksum:
            return "the checksum of its batch is wrong"
        codec = self._attributes & _CODEC_BITS
        if codec and codec not in _CODECS:
            return f"its batch is compressed with codec {codec}, which nobody knows"
        return None

    def _read(self, tp: TopicPartition, offset: int) -> list[Any]:
        found: list[Any] = []
        faulty = False
        for one, at, key, value, headers, readable in self._unpacked():
            faulty = faulty or not readable
            if one < offset:
                continue
            if readable:
                found.append(RawRecord(tp.topic, tp.partition, one, at, key, value, headers))
            else:
                why = "a header's name is not UTF-8"
                found.append(UnreadableRecord(tp.topic, tp.partition, one, at, why, key, value, headers, True))
        if not found:
            raise ValueError("no record")
        if not faulty:
            # Nothing is wrong with the batch by our reading: the first is what the client library stopped at.
            one = found[0]
            found[0] = UnreadableRecord(
                one.topic, one.partition, one.offset, one.timestamp, UNKNOWN, one.key, one.value, one.headers, True
            )
        return found

    def _unpacked(self) -> Iterator[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]], bool]]:
        """Yield offset, timestamp, key, value, headers, and whether the headers' names are text."""
        codec = self._attributes & _CODEC_BITS
        body = self._data[_HEADER.size :]
        if codec:
            try:
                body = bytes(_CODECS[codec](body))
            except (zlib.error, OSError, RuntimeError, ValueError, TypeError) as error:
                raise ValueError("cannot be decompressed") from error
        if len(body) > UNPACKED_BYTES_MAX:
            raise ValueError("too large")
        appended = bool(self._attributes & _LOG_APPEND_TIME_BIT)
        position = 0
        for _ in range(min(self._count, BATCH_RECORDS_MAX)):
            length, position = decode_varint(body, position)
            end = position + length
            position += 1  # attributes of a record: none are in use
            timestamp_delta, position = decode_varint(body, position)
            offset_delta, position = decode_varint(body, position)
            key, position = _bytes(body, position)
            value, position = _bytes(body, position)
            headers, readable = _headers(body, position)
            at = self._timestamp_max if appended else self._first_timestamp + timestamp_delta
            yield self._base + offset_delta, at, key, value, headers, readable
            position = end


def _batches(data: bytes) -> Iterator[_RawBatch]:
    position = 0
    while len(data) - position >= _HEADER.size:
        length = _BEFORE_LENGTH + int.from_bytes(data[position + 8 : position + _BEFORE_LENGTH], "big")
        if length < _HEADER.size or position + length > len(data):
            return  # a part of a batch stands at the end of what was fetched
        yield _RawBatch(data[position : position + length])
        position += length


def _bytes(body: bytes, position: int) -> tuple[bytes | None, int]:
    length, position = decode_varint(body, position)
    if length < 0:
        return None, position
    if position + length > len(body):
        raise ValueError("too short")
    return body[position : position + length], position + length


def _headers(body: bytes, position: int) -> tuple[list[tuple[str, bytes | None]], bool]:
    """Return a record's headers, and whether all their names were UTF-8; what is not is written with backslashes."""
    count, position = decode_varint(body, position)
    headers, readable = [], True
    for _ in range(count):
        name, position = _bytes(body, position)
        content, position = _bytes(body, position)
        text = (name or b"").decode("utf-8", "backslashreplace")
        readable = readable and text.encode() == (name or b"")
        headers.append((text, content))
    return headers, readable
