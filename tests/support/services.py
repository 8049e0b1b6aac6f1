"""A real Kafka and a real Valkey for the tests: given, in containers, or embedded."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sandbox import kafka, valkey
from sandbox.jars import KAFKA_VERSION
from sandbox.server import free_port
from sandbox.services import Addresses, embedded

CONTAINER_READY_SECONDS_MAX = 60.0


def which() -> str:
    """Return which services this run of the tests uses, in a few words."""
    if _given() is not None:
        return "those of ACCESSWATCH_KAFKA and ACCESSWATCH_REDIS"
    if os.environ.get("TEST_SERVICES") == "containers":
        return f"containers ({_image('KAFKA')}, {_image('REDIS')})"
    return f"embedded (Kafka {KAFKA_VERSION} and Valkey from installed packages)"


@contextmanager
def services(directory: Path) -> Iterator[Addresses]:
    """Run whatever ``which`` says for as long as the block."""
    given = _given()
    if given is not None:
        yield given
    elif os.environ.get("TEST_SERVICES") == "containers":
        with _containers() as addresses:
            yield addresses
    else:
        with embedded(directory) as addresses:
            yield addresses


def are_ours() -> bool:
    """Whether these services exist for the tests alone, so that they may be emptied."""
    return _given() is None


def _given() -> Addresses | None:
    address, url = os.environ.get("ACCESSWATCH_KAFKA"), os.environ.get("ACCESSWATCH_REDIS")
    return Addresses(kafka=address, redis=url) if address and url else None


def _image(name: str) -> str:
    """The same variables as the compose file has, for networks without a registry."""
    shipped = {"KAFKA": f"apache/kafka:{KAFKA_VERSION}", "REDIS": "valkey/valkey:9"}
    return os.environ.get(f"{name}_IMAGE", shipped[name])


@contextmanager
def _containers() -> Iterator[Addresses]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where containers are asked for

    kafka_port, redis_port = free_port(), free_port()
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093,SELF://:9094",
        # A broker reaches itself, for the markers of transactions, inside its container.
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{kafka_port},SELF://localhost:9094",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "SELF",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SELF:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    broker = DockerContainer(_image("KAFKA")).with_bind_ports(9092, kafka_port)
    for name, value in environment.items():
        broker = broker.with_env(name, value)
    redis = DockerContainer(_image("REDIS")).with_bind_ports(6379, redis_port)
    with ExitStack() as stack:
        stack.enter_context(redis)
        stack.enter_context(broker)
        _wait(lambda: valkey.answers(f"127.0.0.1:{redis_port}"))
        _wait(lambda: kafka.answers(f"127.0.0.1:{kafka_port}"))
        yield Addresses(kafka=f"127.0.0.1:{kafka_port}", redis=f"redis://127.0.0.1:{redis_port}/0")


def _wait(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CONTAINER_READY_SECONDS_MAX
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError("a container did not answer in time")
        time.sleep(0.2)
