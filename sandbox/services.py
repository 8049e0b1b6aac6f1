"""Kafka and Valkey together, for as long as a block of code runs."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.kafka import start_kafka
from sandbox.valkey import start_valkey


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Kafka (host:port) and Redis (redis:// URL) are."""

    kafka: str
    redis: str


@contextmanager
def embedded(directory: Path) -> Iterator[Addresses]:
    """Run Kafka and Valkey with their state in *directory*, which is removed at the end.

    They die with this process, whatever happens to it.

    Raises:
        EmbeddedError: one of them cannot be started.
    """
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        # One after the other: Valkey is there in a twentieth of a second.
        valkey = start_valkey(directory / "valkey", guarded=True)
        stack.callback(valkey.program.kill)
        kafka = start_kafka(directory / "kafka", guarded=True)
        # Nobody reads its files again, so there is nothing to close in order.
        stack.callback(kafka.program.kill)
        yield Addresses(kafka=kafka.address, redis=f"redis://{valkey.address}/0")
