"""What the tests of operation share: servers that believe nobody."""

from collections.abc import Iterator

import pytest

from tests.support.secured import Authority, SecuredKafka, secured_kafka


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA of our own."""
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="session")
def guarded_kafka(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecuredKafka]:
    """A broker with TLS, SCRAM, client certificates and an authorizer."""
    with secured_kafka(tmp_path_factory.mktemp("guarded") / "kafka", authority) as broker:
        yield broker
