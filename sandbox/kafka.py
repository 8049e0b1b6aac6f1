"""A real Apache Kafka (KRaft) without Docker and without a system Java; several make a cluster, see ``cluster``."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import jars
from sandbox.program import Detached, EmbeddedError, Guarded
from sandbox.server import OnLaunch, Server, disk_sentence, free_port, listens, start

#: From the start of the Java process until the broker answers; 2 to 4 s is usual.
READY_SECONDS_MAX = 60.0
FORMAT_SECONDS_MAX = 60.0
#: How long the broker may take to close its files when it is stopped.
STOP_SECONDS_MAX = 10.0
_ANSWER_MILLISECONDS_MAX = 2_000

#: Fixed, because a random one may begin with "-", which Kafka's own tool reads as an option.
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
#: Small and quick to start: this is for a demo, development and tests.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


@dataclass(frozen=True, slots=True)
class Member:
    """A broker's place in a cluster, in which every node is broker and controller."""

    node_id: int
    #: Node id -> the port of its controller on 127.0.0.1, this node's own among them.
    controllers: Mapping[int, int]


def start_kafka(
    directory: Path,
    *,
    guarded: bool,
    port: int | None = None,
    member: Member | None = None,
    listeners: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    system_properties: Mapping[str, str] | None = None,
    java: Path | None = None,
    on_launch: OnLaunch | None = None,
) -> Server:
    """Start a broker on free ports of 127.0.0.1 and wait until it answers.

    Args:
        directory: where its data, properties and log are kept; data that is there already is used.
        guarded: whether it dies with this process.
        port: the port to take when it is free.
        member: its place among several brokers; it is alone when None.
        listeners: security protocol -> host:port, where it shall listen beside its plain one; *properties* secure it.
        properties: server properties beside and instead of ours.
        system_properties: those of its Java.
        java: another Java than the installed wheel's, which has no Kerberos for SASL.
        on_launch: told of each attempt as soon as its process runs.

    Raises:
        EmbeddedError: it cannot be started; one sentence says why and what to do.
    """
    runtime, classpath = str(java or jars.java()), jars.classpath()
    file, log = directory / "server.properties", directory / "kafka.log"
    system = (f"-D{name}={value}" for name, value in (system_properties or {}).items())
    command = (runtime, *_JVM, _QUIET, *system, "-cp", classpath, "kafka.Kafka", str(file))

    def launch(attempt: int) -> Server:
        address = f"127.0.0.1:{free_port(port if attempt == 0 else None)}"
        listening = {"PLAINTEXT": address, **(listeners or {})}
        _write_properties(file, directory, listening, member or Member(1, {1: free_port()}), properties or {})
        if not (directory / "data" / "meta.properties").exists():
            _format(runtime, classpath, file)
        log.unlink(missing_ok=True)
        run = Guarded if guarded else Detached
        program = run(command, log=log, environment=_environment())
        program.start()
        return Server("Kafka", address, program, command, log)

    return start(launch, answers, READY_SECONDS_MAX, on_launch)


def _write_properties(
    file: Path, directory: Path, listening: Mapping[str, str], member: Member, extra: Mapping[str, str]
) -> None:
    controller = f"127.0.0.1:{member.controllers[member.node_id]}"
    listeners = ",".join(f"{protocol}://{place}" for protocol, place in listening.items())
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(member.node_id),
        "controller.quorum.voters": ",".join(f"{node}@127.0.0.1:{port}" for node, port in member.controllers.items()),
        "listeners": f"{listeners},CONTROLLER://{controller}",
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{protocol}:{protocol}" for protocol in listening)]
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(directory / "data"),
        # Topics are made by `accesswatch topics create`, never by a typing mistake.
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "8",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        # The default of 128 MB would be a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": "16777216",
        **extra,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), "utf-8")
    except OSError as error:
        raise EmbeddedError(disk_sentence(error, directory)) from error


def _environment() -> dict[str, str]:
    """Return ours with a locale in which Java can read the name of any file, whatever the one inherited is."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def _format(java: str, classpath: str, file: Path) -> None:
    """Prepare an empty data directory, as Kafka wants it before the first start."""
    command = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath]
    command += ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(file)]
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own
            command,
            env=_environment(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=FORMAT_SECONDS_MAX,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise EmbeddedError(f"Java cannot be started at {java} ({error.strerror}).") from error
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(f"Kafka's storage was not ready within {FORMAT_SECONDS_MAX:.0f} s.") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line and not line[0].isspace()]
        last = lines[-1] if lines else f"exit code {done.returncode}"
        raise EmbeddedError(f"Kafka's storage in {file.parent} cannot be prepared: {last.rstrip('.')}.")


def answers(address: str) -> bool:
    """Whether the broker itself answers a metadata request; an open port alone says too little."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 - imported while Java starts, which hides its cost
    from kafka.errors import KafkaError  # noqa: PLC0415

    if not listens(address):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=_ANSWER_MILLISECONDS_MAX)
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except KafkaError:
        return False
