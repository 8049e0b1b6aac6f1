"""What agents need from outside, as they see it; ``stream`` plugs it in."""

from collections.abc import Sequence
from typing import Protocol

#: Kafka headers of a record, as they are sent.
Headers = Sequence[tuple[str, bytes]]


class Outputs(Protocol):
    """Where records go."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Hand a record over for publishing."""

    async def flush(self) -> None:
        """Return when Kafka has acknowledged everything handed over; raise where it did not."""
