"""The embedded services: they never outlive us, and need the network once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import jars
from sandbox.kafka import answers as kafka_answers
from sandbox.kafka import start_kafka
from sandbox.program import EmbeddedError, Guarded
from sandbox.server import listens
from sandbox.valkey import answers as valkey_answers
from sandbox.valkey import start_valkey
from tests.support.console import accesswatch
from tests.support.processes import SLEEPER, alive, eventually

STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


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
