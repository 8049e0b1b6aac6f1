"""Several Kafka brokers that copy each other's records: what one of them can suffer, without losing any.

Every node is broker and controller, so that any minority of them may be away. Each keeps its ports and its data over
kills and restarts, as a broker with a volume does.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.kafka import STOP_SECONDS_MAX, Member, start_kafka
from sandbox.program import EmbeddedError
from sandbox.server import Server, free_port

#: How long a killed broker's port may take to be free again.
PORT_SECONDS_MAX = 20.0
#: Copies of Kafka's own topics and of those made without a word about it, at most.
COPIES_MAX = 3
#: A silent broker loses its partitions after this; the default of 9 s makes tests wait.
SESSION_MILLISECONDS = 6_000
_POLL_SECONDS = 0.1


class Broker:
    """One broker of a cluster, to be killed, frozen and started again."""

    def __init__(self, directory: Path, port: int, member: Member) -> None:
        """Describe the broker; ``start`` starts it.

        Args:
            directory: where its data and log are kept, over restarts.
            port: its port on 127.0.0.1, kept over restarts.
            member: its place in the cluster.
        """
        self.node_id = member.node_id
        self.address = f"127.0.0.1:{port}"
        self._directory = directory
        self._port = port
        self._member = member
        self._server: Server | None = None
        self._frozen = False

    @property
    def pid(self) -> int:
        """The process id of the broker itself."""
        return self._running().program.pid

    def start(self) -> None:
        """Start it, the first time or again, with the same port and data; return when it answers.

        Raises:
            EmbeddedError: it cannot be started, or its port stays taken.
        """
        deadline = time.monotonic() + PORT_SECONDS_MAX
        while free_port(self._port) != self._port:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Port {self._port} of broker {self.node_id} is taken by somebody else.")
            time.sleep(_POLL_SECONDS)
        self._frozen = False
        self._server = start_kafka(
            self._directory,
            guarded=True,
            port=self._port,
            member=self._member,
            properties=_properties(len(self._member.controllers)),
        )
        if self._server.address != self.address:
            self.kill()
            raise EmbeddedError(f"Port {self._port} of broker {self.node_id} was taken while it started.")

    def kill(self) -> None:
        """Kill it as ``kill -9`` does; return when it is gone."""
        self._running().program.kill()

    def stop(self) -> None:
        """Let it hand its partitions over and end, as a rolling restart does."""
        self._running().program.stop(STOP_SECONDS_MAX)

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; its connections stay open and silent."""
        os.kill(self.pid, signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """Let it go on as if nothing had been."""
        os.kill(self.pid, signal.SIGCONT)
        self._frozen = False

    def running(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self._server is not None and self._server.program.poll() is None

    def answering(self) -> bool:
        """Whether it runs and is not frozen."""
        return self.running() and not self._frozen

    def _running(self) -> Server:
        if self._server is None:
            raise EmbeddedError(f"Broker {self.node_id} has not been started.")
        return self._server


def _properties(brokers: int) -> dict[str, str]:
    copies = min(COPIES_MAX, brokers)
    in_sync = str(max(1, copies - 1))
    return {
        "default.replication.factor": str(copies),
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": in_sync,
        "broker.session.timeout.ms": str(SESSION_MILLISECONDS),
    }


#: From the moment that every broker answers until all of them know each other.
WHOLE_SECONDS_MAX = 60.0
#: How long a partition may be without a leader: until the silent one's session has ended, and an election.
LEADER_SECONDS_MAX = 30.0
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
