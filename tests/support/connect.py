"""Kafka Connect with Debezium's connector for PostgreSQL, from Maven Central, with the shipped configuration."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sandbox.jars import KAFKA_VERSION, java
from sandbox.server import free_port

ADAPTERS = Path(__file__).parents[2] / "deploy" / "adapters"
DEBEZIUM_VERSION = "3.6.1.Final"
_COORDINATES = (
    f"org.apache.kafka:connect-runtime:{KAFKA_VERSION}",
    f"org.apache.kafka:connect-json:{KAFKA_VERSION}",
    f"io.debezium:debezium-connector-postgres:{DEBEZIUM_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
_MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"
STOP_SECONDS_MAX = 30.0


@cache
def classpath() -> str:
    """Return the jars, joined as Java wants them; fetched the first time."""
    import jgo  # noqa: PLC0415 half a second

    environment = jgo.build(f"{'+'.join(_COORDINATES)}@{_MAIN}")
    return ":".join(sorted(str(path) for path in Path(environment.path).rglob("*.jar")))


@contextmanager
def connect(environment: Mapping[str, str], directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Connect for as long as the block; its log is ``connect.log``, its offsets are kept from run to run."""
    files = [str(ADAPTERS / name) for name in ("connect-standalone.properties", "debezium-postgres.json")]
    own = {"CONNECT_OFFSETS": str(directory / "offsets"), "CONNECT_LISTEN": f"127.0.0.1:{free_port()}"}
    command = [str(java()), "-Xmx512m", "-cp", classpath(), _MAIN, *files]
    with (directory / "connect.log").open("ab") as sink:
        process = subprocess.Popen(command, env={**environment, **own}, stdout=sink, stderr=sink, cwd=directory)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS_MAX)
