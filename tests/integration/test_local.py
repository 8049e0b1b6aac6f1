"""``local up`` and ``local down``: they stay when asked to, and nobody else's process is touched."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import local
from sandbox.kafka import answers as kafka_answers
from sandbox.server import free_port
from tests.support.console import accesswatch
from tests.support.processes import SLEEPER, alive


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """Where ``local`` keeps its state; whatever is started there is stopped again."""
    yield tmp_path
    local.down(tmp_path)


def pids(state_dir: Path) -> dict[str, int]:
    """The pids that ``local up`` has written down."""
    return {name: json.loads((state_dir / "local" / f"{name}.json").read_text())["pid"] for name in ("kafka", "valkey")}


def test_local_up_stays_until_local_down(state_dir: Path) -> None:
    """Up twice is up once; export $(accesswatch local up) works; down leaves nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCESSWATCH_")}
    environment["ACCESSWATCH_STATE_DIR"] = str(state_dir)
    first = accesswatch("local", "up", environment=environment)
    assert first.returncode == 0, first.stderr
    lines = dict(line.split("=", 1) for line in first.stdout.splitlines())
    assert set(lines) == {"ACCESSWATCH_KAFKA", "ACCESSWATCH_REDIS"}
    assert kafka_answers(lines["ACCESSWATCH_KAFKA"])
    assert accesswatch("local", "up", environment=environment).stdout == first.stdout
    assert accesswatch("topics", "create", environment=environment).returncode == 0
    started = pids(state_dir)
    assert accesswatch("local", "down", environment=environment).returncode == 0
    assert not any(alive(pid) for pid in started.values())
    assert not (state_dir / "local").exists()
    assert accesswatch("local", "down", environment=environment).returncode == 0
    unset = accesswatch("topics", "check", environment=environment)
    assert unset.returncode == 1
    assert "start one with `accesswatch local up`" in unset.stderr


@pytest.mark.long
def test_what_a_reboot_left_behind_is_started_again(state_dir: Path) -> None:
    """With the addresses and Kafka's data as they were."""
    before = local.up(state_dir, say=print)
    cluster = state_dir / "local" / "kafka" / "data" / "meta.properties"
    identity = cluster.read_text("utf-8")
    for pid in pids(state_dir).values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert local.running(state_dir) is None
    assert local.up(state_dir, say=print) == before
    assert cluster.read_text("utf-8").splitlines()[2:] == identity.splitlines()[2:]


def test_a_pid_that_is_somebody_elses_now_is_left_alone(state_dir: Path) -> None:
    """The state is of another time, and the number belongs to another program."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.DEVNULL) as other:
        (state_dir / "local").mkdir()
        for name in ("kafka", "valkey"):
            state = {"pid": other.pid, "address": f"127.0.0.1:{free_port()}", "command": [name, "of old"]}
            (state_dir / "local" / f"{name}.json").write_text(json.dumps(state), "utf-8")
        assert local.running(state_dir) is None
        assert local.down(state_dir)
        assert other.poll() is None
        other.kill()
