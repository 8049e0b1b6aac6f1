"""Asking Kafka whether we may do what we are about to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    NotCoordinatorError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from stream.commands.failure import CommandFailed
from stream.rights import Right, needed
from stream.settings import Settings
from stream.topic_admin import administration

#: Nobody keeps this group yet, or for a moment: it would have said so had it refused us.
_PASSING = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)


def check_rights(settings: Settings, agents: Sequence[str]) -> None:
    """See that every topic these agents use is there, and that Kafka lets them do what they need.

    Raises:
        CommandFailed: a topic does not exist, or a right is missing; the sentence names the first.
    """
    rights = needed(settings, agents)
    with administration(settings) as admin:
        missing, refused = _topics(admin, [right for right in rights if right.resource == "topic"])
        refused += [right for right in rights if right.resource == "group" and not _group_is_open(admin, right.name)]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise CommandFailed(
            f"Kafka does not let this user {refused[0]}{more}: grant it what "
            f"`accesswatch topics rights --roles {','.join(agents)}` lists."
        )
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CommandFailed(
            f"Kafka has no topic {missing[0]}{more}: create the missing ones with `accesswatch topics create`."
        )


def _topics(admin: KafkaAdminClient, rights: Sequence[Right]) -> tuple[list[str], list[Right]]:
    """Give the topics that do not exist, and the rights on topics that we do not have."""
    names = sorted({right.name for right in rights})
    described = {topic["name"]: topic for topic in admin.describe_topics(names)} if names else {}
    missing = [name for name in names if described[name]["error_code"] == UnknownTopicOrPartitionError.errno]
    refused = [
        right
        for right in rights
        if described[right.name]["error_code"] == TopicAuthorizationFailedError.errno
        or (right.name not in missing and not _may(described[right.name], right))
    ]
    return missing, refused


def _may(described: Mapping[str, Any], right: Right) -> bool:
    """Whether Kafka says so; an old one says nothing, and what it refuses is seen when it is tried."""
    operations = described.get("authorized_operations")
    return not operations or right.operation.upper() in operations


def _group_is_open(admin: KafkaAdminClient, group: str) -> bool:
    try:
        described = admin.describe_groups([group])[group]
    except GroupAuthorizationFailedError:
        return False
    except _PASSING:
        return True
    return "AUTHORIZATION" not in str(described["error"]).upper()
