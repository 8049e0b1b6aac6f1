"""What agents need from outside, as they see it; ``stream`` plugs it in."""

from collections.abc import Sequence
from typing import Protocol

#: Kafka headers of a record, as they are sent.
Headers = Sequence[tuple[str, bytes | None]]


class NotPublished(Exception):  # noqa: N818 it names a state, which passes
    """Kafka has not taken everything that was handed over; hand it all over again."""


class TooLarge(Exception):  # noqa: N818 it names what the record is, and is answered by sending less
    """Kafka will never take this record: it is too large. Those handed over before it are not concerned."""


class NeverAcknowledged(Exception):  # noqa: N818 it names a state, said as a sentence
    """Kafka has not acknowledged something in all the time that it may take; only another process may begin anew."""


class Outputs(Protocol):
    """Where records go. Each agent has its own."""

    def put(self, topic: str, key: bytes, value: bytes) -> bool:
        """Hand a record over where that needs no waiting; return whether it did, else ``send`` takes it."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Hand a record over for publishing; raise ``NotPublished`` or ``TooLarge``."""

    async def flush(self) -> None:
        """Return when Kafka has acknowledged everything handed over; raise ``NotPublished`` where it did not."""
