"""The whole job in one command: every access assessed, every planted one found, whatever happens on the way."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from alerts.detection.registry import RULES
from sandbox.services import Addresses
from stream.settings import PREFIX
from tests.support.console import ACCESSWATCH

pytestmark = [pytest.mark.services, pytest.mark.timeout(170)]

END_SECONDS_MAX = 120.0


class Demo:
    """A demo with plain lines, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Read on until a line matches."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"no line matched {pattern!r}:\n" + "\n".join(self.lines))

    def signal(self, number: int) -> None:
        """Send a signal to the demo itself."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Read to the end and give the exit code."""
        assert self._process.stdout is not None
        self.lines += [line.rstrip() for line in self._process.stdout]
        return self._process.wait(END_SECONDS_MAX)

    def line(self, start: str) -> str:
        """Return the line of the summary that begins like this."""
        return next(line for line in self.lines if line.startswith(start))


@contextmanager
def demo(directory: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[Demo]:
    """Run the demo with nothing of ours in its environment but what is given; its files go into *directory*."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    private = {"TMPDIR": str(directory), "XDG_STATE_HOME": str(directory / "state"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [ACCESSWATCH, "demo", "--no-ui", *arguments],
        env=inherited | private | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Demo(process)
    finally:
        process.kill()
        process.communicate()


def _assert_all_found(run: Demo) -> None:
    for rule in RULES.keys() - {"unanswered-notice"}:
        found = re.search(r"(\d+) of (\d+) found", run.line(f"Planted   {rule} "))
        assert found is not None
        assert found[1] == found[2] != "0"
    assert "none raised an alert" in run.line("Look-alikes")
    assert ", none twice:" in run.line("Alerts")


def test_the_demo_finds_what_was_planted(tmp_path: Path) -> None:
    """Everything is assessed and found, the mails arrive, and nothing is left behind."""
    with demo(tmp_path, "--minutes", "0.3") as run:
        address = run.until(r"e-mails can be read at (http://127\.0\.0\.1:\d+/)")[1]
        run.until(r"alerts [1-9]\d?,")
        with urlopen(address) as page:  # noqa: S310 - our own page
            assert "[accesswatch] high" in page.read().decode()
        assert run.end() == 0, run.lines
    assert run.line("Played    3,600 accesses")
    assert run.line("Assessed  3,600")
    _assert_all_found(run)
    alerts, mails = (int(re.sub(r"\D", "", run.line(word).split()[1])) for word in ("Alerts", "E-mails"))
    # Of those that settle nobody is told in so short a day; questions to staff members go to nobody in Integrity.
    assert alerts > mails > len(RULES)
    assert list(tmp_path.glob("accesswatch-demo-*")) == []


@pytest.mark.long
def test_a_worker_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """The worker is started again; still every access is assessed, and no alert is there twice."""
    with demo(tmp_path, "--minutes", "0.3") as run:
        worker = int(run.until(r"worker started, process (\d+)")[1])
        run.until(r"played [1-9]")
        os.kill(worker, signal.SIGKILL)
        run.until(r"worker ended with exit code 137; starting it again")
        assert run.end() == 0, run.lines
    assert run.line("Assessed  3,600").endswith("worker restarted 1 time)")
    _assert_all_found(run)


def test_ctrl_c_ends_the_day_and_leaves_ones_own_services_as_they_were(tmp_path: Path, services: Addresses) -> None:
    """On one's own Kafka and Redis nothing is started, and topics and keys are removed again."""
    own = {"ACCESSWATCH_KAFKA": services.kafka, "ACCESSWATCH_REDIS": services.redis}
    before = _topics(services), _keys(services)
    with demo(tmp_path, environment=own) as run:
        run.until(r"\balert high\b")
        run.signal(signal.SIGINT)
        assert run.end() == 130, run.lines
    assert run.line("First alert  after")
    played, assessed = (re.sub(r"\D", "", run.line(word).split()[1]) for word in ("Played", "Assessed"))
    assert played == assessed
    assert not any("demo" in name for name in _topics(services) - before[0])
    assert _keys(services) <= before[1]


def _topics(services: Addresses) -> set[str]:
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415 - slow to import

    admin = KafkaAdminClient(bootstrap_servers=services.kafka)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


def _keys(services: Addresses) -> int:
    import redis  # noqa: PLC0415 - only tests with services need it

    with redis.Redis.from_url(services.redis) as connection:
        return int(connection.dbsize())
