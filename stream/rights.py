"""What Kafka must let each agent and each command do, and no more.

Kafka's own rule spares some lines: who may read or write a topic may also describe it. A worker asks Kafka at its start
whether it may do all this: a right that is missing then is a sentence, and not a consumer that waits for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stream.settings import Settings
from stream.topics import (
    ACCESS,
    ALERT,
    ASSESSMENT,
    CATALOGUE,
    HIT,
    OCSF,
    REFERENCE,
    dead_letter_topic,
    reference_topic,
)

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]

_REFERENCE = [reference_topic(kind) for kind in REFERENCE]
_INPUTS = [ACCESS, *_REFERENCE]

AGENT_ROLES = ("screen", "reference", "alert", "deliver")
#: Of each agent and each command: operation, topics, and why.
_TOPICS: dict[str, list[tuple[Operation, list[str], str]]] = {
    "screen": [
        ("Read", [ACCESS], "what it judges"),
        ("Describe", _REFERENCE, "it waits until the facts have caught up with the ends of these"),
        ("Write", [ASSESSMENT, HIT], "what it finds"),
        ("Write", [dead_letter_topic(ACCESS)], "accesses that cannot be read"),
    ],
    "reference": [
        ("Read", _REFERENCE, "the facts"),
        ("Write", [dead_letter_topic(topic) for topic in _REFERENCE], "records that cannot be read"),
    ],
    "alert": [
        ("Read", [HIT], "what alerts are made of"),
        ("Read", [reference_topic("work"), reference_topic("self_report")], "what explains an alert later"),
        ("Write", [ALERT], "the alerts"),
    ],
    "deliver": [("Write", [OCSF], "the feed of findings, where a channel of kind `ocsf` is named")],
    "topics create": [
        ("Create", [topic.name for topic in CATALOGUE], "the topics that are missing"),
        ("Describe", [topic.name for topic in CATALOGUE], "which are there"),
    ],
    "topics check": [
        ("Describe", [topic.name for topic in CATALOGUE], "which are there"),
        ("DescribeConfigs", [topic.name for topic in CATALOGUE], "how they are kept"),
    ],
    "reference load": [("Write", _REFERENCE, "the facts")],
    "access load": [("Write", [ACCESS], "the accesses")],
    "dlq": [
        ("Read", [dead_letter_topic(topic) for topic in _INPUTS], "what is parked"),
        ("Write", _INPUTS, "to put it back; `dlq list` needs no more than to describe them"),
    ],
    "explain": [("Read", [ASSESSMENT, dead_letter_topic(ACCESS), ACCESS], "the access and what was said of it")],
}

#: The consumer groups that each is in, without what the settings put before them.
_GROUPS: dict[str, list[str]] = {
    "screen": ["screen"],
    "reference": ["reference"],
    "alert": ["alert", "hindsight"],
    "dlq": ["dlq-replay"],
}


_SAID: dict[Operation, str] = {
    "Read": "read",
    "Write": "write to",
    "Describe": "describe",
    "Create": "create",
    "DescribeConfigs": "describe the configuration of",
}


@dataclass(frozen=True, slots=True)
class Right:
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
    """Every agent and every command that has rights of its own."""
    return list(_TOPICS)


def needed(settings: Settings, chosen: Sequence[str]) -> list[Right]:
    """What these agents or commands need, in the names of this installation."""
    found: list[Right] = []
    for role in chosen:
        found += [
            Right(role, operation, "topic", settings.topic(topic), why)
            for operation, topics, why in _TOPICS[role]
            for topic in topics
        ]
        found += [
            Right(role, "Read", "group", settings.consumer_group(group), "to share partitions and to commit")
            for group in _GROUPS.get(role, [])
        ]
    return found


def as_commands(rights: Sequence[Right], principal: str) -> list[str]:
    """The same as lines for Kafka's own tool, one for each right."""
    tool = 'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add'
    return [
        f"{tool} --allow-principal '{principal}' --operation {right.operation} --{right.resource} '{right.name}'"
        for right in rights
    ]


def as_page(rights: Sequence[Right]) -> str:
    """The same as a table of ``docs/security.md``: a line for each role, operation and reason."""
    lines = ["| who | may | which | why |", "|---|---|---|---|"]
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for right in rights:
        together.setdefault((right.role, right.operation, right.resource, right.why), []).append(f"`{right.name}`")
    for (role, operation, resource, why), names in together.items():
        lines.append(f"| {role} | {operation} | {resource} {', '.join(names)} | {why} |")
    return "\n".join(lines)
