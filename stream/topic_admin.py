"""Creating the topics that are missing, and saying how existing ones differ.

An existing topic is never altered: what differs is said, and somebody decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream.commands.failure import CommandFailed
from stream.connections import kafka_python_options
from stream.refusal import why_not
from stream.settings import Settings
from stream.topics import CATALOGUE, PARTITIONS, REPLICATION_MAX, Topic

#: How long Kafka may take to answer at all.
ANSWER_SECONDS_MAX = 10.0
#: How long a new topic may take until each partition has a leader.
LEADERS_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Difference:
    """What an existing topic has otherwise than we would create it; *setting* ``topic`` stands for a missing one."""

    topic: str
    setting: str
    wanted: str
    found: str
    #: Whether records could be lost or refused by it; otherwise it is a choice that somebody made.
    matters: bool


@contextmanager
def administration(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A connection to Kafka for administration.

    Raises:
        CommandFailed: Kafka does not answer, or refused what was asked.
    """
    try:
        admin = KafkaAdminClient(**kafka_python_options(settings), bootstrap_timeout_ms=int(ANSWER_SECONDS_MAX * 1000))
    except (KafkaError, OSError) as error:
        raise CommandFailed(why_not(settings, error)) from error
    try:
        yield admin
    except KafkaError as error:
        raise CommandFailed(f"Kafka refused the request ({type(error).__name__}).") from error
    finally:
        admin.close()


def create_missing(
    admin: KafkaAdminClient, settings: Settings, *, partitions: int | None = None, replication: int | None = None
) -> list[str]:
    """Create the topics that are not there yet; return their names.

    Args:
        admin: a connection to Kafka.
        settings: carries the prefix of every name.
        partitions: how many each gets; ``PARTITIONS`` when None.
        replication: copies of each record; as many as there are brokers, at most three, when None.

    Raises:
        CommandFailed: Kafka refused to create one.
    """
    existing = set(admin.list_topics())
    replication = replication or default_replication(admin)
    wanted = {
        settings.topic(topic.name): {
            "num_partitions": partitions or PARTITIONS,
            "replication_factor": replication,
            "configs": topic.config(replication),
        }
        for topic in CATALOGUE
        if settings.topic(topic.name) not in existing
    }
    if not wanted:
        return []
    created = []
    for item in admin.create_topics(wanted, raise_errors=False)["topics"]:
        error = for_code(item["error_code"])
        if item["error_code"] == 0:
            created.append(item["name"])
        # Somebody else may create them at this moment; then they are there, which is all we want.
        elif error is not TopicAlreadyExistsError:
            reason = str(item.get("error_message") or error.__name__).rstrip(".")
            raise CommandFailed(f"Topic {item['name']} cannot be created: {reason}.")
    admin.wait_for_topics(list(wanted), timeout_ms=LEADERS_SECONDS_MAX * 1000)
    return created


def default_replication(admin: KafkaAdminClient) -> int:
    """As many copies as there are brokers, at most three."""
    return min(REPLICATION_MAX, len(admin.describe_cluster()["brokers"]))


def missing(admin: KafkaAdminClient, names: list[str]) -> list[str]:
    """Which of these topics (with their prefix) do not exist."""
    existing = set(admin.list_topics())
    return [name for name in names if name not in existing]


def differences(
    admin: KafkaAdminClient, settings: Settings, *, partitions: int = PARTITIONS, replication: int | None = None
) -> list[Difference]:
    """Compare every topic of ours with what ``create_missing`` would make of it."""
    replication = replication or default_replication(admin)
    absent = set(missing(admin, [settings.topic(topic.name) for topic in CATALOGUE]))
    found = [Difference(name, "topic", "exists", "missing", True) for name in sorted(absent)]
    present = {name: topic for topic in CATALOGUE if (name := settings.topic(topic.name)) not in absent}
    if not present:
        return found
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in present]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    for described in admin.describe_topics(list(present)):
        name = described["name"]
        found += _shape(name, described["partitions"], partitions, replication)
        found += _config(name, present[name], configs[name], replication)
    return found


def _shape(name: str, found: list[dict[str, Any]], partitions: int, replication: int) -> list[Difference]:
    copies = min((len(partition["replica_nodes"]) for partition in found), default=0)
    differences = []
    if len(found) != partitions:
        # Any number works; only how many workers can share the topic depends on it.
        differences.append(Difference(name, "partitions", str(partitions), str(len(found)), False))
    if copies != replication:
        differences.append(Difference(name, "replication", str(replication), str(copies), copies < replication))
    return differences


def _config(name: str, topic: Topic, found: dict[str, dict[str, Any]], replication: int) -> list[Difference]:
    differences = []
    for setting, wanted in topic.config(replication).items():
        value = str(found[setting]["value"])
        if setting == "cleanup.policy":
            if set(value.split(",")) != set(wanted.split(",")):
                differences.append(Difference(name, setting, wanted, value, True))
        elif int(value) != int(wanted):
            differences.append(Difference(name, setting, wanted, value, _is_less(int(value), int(wanted))))
    return differences


def _is_less(found: int, wanted: int) -> bool:
    """Less space, time or safety than wanted; -1 is without end."""
    return 0 <= found < wanted
