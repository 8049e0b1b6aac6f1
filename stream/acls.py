"""What Kafka must let each agent and each command do, and no more; and asking Kafka whether it does.

Kafka's own rule spares some lines: who may read or write a topic may also describe it. A worker asks at its start: a
right that is missing is then a sentence, and not a consumer that waits for ever.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    NotCoordinatorError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from enrichment.errors import CommandError
from stream.settings import Settings, load
from stream.sources import sources
from stream.specs import AGENTS, RAW, SOURCE, AgentSpec, spec
from stream.topic_admin import administration
from stream.topics import (
    ACCESS,
    ALERT,
    ASSESSMENT,
    CATALOGUE,
    REFERENCE,
    dead_letter_topic,
    raw_topic,
    reference_topic,
)

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]

_REFERENCE = [reference_topic(kind) for kind in REFERENCE]
_INPUTS = [ACCESS, *_REFERENCE, RAW]
_ALL = [*(topic.name for topic in CATALOGUE), RAW, dead_letter_topic(RAW)]

#: What the command does and, where ids are reserved, the agent ``alert`` by its schedule.
CANARY_RUN: Final = "canary run"
CANARY_KINDS: Final = ("staff", "client", "relationship", "watchlist")
#: Of each command: operation, topics, and why. What agents need follows from ``stream/specs.py``.
_COMMANDS: dict[str, list[tuple[Operation, list[str], str]]] = {
    "topics create": [
        ("Create", _ALL, "the topics that are missing"),
        ("Describe", _ALL, "which are there"),
    ],
    "topics check": [
        ("Describe", _ALL, "which are there"),
        ("DescribeConfigs", _ALL, "how they are kept"),
    ],
    "reference load": [("Write", _REFERENCE, "the facts")],
    "notices answer": [("Write", [reference_topic("self_report")], "the report of a mistake")],
    "access load": [("Write", [ACCESS], "the accesses")],
    CANARY_RUN: [
        ("Write", [reference_topic(kind) for kind in CANARY_KINDS], "the facts about reserved ids"),
        ("Write", [ACCESS], "accesses that the rules must find"),
        ("Read", [ASSESSMENT, ALERT], "whether they did"),
    ],
    "dlq": [
        ("Read", [dead_letter_topic(topic) for topic in _INPUTS], "what is parked"),
        ("Write", _INPUTS, "to put it back; `dlq list` needs no more than to describe them"),
    ],
    "adapt replay": [
        ("Read", [RAW], "what is mapped again"),
        ("Write", [ACCESS, *_REFERENCE], "what mappings make of it, where one makes such records"),
    ],
    "history coverage": [("Read", [ACCESS, dead_letter_topic(ACCESS)], "what should have been assessed or parked")],
    "explain": [("Read", [ASSESSMENT, dead_letter_topic(ACCESS), ACCESS], "the access and what was said of it")],
}


_SAID: dict[Operation, str] = {
    "Read": "read",
    "Write": "write to",
    "Describe": "describe",
    "Create": "create",
    "DescribeConfigs": "describe the configuration of",
}


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One thing that somebody may do with one topic or one consumer group."""

    role: str
    operation: Operation
    resource: Literal["topic", "group"]
    name: str
    why: str

    def __str__(self) -> str:
        """The right as part of a sentence."""
        return f"{_SAID[self.operation]} {self.resource} {self.name}"


def roles() -> list[str]:
    """Return every agent and every command that has rights of its own."""
    return [*AGENTS, *_COMMANDS]


#: Roles that write only what the mappings of the installation make.
_OF_SOURCES: Final = ("adapt", "adapt replay")
#: Stands in the page for whatever sources there are, which may make any record.
ANY_SOURCE: Final[Mapping[str, str]] = {SOURCE: ""}


def needed(settings: Settings, chosen: Sequence[str], named: Mapping[str, str] | None = None) -> list[AclEntry]:
    """Return what these agents or commands need, in the names of this installation.

    Args:
        settings: carry prefix, group and the mappings of sources.
        chosen: agents and commands. Those of sources need nothing where there are no sources.
        named: the sources and the topic that each makes records for; those of the settings where None.
    """
    found: list[AclEntry] = []
    if named is None:
        named = {one.name: one.target for one in sources(settings)}
    for role in chosen:
        uses, groups = _agent(spec(role)) if role in AGENTS else (_COMMANDS[role], [])
        if role in _OF_SOURCES and not named:
            continue
        found += [
            AclEntry(role, operation, "topic", settings.topic(topic), why)
            for operation, topics, why in uses
            for template in topics
            if role not in _OF_SOURCES or RAW in template or named is ANY_SOURCE or template in named.values()
            for topic in _of_each(template, named)
        ]
        found += [
            AclEntry(role, "Read", "group", settings.consumer_group(group), "to share partitions and to commit")
            for group in groups
        ]
    return found


def _of_each(topic: str, named: Mapping[str, str]) -> list[str]:
    """Return a topic, or that of each source where it is one of sources'."""
    return [topic.replace(RAW, raw_topic(source)) for source in named] if RAW in topic else [topic]


def _agent(agent: AgentSpec) -> tuple[list[tuple[Operation, list[str], str]], list[str]]:
    uses: list[tuple[Operation, list[str], str]] = []
    uses += [("Read", list(reading.topics), reading.why) for reading in agent.reads]
    uses += [("Read", list(use.topics), use.why) for use in agent.looks_through]
    uses += [("Describe", list(use.topics), use.why) for use in agent.looks_at]
    uses += [("Write", list(use.topics), use.why) for use in agent.writes]
    return uses, [reading.part for reading in agent.reads]


def as_commands(rights: Sequence[AclEntry], principal: str) -> list[str]:
    """The same as lines for Kafka's own tool, one for each right."""
    tool = 'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add'
    return [
        f"{tool} --allow-principal '{principal}' --operation {right.operation} --{right.resource} '{right.name}'"
        for right in rights
    ]


#: Between these lines of ``docs/security.md`` stands the table.
PAGE_BEGIN, PAGE_END = "<!-- rights: begin -->", "<!-- rights: end -->"


def as_page(rights: Sequence[AclEntry]) -> str:
    """The same as a table of ``docs/security.md``: a line for each role, operation and reason."""
    lines = ["| who | may | which | why |", "|---|---|---|---|"]
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for right in rights:
        together.setdefault((right.role, right.operation, right.resource, right.why), []).append(f"`{right.name}`")
    for (role, operation, resource, why), names in together.items():
        lines.append(f"| {role} | {operation} | {resource} {', '.join(names)} | {why} |")
    return "\n".join(lines)


def main(page: Path) -> None:
    """Write the table into the page."""
    text = page.read_text("utf-8")
    before, after = text.split(PAGE_BEGIN)[0], text.split(PAGE_END)[1]
    page.write_text(
        f"{before}{PAGE_BEGIN}\n{as_page(needed(load({}), roles(), ANY_SOURCE))}\n{PAGE_END}{after}", "utf-8"
    )


#: Nobody keeps this group yet, or for a moment: it would have said so had it refused us.
_PASSING = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)


def check_acls(settings: Settings, agents: Sequence[str]) -> None:
    """See that every topic these agents use is there, and that Kafka lets them do what they need.

    Raises:
        CommandError: a topic does not exist, or a right is missing; the sentence names the first.
    """
    if "alert" in agents and settings.canaries_are_scheduled:
        agents = [*agents, CANARY_RUN]
    rights = needed(settings, agents)
    with administration(settings) as admin:
        missing, refused = _topics(admin, [right for right in rights if right.resource == "topic"])
        refused += [right for right in rights if right.resource == "group" and not _group_is_open(admin, right.name)]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise CommandError(
            f"Kafka does not let this user {refused[0]}{more}: grant it what "
            f"`accesswatch topics rights --roles {','.join(agents)}` lists."
        )
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CommandError(
            f"Kafka has no topic {missing[0]}{more}: create the missing ones with `accesswatch topics create`."
        )


def _topics(admin: KafkaAdminClient, rights: Sequence[AclEntry]) -> tuple[list[str], list[AclEntry]]:
    """Return the topics that do not exist, and the rights on topics that we do not have."""
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


def _may(described: Mapping[str, Any], right: AclEntry) -> bool:
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
