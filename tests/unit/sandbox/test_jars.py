"""Kafka's jars are found once, by one process at a time."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.jars import remembered_file


def test_a_process_waits_for_the_one_that_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers of a test run on a new machine: the second takes what the first has found, and asks nobody."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    remembered, jar = remembered_file(), tmp_path / "kafka.jar"
    jar.write_bytes(b"")
    remembered.parent.mkdir(parents=True)
    with remembered.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-c", "from sandbox.jars import classpath; print(classpath())"],
            env=dict(os.environ), stdout=subprocess.PIPE, text=True,
        ) as second:  # fmt: skip
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(3)
            remembered.write_text(json.dumps([str(jar)]), "utf-8")
            fcntl.flock(lock, fcntl.LOCK_UN)
            said, _ = second.communicate(timeout=60)
    assert said.strip() == str(jar)
