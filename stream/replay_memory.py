"""What was put back already, and how often: remembered by Kafka, as the offsets of a group of its own.

Each dead-letter partition has one committed offset, the first dead letter that has not been put back, and beside it a
short text with all that have (``replay_runs``), so that a replay with filters is remembered as well.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaError,
    NoError,
    NotCoordinatorError,
    UnsupportedVersionError,
    for_code,
)
from kafka.protocol.consumer import OffsetCommitRequest
from kafka.structs import OffsetAndMetadata

from stream.commands.failure import CommandFailed
from stream.replay_runs import Runs
from stream.settings import Settings

#: The longest text that is kept; Kafka's own limit is 4096 unless it was changed (offset.metadata.max.bytes).
TEXT_CHARACTERS_MAX = 4_000
#: How long Kafka shall remember: dead letters are kept for 90 days. Its own default for groups is 7.
REMEMBERED_DAYS = 100
_REMEMBERED_MS = REMEMBERED_DAYS * 24 * 60 * 60 * 1000
#: The last version of the request that can say for how long.
_COMMIT_VERSION_WITH_RETENTION = 4
#: How long Kafka may take to find who keeps our group's offsets; a new cluster makes its topic for them first.
COORDINATOR_SECONDS_MAX = 30.0
_POLL_SECONDS = 0.2
_PASSING = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)

_Topic = OffsetCommitRequest.OffsetCommitRequestTopic
_Place = _Topic.OffsetCommitRequestPartition

T = TypeVar("T")


class ReplayMemory:
    """What was put back of some partitions. One replay at a time: the last to write is believed."""

    def __init__(self, admin: KafkaAdminClient, settings: Settings) -> None:
        self._admin = admin
        self.group = settings.consumer_group("dlq-replay")
        self._runs: dict[TopicPartition, Runs] = {}
        self._begins: dict[TopicPartition, int] = {}

    def load(self, begins: Mapping[TopicPartition, int]) -> None:
        """Ask Kafka what was put back of these partitions, of which it keeps the dead letters from these offsets on.

        Raises:
            CommandFailed: somebody else has written there.
            kafka.errors.KafkaError: Kafka does not answer.
        """
        if not begins:
            return
        found = _patiently(lambda: self._admin.list_group_offsets({self.group: list(begins)})[self.group])
        for tp, begin in begins.items():
            kept = found.get(tp)
            try:
                runs = Runs.parse((kept.metadata or "") if kept is not None and kept.offset >= 0 else "")
            except ValueError:
                raise CommandFailed(
                    f"The offsets of the group {self.group} were not written by `dlq replay`: delete the group with "
                    "Kafka's own tools; what was put back before is then not known."
                ) from None
            runs.forget_before(begin)
            self._runs[tp], self._begins[tp] = runs, begin

    def times(self, partition: TopicPartition, offset: int) -> int:
        """Say how often a dead letter was put back."""
        return self._runs[partition].times(offset)

    def times_of(self, record: Any) -> int:
        """Say how often the dead letter that this record is was put back."""
        return self.times(TopicPartition(record.topic, record.partition), record.offset)

    def note(self, partition: TopicPartition, offset: int) -> None:
        """Count one more; ``keep`` writes it down."""
        self._runs[partition].add(offset)

    def has_room(self, partition: TopicPartition, offsets: Iterable[int]) -> bool:
        """Whether these can be remembered beside what is remembered already."""
        after = Runs.parse(str(self._runs[partition]))
        for offset in offsets:
            after.add(offset)
        return len(str(after)) <= TEXT_CHARACTERS_MAX

    def keep(self, partition: TopicPartition) -> None:
        """Write down what was put back of a partition.

        Raises:
            kafka.errors.KafkaError: Kafka did not take it.
        """
        runs = self._runs[partition]
        place = OffsetAndMetadata(runs.first_missing(self._begins[partition]), str(runs), -1)
        _patiently(lambda: self._keep({partition: place}))

    def _keep(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        try:
            answers = self._commit(offsets)
        except (UnsupportedVersionError, IncompatibleBrokerVersion):
            # A broker that no longer knows how to be told: it remembers for as long as it does for any group.
            answers = self._admin.alter_group_offsets(self.group, offsets)
        for error in answers.values():
            if error is not NoError:
                raise error

    def _commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> Mapping[TopicPartition, type[KafkaError]]:
        """Commit as ``alter_group_offsets`` does, and say for how long to remember, for which it has no words."""
        request = OffsetCommitRequest(
            group_id=self.group,
            generation_id_or_member_epoch=-1,
            member_id="",
            group_instance_id=None,
            retention_time_ms=_REMEMBERED_MS,
            topics=[
                _Topic(
                    name=tp.topic,
                    partitions=[
                        _Place(
                            partition_index=tp.partition,
                            committed_offset=place.offset,
                            committed_leader_epoch=-1,
                            committed_metadata=place.metadata,
                        )
                    ],
                )
                for tp, place in offsets.items()
            ],
            min_version=2,
            max_version=_COMMIT_VERSION_WITH_RETENTION,
        )
        admin: Any = self._admin

        async def send() -> Any:
            coordinator = await admin._find_coordinator_id(self.group)  # noqa: SLF001 as alter_group_offsets does
            return await admin._manager.send(request, node_id=coordinator)  # noqa: SLF001

        answer = admin._manager.run(send)  # noqa: SLF001
        return {
            TopicPartition(topic.name, place.partition_index): for_code(place.error_code)
            for topic in answer.topics
            for place in topic.partitions
        }


def _patiently(attempt: Callable[[], T]) -> T:
    """Try again while Kafka has nobody yet, or nobody for a moment, who keeps the offsets of our group."""
    deadline = time.monotonic() + COORDINATOR_SECONDS_MAX
    while True:
        try:
            return attempt()
        except _PASSING:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
