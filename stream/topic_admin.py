"""Topics in Kafka: creating those that are missing, saying how existing ones differ, and how far each reaches.

An existing topic is never altered: what differs is said, and somebody decides.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.errors import for_code as error_of
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from agents.batch import partition_key
from agents.connection_errors import why
from enrichment.errors import CommandError
from stream.connections import kafka_python_options, why_not
from stream.settings import Settings
from stream.sources import catalogue
from stream.topics import PARTITIONS, REPLICATION_MAX, Topic

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
        CommandError: Kafka does not answer, or refused what was asked.
    """
    try:
        admin = KafkaAdminClient(**kafka_python_options(settings), bootstrap_timeout_ms=int(ANSWER_SECONDS_MAX * 1000))
    except (KafkaError, OSError) as error:
        raise CommandError(why_not(settings, error)) from error
    try:
        yield admin
    except KafkaError as error:
        raise CommandError(f"Kafka at {settings.kafka} refused the request: {why(error)}.") from error
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
        CommandError: Kafka refused to create one.
    """
    existing = set(admin.list_topics())
    replication = replication or default_replication(admin)
    wanted = {
        settings.topic(topic.name): {
            "num_partitions": partitions or PARTITIONS,
            "replication_factor": replication,
            "configs": topic.config(replication),
        }
        for topic in catalogue(settings)
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
            raise CommandError(f"Topic {item['name']} cannot be created: {reason}.")
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
    topics = catalogue(settings)
    absent = set(missing(admin, [settings.topic(topic.name) for topic in topics]))
    found = [Difference(name, "topic", "exists", "missing", True) for name in sorted(absent)]
    present = {name: topic for topic in topics if (name := settings.topic(topic.name)) not in absent}
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


#: States of a consumer group that nobody belongs to.
_WITHOUT_MEMBERS = ("Empty", "Dead")
#: Milliseconds in which Kafka must answer a question about topics.
_ANSWER_MS_MAX = 15_000


class TopicEnds:
    """Asks Kafka about topics; reads no record and belongs to no group."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._admin = AIOKafkaAdminClient(**options, request_timeout_ms=_ANSWER_MS_MAX)
        # What is in a transaction that is still open counts once it is committed.
        self._consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_committed")

    async def start(self) -> None:
        """Connect.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        try:
            await self._admin.start()
            await self._consumer.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect."""
        await self._admin.close()
        await self._consumer.stop()

    async def has_members(self, group: str) -> bool:
        """Return whether Kafka counts anybody to a consumer group now.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        (answer,) = await self._admin.describe_consumer_groups([group])
        ((error, _, state, *_),) = answer.groups
        if error:
            raise error_of(error)
        return state not in _WITHOUT_MEMBERS

    async def committed(self, group: str, topics: Collection[str]) -> dict[str, int]:
        """Return the offset that a group has committed, by ``<topic>:<partition>``; without those that have none.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        found = await self._admin.list_consumer_group_offsets(group)
        return {partition_key(*tp): one.offset for tp, one in found.items() if tp.topic in topics and one.offset >= 0}

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Return all partitions of these topics.

        Raises:
            aiokafka.errors.KafkaError: a topic does not exist, or Kafka does not answer. None is ever left out.
        """
        found = []
        for described in await self._admin.describe_topics(list(topics)):
            if described["error_code"]:
                raise error_of(described["error_code"])
            found += [TopicPartition(described["topic"], part["partition"]) for part in described["partitions"]]
        if {tp.topic for tp in found} != set(topics):
            raise UnknownTopicOrPartitionError
        return found

    async def ends(self, topics: Collection[str]) -> dict[str, int]:
        """Return the end offset of each ``<topic>:<partition>``; 0 where nothing is left to read before it.

        Raises:
            aiokafka.errors.KafkaError: as ``partitions``.
        """
        partitions = await self.partitions(topics)
        beginnings = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return {partition_key(*tp): end if end > beginnings[tp] else 0 for tp, end in ends.items()}

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return, by partition, the first offset that is there and the one behind the last.

        Raises:
            aiokafka.errors.KafkaError: as ``partitions``.
        """
        partitions = await self.partitions([topic])
        first = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return {tp.partition: (first[tp], ends[tp]) for tp in partitions}

    async def offsets(self, topics: Collection[str]) -> dict[str, int]:
        """Return the next offset of each ``<topic>:<partition>``, whether or not a record is left before it.

        Raises:
            aiokafka.errors.KafkaError: as ``partitions``.
        """
        ends = await self._consumer.end_offsets(await self.partitions(topics))
        return {partition_key(*tp): end for tp, end in ends.items()}
