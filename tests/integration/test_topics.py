"""Topics: created once, never altered, and what differs is said."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka.admin import KafkaAdminClient

from stream.settings import Settings
from stream.topic_admin import administration, create_missing, differences
from stream.topics import ACCESS, ALERT, CATALOGUE, PARTITIONS
from tests.support.console import accesswatch

pytestmark = pytest.mark.services


@pytest.fixture
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A connection, and no topic of this test left behind."""
    with administration(settings) as connection:
        yield connection
        ours = [name for name in connection.list_topics() if name.startswith(settings.topic_prefix)]
        if ours:
            connection.delete_topics(ours)


def test_created_as_the_contract_says(admin: KafkaAdminClient, settings: Settings) -> None:
    """All eighteen, eight partitions each, and then nothing differs and nothing is left to do."""
    created = create_missing(admin, settings)
    assert sorted(created) == sorted(settings.topic(topic.name) for topic in CATALOGUE)
    assert len(created) == 20
    assert {len(topic["partitions"]) for topic in admin.describe_topics(created)} == {PARTITIONS}
    assert differences(admin, settings) == []
    assert create_missing(admin, settings) == []


def test_two_at_once_do_not_hinder_each_other(admin: KafkaAdminClient, settings: Settings) -> None:
    """Whoever comes second finds them there."""

    def create(_: int) -> list[str]:
        with administration(settings) as connection:
            return create_missing(connection, settings)

    with ThreadPoolExecutor(2) as pool:
        created = [name for names in pool.map(create, range(2)) for name in names]
    assert len(created) == len(set(created)) == len(CATALOGUE)
    assert differences(admin, settings) == []


def test_an_existing_topic_is_left_alone_and_what_differs_is_said(admin: KafkaAdminClient, settings: Settings) -> None:
    """Fewer bytes and no compaction matter; another number of partitions is somebody's choice."""
    access, alert = settings.topic(ACCESS), settings.topic(ALERT)
    admin.create_topics(
        {
            access: {"num_partitions": 3, "replication_factor": 1, "configs": {"max.message.bytes": "1000"}},
            alert: {"num_partitions": 8, "replication_factor": 1, "configs": {"retention.ms": "-1"}},
        },
        wait_for_metadata=True,
    )
    assert len(create_missing(admin, settings)) == len(CATALOGUE) - 2
    found = {(item.topic, item.setting): item for item in differences(admin, settings)}
    assert (found[access, "partitions"].found, found[access, "partitions"].matters) == ("3", False)
    assert (found[access, "max.message.bytes"].found, found[access, "max.message.bytes"].matters) == ("1000", True)
    assert (found[alert, "cleanup.policy"].found, found[alert, "cleanup.policy"].matters) == ("delete", True)
    assert not found[alert, "retention.ms"].matters


def test_by_command(admin: KafkaAdminClient, settings: Settings, environment: dict[str, str]) -> None:
    """Check fails while they are missing, create makes them, and both are content afterwards."""
    missing = accesswatch("topics", "check", "--json", environment=environment)
    assert missing.returncode == 1
    assert {item["found"] for item in json.loads(missing.stdout)} == {"missing"}
    assert missing.stderr.startswith("20 of 20 topics are missing")
    assert accesswatch("topics", "create", "--partitions", "2", environment=environment).returncode == 0
    assert "0 created" in accesswatch("topics", "create", environment=environment).stdout
    assert accesswatch("topics", "check", environment=environment).returncode == 0
    names = [settings.topic(ACCESS)]
    assert len(admin.describe_topics(names)[0]["partitions"]) == 2


def test_a_kafka_that_is_not_there_is_a_sentence(environment: dict[str, str]) -> None:
    """Exit 1, the address, and what to look at."""
    done = accesswatch("topics", "check", environment=environment | {"ACCESSWATCH_KAFKA": "127.0.0.1:1"})
    assert done.returncode == 1
    assert done.stderr.startswith("Kafka does not answer at 127.0.0.1:1")
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage_is_two(environment: dict[str, str]) -> None:
    """No partitions at all is no topic."""
    assert accesswatch("topics", "create", "--partitions", "0", environment=environment).returncode == 2
