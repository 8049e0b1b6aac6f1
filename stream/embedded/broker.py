"""One Kafka broker of a cluster, to be killed, frozen and started again at its place."""

import os
import signal
import time
from pathlib import Path

from stream.embedded.failure import EmbeddedError
from stream.embedded.kafka import STOP_SECONDS_MAX, Member, start_kafka
from stream.embedded.server import Server, free_port

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
