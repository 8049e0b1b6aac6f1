"""A record on its way out: how large it is, which partition it belongs to, and whether it has arrived."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

#: What Kafka's format adds to a record alone in its batch, at most, beside two lengths for each header.
_RECORD_OVERHEAD_BYTES = 100
_HEADER_OVERHEAD_BYTES = 10
_KEYS_REMEMBERED_MAX = 65_536
_POSITIVE = 0x7FFFFFFF

Headers = Iterable[tuple[str, bytes | None]]


class RecordTooLargeError(Exception):
    """A record is too large to be sent; names the topic and the size, never what is in it.

    ``refused`` says that Kafka said so. Its publisher takes nothing more then: Kafka numbers a producer's batches.
    """

    def __init__(self, topic: str, size: int, *, refused: bool = False) -> None:
        super().__init__(f"A record of {size:,} bytes is too large for {topic}.")
        self.topic = topic
        self.size = size
        self.refused = refused


class PublishError(Exception):
    """Kafka did not acknowledge some of what was sent; the message is one sentence."""


@lru_cache(maxsize=_KEYS_REMEMBERED_MAX)
def key_hash(key: bytes) -> int:
    """The number whose remainder chooses the partition, the same as Java's own producer has."""
    hashed: int = murmur2(key) & _POSITIVE
    return hashed


def record_size(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> int:
    """At least what the record takes alone in its batch, in bytes."""
    size = _RECORD_OVERHEAD_BYTES + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += _HEADER_OVERHEAD_BYTES + len(name.encode()) + len(content or b"")
    return size


def compressed_batch(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], timestamp_ms: int | None
) -> Any:
    """Make a batch of one record that is compressed when it is sent, whatever the producer does with others."""
    batch = BatchBuilder(0, DefaultRecordBatch.CODEC_GZIP)
    # The first record of a batch is always taken, however small the batch is said to be.
    batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
    return batch


async def acknowledged(sent: set[asyncio.Future[Any]], seconds_max: float) -> None:
    """Wait until Kafka has acknowledged all of *sent*; raises PublishError when it refused some, or is too slow."""
    if not sent:
        return
    _, late = await asyncio.wait(sent, timeout=seconds_max)
    for future in late:
        future.cancel()
    failures = [error for future in sent - late if (error := future.exception())]
    if late:
        raise PublishError(f"Kafka did not acknowledge {len(late)} of {len(sent)} batches within {seconds_max:.0f} s.")
    if failures:
        raise PublishError(
            f"Kafka refused {len(failures)} of {len(sent)} batches ({type(failures[0]).__name__})."
        ) from failures[0]
