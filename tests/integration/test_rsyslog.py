"""rsyslog in front, as ``deploy/adapters/rsyslog.conf`` has it: what programs send stands on the raw topic as it came.

Needs ``rsyslogd`` with ``omkafka`` (Debian: rsyslog, rsyslog-kafka). ``TEST_RSYSLOG`` names a folder into which those
packages were unpacked, where they are not installed.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.server import free_port
from stream.settings import Settings
from stream.topics import ACCESS, raw_topic
from tests.support.topics import read_all
from tests.support.worker import a_worker, eventually, eventually_async

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "adapters" / "rsyslog.conf"
MAPPING = ROOT / "deploy" / "mappings" / "cef-audit.yaml"
UNPACKED = Path(os.environ.get("TEST_RSYSLOG", "/"))
PROGRAM = UNPACKED / "usr/sbin/rsyslogd" if "TEST_RSYSLOG" in os.environ else Path(shutil.which("rsyslogd") or "/none")
MODULES = UNPACKED / "usr/lib" / f"{os.uname().machine}-linux-gnu" / "rsyslog"
START_SECONDS_MAX = 20.0

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("topics"),
    pytest.mark.skipif(
        not (PROGRAM.exists() and (MODULES / "omkafka.so").exists()),
        reason="rsyslogd with omkafka is missing: install rsyslog and rsyslog-kafka",
    ),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with the shipped mapping of CEF."""
    return settings.model_copy(update={"mappings": MAPPING})


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The same as a command reads them."""
    return environment | {"ACCESSWATCH_MAPPINGS": str(MAPPING)}


@contextmanager
def rsyslog(environment: dict[str, str], topic: str, port: int, spool: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run rsyslogd with the shipped configuration for as long as the block, and end it as its service does."""
    spool.mkdir(exist_ok=True)
    own = {"RAW_TOPIC": topic, "LISTEN_PORT": str(port), "SPOOL": str(spool), "LD_LIBRARY_PATH": str(MODULES.parent)}
    command = [str(PROGRAM), "-n", "-f", str(CONFIGURATION), "-i", str(spool / "pid"), "-M", str(MODULES)]
    with (spool / "log").open("wb") as sink:
        process = subprocess.Popen(command, env=environment | own, stdout=sink, stderr=sink)
        try:
            deadline = time.monotonic() + START_SECONDS_MAX
            while not listens(port):
                said = (spool / "log").read_text()
                assert process.poll() is None and time.monotonic() < deadline, said  # noqa: PT018 either way it says why
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            process.wait(START_SECONDS_MAX)


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def send(port: int, *messages: bytes) -> None:
    """Send messages as octet counting has it."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for message in messages:
            connection.sendall(str(len(message)).encode() + b" " + message)


def lines(messages: list[bytes]) -> list[bytes]:
    """Return messages as they stand on the raw topic: each with a line feed behind it."""
    return [message + b"\n" for message in messages]


def a_message(number: int, more: str = "") -> bytes:
    """Return what an application sends to its audit log."""
    cef = (
        "CEF:0|Agency|case|1.0|audit:access|Opened|INFO|"
        f"end=1795119247123 suid=S-1 duid=C-{number} flexString1Label=Decision flexString1=Permit sproc=p{number}{more}"
    )
    return f"<133>1 2026-11-20T09:14:07.123+13:00 host case - - - {cef}".encode()


async def test_from_syslog_to_an_access(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """As it came and a line feed onto the raw topic, whatever letters are in it; then through the mapping."""
    port, topic = free_port(), settings.topic(raw_topic("cef-audit"))
    sent = [a_message(1), a_message(2, " act=Ngāti\ttab"), b"<13>no CEF at all"]
    with rsyslog(environment, topic, port, tmp_path / "spool"):
        send(port, *sent)

        async def there() -> bool:
            return len(await read_all(str(settings.kafka), topic)) >= len(sent)

        await eventually_async(there)
    assert sorted(record.value for record in await read_all(str(settings.kafka), topic)) == sorted(lines(sent))
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        eventually(lambda: worker.metric("accesswatch_source_records_total") >= len(sent), worker.log())
        assert worker.metric("accesswatch_dead_letters_total", stage="map") == 1
        assert worker.stop() == 0
    accesses = [json.loads(one.value) for one in await read_all(str(settings.kafka), settings.topic(ACCESS))]
    assert sorted(one["client_id"] for one in accesses) == ["C-1", "C-2"]


async def test_what_waits_while_kafka_is_away_is_sent_later(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Taken while there is no Kafka, kept on disk over an orderly stop, and sent once there is one."""
    port, topic, spool = free_port(), settings.topic(raw_topic("cef-audit")), tmp_path / "spool"
    sent = [a_message(number) for number in range(50)]
    nowhere = environment | {"ACCESSWATCH_KAFKA": f"127.0.0.1:{free_port()}"}
    with rsyslog(nowhere, topic, port, spool):
        send(port, *sent)
        # Longer than librdkafka keeps a message before it gives it back.
        await asyncio.sleep(8)
    assert await read_all(str(settings.kafka), topic) == []
    with rsyslog(environment, topic, port, spool):
        # omkafka sends what it has kept when the next message comes.
        send(port, a_message(99))

        async def there() -> bool:
            # What was kept comes without the line feed.
            found = await read_all(str(settings.kafka), topic)
            return {record.value.rstrip(b"\n") for record in found} >= set(sent)

        await eventually_async(there)
