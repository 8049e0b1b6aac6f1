"""Whatever has started a command: signals ignored or blocked, streams closed, umask, locale, time zone, no terminal."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alerts.detection.registry import RULES
from alerts.store.store import Store
from stream.settings import Settings
from tests.support.alert_builders import NOW, a_hit
from tests.support.console import ACCESSWATCH, accesswatch
from tests.support.terminal import a_terminal
from tests.support.worker import a_worker, eventually, without_ours

ALL = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}


def ignoring_everything() -> None:
    """As the worst of parents leaves a process: all signals ignored, and blocked."""
    for number in ALL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)


def without_streams() -> None:
    """As `<&- >&- 2>&-` does."""
    for descriptor in (0, 1, 2):
        os.close(descriptor)


def without_input() -> None:
    """As `<&-` does."""
    os.close(0)


WAYS: dict[str, tuple[Callable[[], object] | None, dict[str, str]]] = {
    "all signals ignored and blocked": (ignoring_everything, {}),
    "no standard input": (without_input, {}),
    "an open umask": (lambda: os.umask(0), {}),
    "a closed umask": (lambda: os.umask(0o077), {}),
    "the C locale": (None, {"LC_ALL": "C"}),
    "the C locale, and not UTF-8": (None, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "output in Latin-1": (None, {"PYTHONIOENCODING": "latin-1"}),
    "output in ASCII": (None, {"PYTHONIOENCODING": "ascii"}),
    "a time zone behind": (None, {"TZ": "America/St_Johns"}),
    "a time zone ahead": (None, {"TZ": "Pacific/Kiritimati"}),
    "no such time zone": (None, {"TZ": "Nowhere/Else"}),
    "no home": (None, {"HOME": ""}),
    "colours wanted": (None, {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}),
    "no width": (None, {"COLUMNS": "1", "LINES": "1"}),
    "no such terminal": (None, {"TERM": "nowhere"}),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store with an alert about somebody with a macron, and settings that name it."""
    store = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES)
    store.take_hits([a_hit(staff="Tāwhiri-東")], NOW)
    store.close()
    return without_ours() | {"ACCESSWATCH_STATE_DIR": str(tmp_path), "ACCESSWATCH_ACTOR": "S-77"}


def ran(environment: Mapping[str, str], before: Callable[[], object] | None, *arguments: str) -> tuple[int, str]:
    """Run a command so; its exit code and what it printed, in whatever encoding."""
    done = subprocess.run(
        [ACCESSWATCH, *arguments], env=dict(environment), stdin=None if before is without_input else subprocess.DEVNULL,
        capture_output=True, preexec_fn=before, timeout=60, check=False,
    )  # fmt: skip
    text = (done.stdout + done.stderr).decode("utf-8", "backslashreplace")
    assert "Traceback" not in text
    return done.returncode, text


@pytest.mark.parametrize("way", WAYS)
def test_a_command_does_its_work(environment: dict[str, str], way: str) -> None:
    """Lists, shows, checks, and says what is wrong: times are New Zealand's, and no character stops it."""
    before, more = WAYS[way]
    code, listed = ran(environment | more, before, "alerts", "list")
    assert (code, "Fri 20 Nov 2026, 09:14:09 NZDT" in listed, listed.count("\t")) == (0, True, 7), listed
    assert any(name in listed for name in ("Tāwhiri-東", "T\\xe2whiri-\\u6771", "T\\u0101whiri-\\u6771")), listed
    code, said = ran(environment | more, before, "alerts", "show", "nō-such")
    assert (code, said.count("\n")) == (2 if "PYTHONUTF8" in more else 1, 1), said
    assert ran(environment | more, before, "alerts", "ack", listed.split("\t")[0])[0] == 0


def test_arguments_that_are_no_text_are_a_sentence(environment: dict[str, str]) -> None:
    """Bytes that stand for no character: as an id, as a text, as the name of a file that is not there."""
    given: list[list[bytes]] = [
        [b"alerts", b"show", b"\xff\xfe"],
        [b"alerts", b"list", b"--staff", b"\xff"],
        [b"access", b"load", b"\xff"],
    ]
    for arguments in given:
        done = subprocess.run([ACCESSWATCH.encode(), *arguments], env=environment, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_nothing_is_written_where_a_stream_would_be(environment: dict[str, str], tmp_path: Path) -> None:
    """With all three closed a file or a database does not become one of them."""
    database = (tmp_path / "alerts.sqlite3").read_bytes()
    done = subprocess.run([ACCESSWATCH, "alerts", "list"], env=environment, preexec_fn=without_streams, check=False)
    assert done.returncode == 0
    assert (tmp_path / "alerts.sqlite3").read_bytes() == database


@pytest.mark.parametrize("umask", [0, 0o077])
def test_nobody_else_can_write_our_files(environment: dict[str, str], tmp_path: Path, umask: int) -> None:
    """Neither group nor others, whatever the umask was."""
    out = tmp_path / "out"
    code, _ = ran(environment, lambda: os.umask(umask), "simulate", "days", str(out), "--staff", "40", "--days", "1")
    written = list(out.rglob("*"))
    assert code == 0
    assert len(written) > 5
    assert [path for path in (out, *written) if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)] == []


def test_ctrl_c_at_a_terminal_ends_whatever_was_inherited(environment: dict[str, str]) -> None:
    """SIGINT ignored by the parent: the key does what it says, and the terminal is given back."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with a_terminal("watch", "--interval", "0.1", environment=environment) as terminal:
            terminal.shows("1 open")
            terminal.press("\x03")
            assert terminal.end() == 130
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_job_in_the_background_is_ended_by_sigterm_alone(environment: dict[str, str]) -> None:
    """SIGINT that the parent ignores is the terminal's, not ours; SIGTERM ends it though it was ignored and blocked."""
    with subprocess.Popen(
        [ACCESSWATCH, "watch", "--plain", "--interval", "0.1"], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=ignoring_everything,  # noqa: PLW1509 what is tried
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.services
@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_cleanly_whatever_was_inherited(
    settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    """All signals ignored and blocked by what started it, all streams but its log closed: 0 within its time."""
    assert settings.kafka is not None
    assert settings.redis is not None
    environment = without_ours() | {
        "ACCESSWATCH_KAFKA": settings.kafka, "ACCESSWATCH_REDIS": settings.redis.get_secret_value(),
        "ACCESSWATCH_TOPIC_PREFIX": settings.topic_prefix, "ACCESSWATCH_GROUP": settings.group,
        "ACCESSWATCH_STATE_DIR": str(settings.state_dir), "ACCESSWATCH_HTTP": settings.http, "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
    }  # fmt: skip
    before = {one: signal.getsignal(one) for one in ALL if signal.getsignal(one) is not None}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    ignoring_everything()
    try:
        with a_worker(environment, tmp_path, ready=False) as worker:
            for one, handler in before.items():
                signal.signal(one, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            worker.wait_ready()
            eventually(lambda: worker.page("/livez")[0] == 200)
            assert worker.stop(number) == 0, worker.log()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def test_what_is_tried_would_matter(tmp_path: Path) -> None:
    """A program that puts nothing in order has each of these: what is tried is really handed on."""
    code = (
        "import os, signal, sys; print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN, "
        "signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.umask(0))"
    )
    for before, expected in ((ignoring_everything, "True True"), (lambda: os.umask(0o077), "False False 63")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=before, check=True, cwd=tmp_path)
        assert done.stdout.startswith(expected)


def test_embedded_services_start_in_any_locale(tmp_path: Path) -> None:
    """Java reads the names of files by the locale: in a folder with a macron, under the C locale."""
    home = without_ours() | {"LC_ALL": "C", "ACCESSWATCH_STATE_DIR": str(tmp_path / "tāmaki")}
    try:
        up = accesswatch("local", "up", environment=home)
        assert (up.returncode, up.stdout.count("=127.0.0.1:")) == (0, 1), up.stderr
    finally:
        assert accesswatch("local", "down", environment=home).returncode == 0
