"""An agent's outputs: a publisher that is made anew after a failure, since Kafka numbers a producer's batches."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError

from agents.ports import Headers, NotPublished, TooLarge
from stream.outgoing import PublishError, RecordTooLargeError
from stream.publishing import Publisher

_FAILURES = (PublishError, KafkaError, OSError, TimeoutError)


class RenewedOutputs:
    """Hands records to a publisher; after a failure everything since the last flush must be handed over again."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._publisher: Publisher | None = None

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
        """
        try:
            if self._publisher is None:
                self._publisher = await Publisher(self._options).__aenter__()
            await self._publisher.send(topic, key, value, headers, timestamp_ms)
        except RecordTooLargeError as error:
            if error.refused:
                await self.close()
            raise TooLarge(str(error)) from error
        except _FAILURES as error:
            await self._give_up(error)

    async def flush(self) -> None:
        """Return when Kafka has acknowledged everything since the last flush.

        Raises:
            NotPublished: it did not; hand all of it over again.
        """
        if self._publisher is not None:
            try:
                await self._publisher.flush()
            except _FAILURES as error:
                await self._give_up(error)

    async def close(self) -> None:
        """Close the connection; what was not flushed is not promised."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            with suppress(*_FAILURES):
                await publisher.__aexit__(NotPublished, None, None)

    async def _give_up(self, error: BaseException) -> None:
        await self.close()
        raise NotPublished(f"Kafka has not taken the outputs ({type(error).__name__})") from error
