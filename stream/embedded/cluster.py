"""Several Kafka brokers that copy each other's records: what one of them can suffer, without losing any.

Every node is broker and controller, so that any minority of them may be away. Each keeps its ports and its data over
kills and restarts, as a broker with a volume does.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.embedded.broker import Broker
from stream.embedded.failure import EmbeddedError
from stream.embedded.kafka import Member
from stream.embedded.server import free_port

#: From the moment that every broker answers until all of them know each other.
WHOLE_SECONDS_MAX = 60.0
#: How long a partition may be without a leader: until the silent one's session has ended, and an election.
LEADER_SECONDS_MAX = 30.0
_POLL_SECONDS = 0.1
_ANSWER_MILLISECONDS_MAX = 5_000
#: Kafka's word for the leader of a partition that has none.
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Cluster:
    """Brokers that belong together."""

    brokers: Sequence[Broker]

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, comma-separated."""
        return ",".join(broker.address for broker in self.brokers)

    def broker(self, node_id: int) -> Broker:
        """The broker with this node id."""
        return next(broker for broker in self.brokers if broker.node_id == node_id)

    def leader(self, topic: str, partition: int) -> Broker:
        """The broker that leads a partition, once there is one; raises EmbeddedError when none comes."""
        deadline = time.monotonic() + LEADER_SECONDS_MAX
        while True:
            with self._asking() as admin:
                (described,) = admin.describe_topics([topic])
            leaders = {found["partition_index"]: found["leader_id"] for found in described["partitions"]}
            if leaders.get(partition, _NOBODY) != _NOBODY:
                return self.broker(leaders[partition])
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{topic}-{partition} has no leader.")
            time.sleep(_POLL_SECONDS)

    def restore(self) -> None:
        """Thaw and start whatever was frozen or killed; return when the cluster is whole.

        Raises:
            EmbeddedError: a broker cannot be started, or does not come back.
        """
        gone = [broker for broker in self.brokers if not broker.running()]
        for broker in self.brokers:
            if broker not in gone:
                broker.thaw()
        if gone:
            # All at once: two that are gone need each other to answer.
            with ThreadPoolExecutor(len(gone)) as starting:
                list(starting.map(Broker.start, gone))
        self.wait_whole()

    def wait_whole(self) -> None:
        """Return when every broker takes part, knows what the others know, and has every record that they have.

        Raises:
            EmbeddedError: that is not so after ``WHOLE_SECONDS_MAX``.
        """
        from kafka.errors import KafkaError  # noqa: PLC0415 - imported while Java starts, which hides its cost

        deadline = time.monotonic() + WHOLE_SECONDS_MAX
        decided: int | None = None
        while time.monotonic() < deadline:
            with suppress(KafkaError), self._asking() as admin:
                quorum = _quorum(admin)
                # What was decided by now: a broker that was frozen believes for a moment that it still leads.
                decided = decided or quorum["high_watermark"]
                knows = [voter["log_end_offset"] >= decided for voter in quorum["current_voters"]]
                if knows == [True] * len(self.brokers) and self._copied(admin):
                    return
            time.sleep(_POLL_SECONDS)
        raise EmbeddedError(f"The {len(self.brokers)} brokers have not come together.")

    def _copied(self, admin: Any) -> bool:
        """Whether every broker takes part and no copy of a partition is behind."""
        partitions = [part for topic in admin.describe_topics() for part in topic["partitions"]]
        return len(admin.describe_cluster()["brokers"]) == len(self.brokers) and all(
            part["leader_id"] != _NOBODY and len(part["isr_nodes"]) == len(part["replica_nodes"]) for part in partitions
        )

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        from kafka import KafkaAdminClient  # noqa: PLC0415 - imported while Java starts, which hides its cost

        admin = KafkaAdminClient(
            bootstrap_servers=[broker.address for broker in self.brokers if broker.answering()],
            request_timeout_ms=_ANSWER_MILLISECONDS_MAX,
        )
        try:
            yield admin
        finally:
            admin.close()


def _quorum(admin: Any) -> Any:
    """Ask the active controller how far each of them has come with what was decided."""
    (topic,) = admin.describe_metadata_quorum()["topics"]
    (partition,) = topic["partitions"]
    return partition


@contextmanager
def cluster(directory: Path, brokers: int = 3) -> Iterator[Cluster]:
    """Run so many brokers with their data below *directory*; they die with this process.

    Raises:
        EmbeddedError: one of them cannot be started.
    """
    controllers = dict(zip(range(1, brokers + 1), _free_ports(brokers), strict=True))
    ports = _free_ports(brokers)
    members = [
        Broker(directory / f"broker-{node}", port, Member(node, controllers))
        for node, port in zip(controllers, ports, strict=True)
    ]
    whole = Cluster(members)
    with ExitStack() as stack:
        for broker in members:
            stack.callback(_end, broker)
        whole.restore()
        yield whole


def _end(broker: Broker) -> None:
    if broker.running():
        broker.kill()


def _free_ports(count: int) -> list[int]:
    """Different ports: each is asked for until it is none of those before."""
    ports: list[int] = []
    while len(ports) < count:
        port = free_port()
        if port not in ports:
            ports.append(port)
    return ports
