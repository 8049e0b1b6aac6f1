"""Publishing many records fast and losing none.

Records are packed into batches per partition by hand, which costs a tenth of handing them over one by one. The
partition of a key is the one Java's own producer chooses. A batch that Kafka has not acknowledged is waited for, in its
order, for as long as Kafka is away: it is never given up and sent again behind what came later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from agents.connection_errors import why
from agents.outputs import Headers, NeverAcknowledged, NotPublished, TooLarge
from enrichment.log import events

#: A batch is closed and sent once it holds this much. A larger record goes alone and compressed.
BATCH_BYTES_MAX = 512 * 1024
#: Where a topic takes less: a batch that is refused for its size is made so many times smaller; below the least each
#: record goes alone.
BATCH_SHRINKS_BY = 8
BATCH_BYTES_LEAST = 1024
#: The largest single record that is taken into memory once more; what Kafka itself takes is counted compressed.
RECORD_BYTES_MAX = 64 * 1024 * 1024
REQUEST_MILLISECONDS_MAX = 30_000
#: Seconds after which a command that waits for Kafka's acknowledgement ends and says so.
ACKNOWLEDGED_SECONDS_MAX = 60.0
#: The same for a worker, which ends then and is started again; meanwhile it says that it waits.
WORKER_ACKNOWLEDGED_SECONDS_MAX = 900.0
#: Seconds after which it begins to say so.
LATE_SECONDS = 10.0
#: How long closing may take when Kafka is away.
STOP_SECONDS_MAX = 10.0
#: Batches handed to Kafka and not acknowledged yet; send() waits beyond it.
IN_FLIGHT_BATCHES_MAX = 64

#: What Kafka's format adds to a record alone in its batch, at most, beside two lengths for each header.
_RECORD_OVERHEAD_BYTES = 100
_HEADER_OVERHEAD_BYTES = 10
_KEYS_REMEMBERED_MAX = 65_536
_POSITIVE = 0x7FFFFFFF
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)

_log = events(__name__)


class PublishError(Exception):
    """Kafka did not take some of what was sent; the message is one sentence."""


class BatchTooLargeError(PublishError):
    """The topic takes no batch of this size, though perhaps each of its records."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"{topic} takes no batch of {size:,} bytes, so smaller ones are tried")
        self.topic = topic
        self.size = size


class NotAcknowledgedError(PublishError, NeverAcknowledged):
    """Kafka has not answered in all the time that it may take; what was handed over may still arrive."""


class RecordTooLargeError(Exception):
    """A record is too large to be sent; names the topic and the size, never what is in it.

    ``refused`` says that Kafka said so. Its publisher takes nothing more then: Kafka numbers a producer's batches.
    """

    def __init__(self, topic: str, size: int, *, refused: bool = False) -> None:
        super().__init__(f"A record of {size:,} bytes is too large for {topic}.")
        self.topic = topic
        self.size = size
        self.refused = refused


def _nobody(_: str | None) -> None:
    """Tell nobody that Kafka is late."""


class Publisher:
    """Sends records in batches; ``flush`` returns once Kafka has acknowledged every one.

    Belongs to one task at a time: a flush answers for everything that was sent since the last one.
    A record larger than a batch goes alone, compressed, and is awaited: a producer may have sent us 4 MiB that
    unpack to 30, and Kafka answers for it alone.
    Records of one partition, and so of one key, keep their order. A failure is told once, by the flush;
    Kafka numbers a producer's batches, so what comes after a refused one needs a new Publisher.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        batch_bytes_max: Mapping[str, int] | int = BATCH_BYTES_MAX,
        acknowledged_seconds_max: float = ACKNOWLEDGED_SECONDS_MAX,
        late: Callable[[str | None], None] = _nobody,
    ) -> None:
        """Describe the connection.

        Args:
            options: how to reach Kafka, as ``connections.aiokafka_options`` has them.
            batch_bytes_max: when a batch is full, in bytes, for all topics or by topic; a larger record goes alone.
            acknowledged_seconds_max: how long Kafka may take to acknowledge what was handed over.
            late: told that Kafka is late, in a sentence, and None when it no longer is.
        """
        self._options = dict(options)
        self._batch_bytes_max = batch_bytes_max
        self._acknowledged_seconds_max = acknowledged_seconds_max
        self._late = late
        self._producer: Any = None
        self._open: dict[tuple[str, int], Any] = {}
        self._full: deque[tuple[str, int, Any]] = deque()
        #: Batches on their way, each with its topic and its size in bytes.
        self._sent: dict[asyncio.Future[Any], tuple[str, int]] = {}
        self._partitions: dict[str, int] = {}
        self._without_key = 0
        self._submitting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES_MAX if isinstance(self._batch_bytes_max, Mapping) else self._batch_bytes_max,
            max_request_size=RECORD_BYTES_MAX,
            request_timeout_ms=REQUEST_MILLISECONDS_MAX,
        )
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection. What was not flushed is not promised; after an error it is not even sent."""
        try:
            if kind is None:
                await self.flush()
        finally:
            # Nobody asks any more how these ended; without this asyncio would complain that nobody did.
            for future in self._sent:
                future.add_done_callback(lambda one: one.cancelled() or one.exception())
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._producer.stop()

    def put(self, topic: str, key: bytes, value: bytes) -> bool:
        """Put one record into the open batch of its partition; return False where only ``send`` can take it.

        It is what ``send`` does with nearly every record, without the coroutine, which costs more than the rest of it.
        """
        count = self._partitions.get(topic)
        if count is None:
            return False
        batch = self._open.get((topic, key_hash(key) % count))
        return (
            batch is not None
            and batch.size() + _RECORD_OVERHEAD_BYTES + len(key) + len(value) <= self._batch_bytes(topic)
            and batch.append(timestamp=None, key=key, value=value) is not None
        )

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
        *,
        partition: int | None = None,
    ) -> None:
        """Put one record into the batch of its partition; waits only while too much is under way, or for a large one.

        The key chooses the partition where none is given.

        Raises:
            RecordTooLargeError: it cannot be sent, or Kafka refused it for its size; all that came before it is there.
            PublishError: earlier batches failed, and too many are under way to go on, or a large record was.
            NotAcknowledgedError: Kafka has not acknowledged what is under way in all the time that it may take.
            aiokafka.errors.KafkaError: Kafka does not know the topic.
        """
        headers = list(headers)
        size = record_size(key, value, headers)
        if size > RECORD_BYTES_MAX:
            raise RecordTooLargeError(topic, size)
        if partition is None:
            partition = self._choose(key, self._partitions.get(topic) or await self._count_partitions(topic))
        bytes_max = self._batch_bytes(topic)
        if size > bytes_max:
            await self.flush()
            self._full.append((topic, partition, _compressed_batch(key, value, headers, timestamp_ms)))
            await self._settle_large(topic, size)
            return
        batch = self._open.get((topic, partition))
        if (
            batch is not None
            and batch.size() + size <= bytes_max
            and batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is not None
        ):
            return
        # Swapped before anything is awaited, so that nothing can come between two records of one key.
        fresh = self._producer.create_batch()
        fresh.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        self._open[topic, partition] = fresh
        if batch is not None:
            self._full.append((topic, partition, batch))
            await self._submit()

    def _batch_bytes(self, topic: str) -> int:
        if isinstance(self._batch_bytes_max, int):
            return self._batch_bytes_max
        return self._batch_bytes_max.get(topic, BATCH_BYTES_MAX)

    async def _settle_large(self, topic: str, size: int) -> None:
        try:
            await self.flush()
        except PublishError as error:
            if isinstance(error, BatchTooLargeError) or isinstance(error.__cause__, _TOO_LARGE):
                raise RecordTooLargeError(topic, size, refused=True) from error
            raise

    async def flush(self) -> None:
        """Return once everything sent so far is acknowledged.

        Raises:
            PublishError: Kafka refused some; everything else is settled, and nothing is remembered afterwards.
            NotAcknowledgedError: Kafka has not acknowledged it in all the time that it may take.
        """
        await self._hand_to_kafka()
        await self._settle(set(self._sent), asyncio.ALL_COMPLETED)

    async def hand_over(self) -> asyncio.Task[None]:
        """Hand everything sent so far to Kafka at once; what is returned ends when all of it is acknowledged.

        The next records can be sent meanwhile. Awaiting the result raises what ``flush`` raises.
        """
        await self._hand_to_kafka()
        return asyncio.create_task(self._settle(set(self._sent), asyncio.ALL_COMPLETED))

    async def _hand_to_kafka(self) -> None:
        for (topic, partition), batch in self._open.items():
            self._full.append((topic, partition, batch))
        self._open.clear()
        # Looked up anew now and then, because partitions can be added.
        self._partitions.clear()
        await self._submit()

    async def _submit(self) -> None:
        """Hand the full batches to the producer, in order, keeping those under way bounded."""
        async with self._submitting:
            while self._full:
                topic, partition, batch = self._full[0]
                batch.close()
                size = batch.size()
                if len(self._sent) >= IN_FLIGHT_BATCHES_MAX:
                    await self._settle(set(self._sent), asyncio.FIRST_COMPLETED)
                try:
                    future = await self._producer.send_batch(batch, topic, partition=partition)
                except KafkaError as error:
                    future = asyncio.get_running_loop().create_future()
                    future.set_exception(error)
                self._sent[future] = (topic, size)
                # Removed only now: a task cancelled while it waited leaves its batch to the next one.
                self._full.popleft()

    async def _settle(self, sent: set[asyncio.Future[Any]], when: str) -> None:
        """Wait until Kafka has answered for these, and forget those that it has answered for.

        Raises:
            PublishError: it refused some of them. Where any was refused all are waited for.
            NotAcknowledgedError: it has not answered in all the time that it may take.
        """
        waiting = {one for one in sent if one in self._sent}
        failed: list[tuple[BaseException, str, int]] = []
        loop = asyncio.get_running_loop()
        began, told = loop.time(), False
        try:
            while waiting:
                left = self._acknowledged_seconds_max - (loop.time() - began)
                if left <= 0:
                    seconds = self._acknowledged_seconds_max
                    raise NotAcknowledgedError(
                        f"Kafka has not acknowledged {len(waiting)} batches within {seconds:.0f} s"
                    )
                done, waiting = await asyncio.wait(waiting, timeout=min(left, LATE_SECONDS), return_when=when)
                for future in done:
                    topic, size = self._sent.pop(future, ("", 0))
                    if topic and (error := future.exception()) is not None:
                        failed.append((error, topic, size))
                if done and when == asyncio.FIRST_COMPLETED and not failed:
                    return
                if waiting and loop.time() - began >= LATE_SECONDS:
                    told = True
                    self._late(f"Kafka has not acknowledged what was published for {loop.time() - began:.0f} s")
        finally:
            if told:
                self._late(None)
        if failed:
            error, topic, size = failed[0]
            if isinstance(error, _TOO_LARGE):
                raise BatchTooLargeError(topic, size) from error
            raise PublishError(
                f"Kafka refused {len(failed)} of {len(sent)} batches, one for {topic} ({why(error)})."
            ) from error

    async def _count_partitions(self, topic: str) -> int:
        count = len(await self._producer.partitions_for(topic))
        self._partitions[topic] = count
        return count

    def _choose(self, key: bytes | None, count: int) -> int:
        if key is None:
            self._without_key += 1
            return self._without_key % count
        return key_hash(key) % count


class RenewedOutputs:
    """An agent's outputs: a publisher that is made anew after Kafka refused something."""

    def __init__(self, options: Mapping[str, Any], late: Callable[[str | None], None] = _nobody) -> None:
        """Take how to reach Kafka, and whom to tell that Kafka is late."""
        self._options = options
        self._late = late
        self._publisher: Publisher | None = None
        #: Topics that take smaller batches than ours.
        self._batch_bytes_max: dict[str, int] = {}

    def put(self, topic: str, key: bytes, value: bytes) -> bool:
        """Hand a record over as ``Publisher.put`` does; return False where only ``send`` can take it."""
        return self._publisher is not None and self._publisher.put(topic, key, value)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Hand a record over.

        Raises:
            NotPublished: Kafka cannot be reached, or earlier records of this round failed.
            TooLarge: this record can never be taken; those before it are where they belong.
            NeverAcknowledged: as ``Publisher.send``.
        """
        try:
            if self._publisher is None:
                self._publisher = await Publisher(
                    self._options,
                    batch_bytes_max=self._batch_bytes_max,
                    acknowledged_seconds_max=WORKER_ACKNOWLEDGED_SECONDS_MAX,
                    late=self._late,
                ).__aenter__()
            await self._publisher.send(topic, key, value, headers, timestamp_ms)
        except RecordTooLargeError as error:
            if error.refused:
                await self.close()
            raise TooLarge(str(error)) from error
        except (PublishError, KafkaError, OSError, TimeoutError) as error:
            await self._renew(error)

    async def flush(self) -> None:
        """Return when Kafka has acknowledged everything since the last flush.

        Raises:
            NotPublished: it did not; hand all of it over again.
            NeverAcknowledged: as ``Publisher.flush``.
        """
        if self._publisher is not None:
            try:
                await self._publisher.flush()
            except (PublishError, KafkaError, OSError, TimeoutError) as error:
                await self._renew(error)

    async def close(self) -> None:
        """Close the connection; what was not flushed is not promised."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await publisher.__aexit__(NotPublished, None, None)

    async def _renew(self, error: BaseException) -> None:
        if isinstance(error, NeverAcknowledged):
            raise error
        await self.close()
        if isinstance(error, BatchTooLargeError):
            smaller = min(error.size, BATCH_BYTES_MAX) // BATCH_SHRINKS_BY
            bytes_max = self._batch_bytes_max[error.topic] = smaller if smaller >= BATCH_BYTES_LEAST else 0
            _log.warning("batches-smaller", topic=error.topic, bytes=bytes_max)
        if isinstance(error, PublishError):
            raise NotPublished(str(error)) from error
        raise NotPublished(f"Kafka has not taken the outputs ({why(error)})") from error


@lru_cache(maxsize=_KEYS_REMEMBERED_MAX)
def key_hash(key: bytes) -> int:
    """Return the number whose remainder chooses the partition, the same as Java's own producer has."""
    hashed: int = murmur2(key) & _POSITIVE
    return hashed


def record_size(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> int:
    """Return at least what the record takes alone in its batch, in bytes."""
    size = _RECORD_OVERHEAD_BYTES + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += _HEADER_OVERHEAD_BYTES + len(name.encode()) + len(content or b"")
    return size


def _compressed_batch(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], timestamp_ms: int | None
) -> Any:
    """Return a batch of one record that is compressed when it is sent, whatever the producer does with others."""
    batch = BatchBuilder(0, DefaultRecordBatch.CODEC_GZIP)
    # The first record of a batch is always taken, however small the batch is said to be.
    batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
    return batch
