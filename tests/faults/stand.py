"""The services that runs stand on: Kafka with one broker or three, Valkey, and a small disk for the alert store."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster import Cluster, cluster
from sandbox.server import Server
from sandbox.valkey import start_valkey
from tests.faults.ports import quiet_port

#: Holds the store of a run and little more, so that it is quickly full.
DISK_MEBIBYTES = 48


@dataclass(slots=True)
class Redis:
    """A Valkey that keeps its port, and nothing else, over restarts."""

    directory: Path
    port: int
    server: Server

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process."""
        return self.server.program.pid

    def kill(self) -> None:
        """Kill it; what it held is gone."""
        self.server.program.kill()

    def start(self) -> None:
        """Start it again, empty."""
        self.server = start_valkey(self.directory, guarded=True, port=self.port)
        assert self.server.address == f"127.0.0.1:{self.port}", "somebody else took Valkey's port"


@contextmanager
def a_redis(directory: Path) -> Iterator[Redis]:
    """Run a Valkey."""
    port = quiet_port()
    redis = Redis(directory, port, start_valkey(directory, guarded=True, port=port))
    try:
        yield redis
    finally:
        redis.kill()


@dataclass(frozen=True, slots=True)
class Stand:
    """What a run stands on."""

    kafka: Cluster
    redis: Redis

    @property
    def brokers(self) -> int:
        """How many brokers there are."""
        return len(self.kafka.brokers)


@contextmanager
def a_stand(directory: Path, brokers: int) -> Iterator[Stand]:
    """Run the services."""
    with cluster(directory / "kafka", brokers) as kafka, a_redis(directory / "valkey") as redis:
        yield Stand(kafka, redis)


@contextmanager
def small_disk(directory: Path) -> Iterator[Path | None]:
    """Mount a small disk below *directory*; None where we may not (only root may mount)."""
    if os.getuid() != 0:
        yield None
        return
    place = directory / "disk"
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "accesswatch-faults", str(place)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
