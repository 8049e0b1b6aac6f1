"""The embedded services: they never outlive us, need the network once, and stay only when asked to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.embedded import jars, local
from stream.embedded.failure import EmbeddedError
from stream.embedded.guarded import Guarded
from stream.embedded.kafka import answers as kafka_answers
from stream.embedded.kafka import start_kafka
from stream.embedded.server import free_port, listens
from stream.embedded.valkey import answers as valkey_answers
from stream.embedded.valkey import start_valkey
from tests.support.console import accesswatch

GONE_SECONDS_MAX = 20.0
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.strip().startswith("Z")


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + GONE_SECONDS_MAX
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def start_and_wait(command: list[str], log: Path) -> Guarded:
    """Start a guarded program and wait for its first word."""
    program = Guarded(command, log=log)
    program.start()
    assert eventually(lambda: "up" in log.read_text("utf-8"))
    return program


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    """However the parent dies, Kafka and Valkey are gone soon after."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.keeper", str(tmp_path)], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        parent.send_signal(number)
    assert eventually(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_child_dies_with_its_guardian(tmp_path: Path) -> None:
    """Should somebody kill the guardian itself."""
    program = start_and_wait(SLEEPER, tmp_path / "log")
    assert program._guardian is not None
    program._guardian.kill()
    assert eventually(lambda: not alive(program.pid))
    assert program.poll() == -signal.SIGKILL


def test_a_guarded_program_is_stopped_and_started_again(tmp_path: Path) -> None:
    """It says how it ended, and adds to its log."""
    program = start_and_wait(SLEEPER, tmp_path / "log")
    assert program.poll() is None
    assert program.stop(10) == 128 + signal.SIGTERM
    first = program.pid
    program.start()
    assert program.pid != first
    assert eventually(lambda: (tmp_path / "log").read_text("utf-8").count("up") == 2)
    os.kill(program.pid, signal.SIGKILL)
    assert eventually(lambda: program.poll() == 128 + signal.SIGKILL)


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """After the time that it was given."""
    program = start_and_wait(STUBBORN, tmp_path / "log")
    assert program.stop(0.3) == 128 + signal.SIGKILL
    assert not alive(program.pid)


def test_exit_code_and_environment_are_handed_on(tmp_path: Path) -> None:
    """The environment is the one that was given, whole."""
    code = "import os, sys; sys.exit(int(os.environ['CODE']) + ('HOME' in os.environ))"
    program = Guarded([sys.executable, "-I", "-c", code], environment={"CODE": "42"}, log=tmp_path / "log")
    program.start()
    assert eventually(lambda: program.poll() == 42)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    """A sentence, and no process left."""
    with pytest.raises(EmbeddedError, match="cannot be started: No such file or directory"):
        Guarded([tmp_path / "nothing"]).start()


def test_the_second_start_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembered jars are enough: with the resolver out of reach Kafka starts all the same."""
    jars.classpath()

    def out_of_reach() -> list[str]:
        raise AssertionError("the resolver was asked")

    monkeypatch.setattr(jars, "_resolve", out_of_reach)
    server = start_kafka(tmp_path, guarded=True)
    try:
        assert kafka_answers(server.address)
    finally:
        server.program.kill()


def test_the_first_start_without_network_is_a_sentence(tmp_path: Path) -> None:
    """An empty home directory and a proxy that is not there: what is missing, and what to do."""
    nowhere = "http://127.0.0.1:9"
    environment = os.environ | {
        "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state"),
        "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "ACCESSWATCH_STATE_DIR": str(tmp_path / "state"),
    }  # fmt: skip
    done = accesswatch("local", "up", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be fetched from Maven Central" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "state").rglob("kafka.json"))


def test_jars_that_have_gone_are_not_believed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody emptied the cache: it is resolved again."""
    monkeypatch.setattr(jars, "remembered_file", lambda: tmp_path / "jars.json")
    (tmp_path / "jars.json").write_text(json.dumps([str(tmp_path / "gone.jar")]), "utf-8")
    assert jars._remembered() is None


def test_a_port_that_is_taken_is_not_insisted_on(tmp_path: Path) -> None:
    """Valkey moves to another one."""
    first = start_valkey(tmp_path / "first", guarded=True)
    port = int(first.address.rpartition(":")[2])
    second = start_valkey(tmp_path / "second", guarded=True, port=port)
    assert second.address != first.address
    assert valkey_answers(second.address)
    second.program.kill()
    first.program.kill()
    assert not listens(first.address)


def test_a_broker_that_dies_at_its_start_is_a_sentence(tmp_path: Path) -> None:
    """The last thing it said, and where the rest is."""
    with pytest.raises(EmbeddedError, match=r"Kafka('s storage in| ended while it started).*") as caught:
        start_kafka(tmp_path, guarded=True, properties={"log.retention.ms": "rubbish"})
    assert "\n" not in str(caught.value)


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
