"""What every test may ask for: a real Kafka and Valkey, settings of its own, and topics nobody else uses."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from stream.embedded.cluster import Cluster, cluster
from stream.embedded.server import free_port
from stream.embedded.services import Addresses
from stream.settings import PREFIX, Settings
from tests.support import services as real

TEST_PARTITIONS = 4
_USED = pytest.StashKey[str]()


def pytest_report_header() -> str:
    """Say which Kafka and Valkey the tests would use."""
    return f"services: {real.which()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which Kafka and Valkey the tests did use."""
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
