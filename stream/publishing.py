"""Publishing many records fast and losing none.

Records are packed into batches per partition by hand, which costs a tenth of handing them
over one by one. The partition of a key is the one Java's own producer chooses.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream.outgoing import (
    Headers,
    PublishError,
    RecordTooLargeError,
    acknowledged,
    compressed_batch,
    key_hash,
    record_size,
)

#: A batch is closed and sent once it holds this much. A larger record goes alone and compressed.
BATCH_BYTES_MAX = 512 * 1024
#: The largest single record that is taken into memory once more; what Kafka itself takes is counted compressed.
RECORD_BYTES_MAX = 64 * 1024 * 1024
REQUEST_MILLISECONDS_MAX = 30_000
#: aiokafka itself tries an idempotent batch for ever; after this long we say that it was not acknowledged.
ACKNOWLEDGED_SECONDS_MAX = 60.0
#: How long closing may take when Kafka is away.
STOP_SECONDS_MAX = 10.0
#: Batches handed to Kafka and not acknowledged yet; send() waits beyond it.
IN_FLIGHT_BATCHES_MAX = 64


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
        max_record_size: int = RECORD_BYTES_MAX,
        max_batch_size: int = BATCH_BYTES_MAX,
        acknowledged_seconds_max: float = ACKNOWLEDGED_SECONDS_MAX,
    ) -> None:
        """Describe the connection.

        Args:
            options: how to reach Kafka, as ``connections.aiokafka_options`` has them.
            max_record_size: the largest record, in bytes with key and headers, before it is compressed.
            max_batch_size: when a batch is full, in bytes; a larger record goes alone.
            acknowledged_seconds_max: how long Kafka may take to acknowledge what was handed over.
        """
        self._options = dict(options)
        self._record_bytes_max = max_record_size
        self._batch_bytes_max = max_batch_size
        self._acknowledged_seconds_max = acknowledged_seconds_max
        self._producer: Any = None
        self._open: dict[tuple[str, int], Any] = {}
        self._full: deque[tuple[str, int, Any]] = deque()
        self._sent: set[asyncio.Future[Any]] = set()
        self._partitions: dict[str, int] = {}
        self._without_key = 0
        self._submitting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._batch_bytes_max,
            max_request_size=self._record_bytes_max,
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
        flushed = False
        try:
            if kind is None:
                await self.flush()
                flushed = True
        finally:
            # Nobody asks any more how these ended; without this asyncio would complain that nobody did.
            for future in self._sent:
                future.cancel()
            await self._close(flushed)

    async def _close(self, flushed: bool) -> None:
        if flushed:
            try:
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._producer.stop()
            except TimeoutError:
                # Something of an earlier round, which had failed, still waits in it.
                flushed = False
        if not flushed:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._abandon()

    async def _abandon(self) -> None:
        """Close, and see to it that nothing more is sent.

        The producer's own ``stop`` waits for what is left, and cut off by a time limit it leaves its sender
        behind: that tries for ever, and once Kafka is back puts old records behind those that were sent instead.
        """
        self._producer._closed = True  # noqa: SLF001 there is no public way; tests/integration/test_given_up.py holds it
        sending = self._producer._sender.sender_task  # noqa: SLF001
        if sending is not None:
            sending.cancel()
        # First the connections: the sender waits for what is on its way over them.
        await self._producer.client.close()
        if sending is not None:
            await asyncio.wait({sending})

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
            aiokafka.errors.KafkaError: Kafka does not know the topic.
        """
        headers = list(headers)
        size = record_size(key, value, headers)
        if size > self._record_bytes_max:
            raise RecordTooLargeError(topic, size)
        if partition is None:
            partition = self._choose(key, self._partitions.get(topic) or await self._count_partitions(topic))
        if size > self._batch_bytes_max:
            await self.flush()
            self._full.append((topic, partition, compressed_batch(key, value, headers, timestamp_ms)))
            await self._settle_large(topic, size)
            return
        batch = self._open.get((topic, partition))
        if batch is None or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            # Swapped before anything is awaited, so that nothing can come between two records of one key.
            fresh = self._producer.create_batch()
            fresh.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
            self._open[topic, partition] = fresh
            if batch is not None:
                self._full.append((topic, partition, batch))
                await self._submit()

    async def _settle_large(self, topic: str, size: int) -> None:
        try:
            await self.flush()
        except PublishError as error:
            if isinstance(error.__cause__, MessageSizeTooLargeError):
                raise RecordTooLargeError(topic, size, refused=True) from error
            raise

    async def flush(self) -> None:
        """Return once everything sent so far is acknowledged.

        Raises:
            PublishError: something was not; it is not remembered afterwards.
        """
        await (await self.hand_over())

    async def hand_over(self) -> asyncio.Task[None]:
        """Hand everything sent so far to Kafka at once; what is returned ends when all of it is acknowledged.

        The next records can be sent meanwhile. Awaiting the result raises what ``flush`` raises.
        """
        for (topic, partition), batch in self._open.items():
            self._full.append((topic, partition, batch))
        self._open.clear()
        # Looked up anew now and then, because partitions can be added.
        self._partitions.clear()
        await self._submit()
        sent, self._sent = self._sent, set()
        return asyncio.create_task(acknowledged(sent, self._acknowledged_seconds_max))

    async def _submit(self) -> None:
        """Hand the full batches to the producer, in order, keeping those under way bounded."""
        async with self._submitting:
            while self._full:
                topic, partition, batch = self._full[0]
                batch.close()
                await self._room()
                try:
                    future = await self._producer.send_batch(batch, topic, partition=partition)
                except KafkaError as error:
                    future = asyncio.get_running_loop().create_future()
                    future.set_exception(error)
                self._sent.add(future)
                # Removed only now: a task cancelled while it waited leaves its batch to the next one.
                self._full.popleft()

    async def _room(self) -> None:
        """Wait while too much is under way; fail early when what is done has failed."""
        if len(self._sent) < IN_FLIGHT_BATCHES_MAX:
            return
        done = {future for future in self._sent if future.done()}
        if not done:
            await asyncio.wait(self._sent, timeout=self._acknowledged_seconds_max, return_when=asyncio.FIRST_COMPLETED)
            done = {future for future in self._sent if future.done()} or self._sent
        self._sent = self._sent - done
        await acknowledged(done, 0)

    async def _count_partitions(self, topic: str) -> int:
        count = len(await self._producer.partitions_for(topic))
        self._partitions[topic] = count
        return count

    def _choose(self, key: bytes | None, count: int) -> int:
        if key is None:
            self._without_key += 1
            return self._without_key % count
        return key_hash(key) % count
