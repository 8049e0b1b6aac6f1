"""``accesswatch watch`` on a pseudo-terminal, with real key presses; and in a pipe."""

import signal
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import connect

import pytest

from alerts.alert import alert_id
from alerts.detection.registry import RULES
from alerts.store.store import Store
from enrichment.nz_time import nz_date
from tests.support.alert_builders import NOON, NOW, a_hit, an_answer
from tests.support.console import ACCESSWATCH
from tests.support.terminal import Terminal, a_terminal
from tests.support.worker import eventually, without_ours

DOWN = "\x1b[B"
RAISED = [("C-1", "high", "own-record"), ("C-2", "medium", "media-watchlist"), ("C-3", "low", "repeat-visits")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings that name a store of this test's own."""
    return without_ours() | {
        "ACCESSWATCH_STATE_DIR": str(tmp_path),
        "ACCESSWATCH_ACTOR": "S-77",
        "TERM": "xterm-256color",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that the command opens, with three alerts: the last one raised is the newest."""
    opened = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES)
    for number, raised in enumerate(RAISED):
        raise_alert(opened, number, *raised)
    yield opened
    opened.close()


def raise_alert(store: Store, number: int, client: str, severity: str, rule: str) -> None:
    """Raise an alert so many seconds after the others."""
    answer = an_answer(rule, severity)  # type: ignore[arg-type]
    store.take_hits([a_hit(f"e-{number}", [answer], client=client)], NOW.replace(second=20 + number))


def id_of(client: str) -> str:
    """The alert about a client's record."""
    return alert_id("S-1", client, nz_date(NOON))


@contextmanager
def watching(*arguments: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Watch on a terminal for as long as the block."""
    with a_terminal("watch", "--interval", "0.1", *arguments, environment=environment) as terminal:
        yield terminal


def test_the_chosen_alert_is_acknowledged_with_one_key(store: Store, environment: dict[str, str]) -> None:
    """Newest first, counted by severity; the choice stays with its alert when a newer one comes; q ends."""
    with watching(environment=environment) as terminal:
        lines = terminal.shows("3 open  1 high  1 medium  1 low", "Client in the media")
        assert [line.split()[0] for line in lines[3:6]] == [id_of(client)[:11] for client in ("C-3", "C-2", "C-1")]
        assert "S-1" not in str(terminal)
        assert "C-2" not in str(terminal)
        terminal.press("a")
        terminal.shows("None is chosen")
        terminal.choose(DOWN + DOWN, "Client in the media")
        raise_alert(store, 9, "C-9", "critical", "restricted-record")
        terminal.shows("4 open  1 critical")
        assert "Client in the media" in terminal.chosen()
        terminal.press("a")
        terminal.shows(f"{id_of('C-2')} is acknowledged.", "acknowledged  1")
        terminal.press("g")
        eventually(lambda: not terminal.chosen())
        terminal.choose(DOWN, "critical")
        terminal.press("q")
        assert terminal.end() == 0
    assert {alert.status for alert in map(store.get, map(id_of, ("C-1", "C-3", "C-9")))} == {"new"}
    assert [(entry.what, entry.by) for entry in store.history(id_of("C-2"))] == [
        ("raised", None), ("acknowledged", "S-77"),
    ]  # fmt: skip


@pytest.mark.usefixtures("store")
def test_nobody_sees_an_alert_about_themselves(environment: dict[str, str]) -> None:
    """As in `alerts list`: who is named by ACCESSWATCH_ACTOR finds none here."""
    with watching("--ids", environment=environment | {"ACCESSWATCH_ACTOR": "S-1"}) as terminal:
        terminal.shows("0 open", "No alert is open.")
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("how", "code"), [("Ctrl-C", 130), ("SIGTERM", 143)])
def test_the_terminal_is_given_back(environment: dict[str, str], how: str, code: int) -> None:
    """Ctrl-C as a key press, or a signal from elsewhere: modes, screen and cursor are as before."""
    with watching(environment=environment) as terminal:
        terminal.shows("3 open")
        assert termios.tcgetattr(terminal._theirs) != terminal.before
        if how == "Ctrl-C":
            terminal.press("\x03")
        else:
            terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == code


def test_what_somebody_else_does_is_seen(store: Store, environment: dict[str, str]) -> None:
    """A closed alert goes; an alert that cannot be acknowledged any more says why; more than fit are scrolled to."""
    with watching("--ids", environment=environment) as terminal:
        terminal.shows("3 open", "C-2")
        store.close_alert(id_of("C-2"), "explained", because=None, by="S-9", now=NOW)
        terminal.shows("2 open")
        assert "C-2" not in str(terminal)
        for number in range(30):
            raise_alert(store, 10 + number, f"D-{number}", "low", "repeat-visits")
        terminal.shows("32 open", "D-29")
        terminal.choose("j" * 40, "C-1")
        assert "14 newer above" in str(terminal)
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.usefixtures("store")
def test_a_store_that_does_not_answer_is_said_and_waited_for(environment: dict[str, str], tmp_path: Path) -> None:
    """The list stays, said to be old; then it goes on."""
    with watching(environment=environment) as terminal, closing(connect(tmp_path / "alerts.sqlite3")) as database:
        terminal.shows("3 open")
        database.execute("ALTER TABLE alerts RENAME TO elsewhere")
        terminal.shows("Not up to date: ", "3 open")
        database.execute("ALTER TABLE elsewhere RENAME TO alerts")
        eventually(lambda: "Not up to date: " not in str(terminal))
        terminal.press("q")
        assert terminal.end() == 0


def test_a_pipe_gets_a_line_for_each_alert_and_each_change(store: Store, environment: dict[str, str]) -> None:
    """The open ones, the oldest at the top; then what comes, is acknowledged, is closed; Ctrl-C ends."""
    with subprocess.Popen(
        [ACCESSWATCH, "watch", "--plain", "--interval", "0.1"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        reading = process.stdout

        def line() -> list[str]:
            return reading.readline().rstrip("\n").split("\t")

        assert [line()[0] for _ in range(3)] == [id_of(client) for client in ("C-1", "C-2", "C-3")]
        raise_alert(store, 9, "C-9", "critical", "restricted-record")
        came = line()
        assert (came[0], came[2:5]) == (id_of("C-9"), ["critical", "new", "1"])
        store.acknowledge(id_of("C-9"), "S-9", NOW)
        assert line()[3] == "acknowledged"
        store.close_alert(id_of("C-9"), "data_error", because=None, by="S-9", now=NOW)
        assert line()[3] == "closed (data_error)"
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), reading.read(), process.stderr.read()) == (130, "", "")


def test_without_a_store_it_says_so(environment: dict[str, str]) -> None:
    """One sentence, exit 1, and no screen."""
    done = subprocess.run(
        [ACCESSWATCH, "watch", "--plain"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
