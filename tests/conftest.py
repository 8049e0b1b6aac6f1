"""What every test may ask for: a real Kafka and Valkey, settings of its own, and topics nobody else uses."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.cluster import Cluster, cluster
from sandbox.server import free_port
from sandbox.services import Addresses
from stream.settings import PREFIX, Settings
from tests.support import services as real

TEST_PARTITIONS = 4
_USED = pytest.StashKey[str]()
#: What a shell, a job or a person may have set that changes what a program prints or how it runs. Settings of ours go
#: too, but for those that name a Kafka and a Redis to test on.
_NOT_INHERITED = (
    "LANG", "LANGUAGE", "LC_", "TZ", "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "PY_COLORS",
    "TTY_", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONUNBUFFERED", "PYTHONWARNINGS", "PYTHONOPTIMIZE", PREFIX,
)  # fmt: skip
_SERVICES = (f"{PREFIX}KAFKA", f"{PREFIX}REDIS")
#: Signals that a job in the background, a supervisor or a test runner may hand on ignored.
_SIGNALS = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGCHLD,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)


def pytest_configure() -> None:
    """Let nothing depend on what has started the tests: signals, umask, streams, locale, time zone, other variables."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    for name in list(os.environ):
        if name.startswith(_NOT_INHERITED) and name not in _SERVICES:
            del os.environ[name]
    # A proxy is for what is downloaded; all that the tests start themselves is here.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost,127.0.0.1,::1")))
    # Programs that tests start read and write UTF-8, whatever this machine is set to.
    os.environ["LC_ALL"] = "C.UTF-8"
    time.tzset()
    if sys.stdin is None:
        # Closed: the next file that is opened would become the standard input of every program that is started.
        os.open(os.devnull, os.O_RDONLY)


def pytest_report_header() -> str:
    """Return which Kafka and Valkey the tests would use."""
    return f"services: {real.which()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print which Kafka and Valkey the tests did use."""
    spread = (
        f"{real.which()}, one each for the processes that ran the tests"
        if config.getoption("dist", "no") != "no"
        else None
    )
    terminalreporter.write_line(f"services used: {spread or config.stash.get(_USED, 'none; no test asked for them')}")


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Addresses]:
    """The addresses of a real Kafka and a real Valkey; started by the first test that asks."""
    with real.services(tmp_path_factory.mktemp("services")) as addresses:
        pytestconfig.stash[_USED] = f"{real.which()}: {addresses.kafka}, {addresses.redis}"
        yield addresses


@pytest.fixture
def settings(services: Addresses, tmp_path: Path) -> Settings:
    """Settings with topics, a group and a state directory that no other test has, and an empty Valkey."""
    if real.are_ours():
        import redis  # noqa: PLC0415 - only tests with services need it

        with redis.Redis.from_url(services.redis) as connection:
            connection.flushall()
    token = secrets.token_hex(4)
    return Settings(
        kafka=services.kafka,
        redis=SecretStr(services.redis),
        topic_prefix=f"test-{token}.",
        group=f"test-{token}",
        state_dir=tmp_path / "state",
        http=f"127.0.0.1:{free_port()}",
    )


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The same settings as a command reads them, and nothing else of ours."""
    assert settings.kafka is not None
    assert settings.redis is not None
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {
        "ACCESSWATCH_KAFKA": settings.kafka,
        "ACCESSWATCH_REDIS": settings.redis.get_secret_value(),
        "ACCESSWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "ACCESSWATCH_GROUP": settings.group,
        "ACCESSWATCH_STATE_DIR": str(settings.state_dir),
        "ACCESSWATCH_HTTP": settings.http,
        # Tests that are about it set a folder.
        "ACCESSWATCH_HISTORY": "off",
    }


@pytest.fixture
def topics(settings: Settings) -> Iterator[list[str]]:
    """Every topic of the contract, for this test alone; removed afterwards."""
    from stream.topic_admin import administration, create_missing  # noqa: PLC0415 - Kafka's client is slow to import

    with administration(settings) as admin:
        names = create_missing(admin, settings, partitions=TEST_PARTITIONS)
    yield names
    with administration(settings) as admin:
        admin.delete_topics(names, raise_errors=False)


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers of their own for the tests of one module, to be killed and frozen."""
    with cluster(tmp_path_factory.mktemp("brokers")) as brokers:
        yield brokers


@pytest.fixture
def on_three_brokers(settings: Settings, three_brokers: Cluster) -> Settings:
    """Settings of one test with the cluster in place of the one broker, whole, and every topic in three copies."""
    from stream.topic_admin import administration, create_missing  # noqa: PLC0415 - Kafka's client is slow to import

    three_brokers.restore()
    moved = settings.model_copy(update={"kafka": three_brokers.bootstrap})
    with administration(moved) as admin:
        create_missing(admin, moved, partitions=TEST_PARTITIONS)
    return moved
