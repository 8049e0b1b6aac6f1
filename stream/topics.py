"""The topics of the contract: what each is called, how it is kept, and why for that long."""

from dataclasses import dataclass

PARTITIONS = 8
REPLICATION_MAX = 3

_DAY_MS = 24 * 60 * 60 * 1000
_MIB = 1024 * 1024
#: A value of exactly 4 MiB, and room for its key, its headers and Kafka's own format.
INPUT_BYTES_MAX = 4 * _MIB + 64 * 1024
#: An input as it came, and room for our error headers. Kafka counts both compressed.
DEAD_LETTER_BYTES_MAX = 5 * _MIB
#: Kafka's own default, said aloud: a broker may have another.
OUTPUT_BYTES_MAX = _MIB + 12

ACCESS = "cms.access.v1"
REFERENCE = ("staff", "client", "relationship", "work", "watchlist", "self_report", "agreement")
ASSESSMENT = "integrity.assessment.v1"
HIT = "integrity.hit.v1"
ALERT = "integrity.alert.v1"
OCSF = "integrity.ocsf.v1"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: ``retention_days`` None keeps the newest value of each key for ever."""

    name: str
    cleanup: str
    retention_days: int | None
    #: Why it is kept for that long.
    reason: str
    bytes_max: int

    def config(self, replication: int) -> dict[str, str]:
        """The settings that it is created with."""
        settings = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.bytes_max),
            # Of three copies two must have a record before it counts as written; with fewer, one has to be enough.
            "min.insync.replicas": "2" if replication >= REPLICATION_MAX else "1",
        }
        if self.retention_days is not None:
            settings["retention.ms"] = str(self.retention_days * _DAY_MS)
        if self.cleanup == "compact":
            # A reader that was away this long still sees that a record was deleted.
            settings["delete.retention.ms"] = str(_TOMBSTONE_DAYS * _DAY_MS)
        return settings


_TOMBSTONE_DAYS = 35
_DEAD_LETTER_DAYS = 90
_DEAD_LETTER_REASON = "A quarter is enough to mend what sent it and to replay it."


def reference_topic(name: str) -> str:
    """The topic of one kind of reference data, without the prefix."""
    return f"ref.{name}.v1"


def raw_topic(source: str) -> str:
    """The topic on which a source's records stand as it wrote them, without the prefix."""
    return f"raw.{source}.v1"


def dead_letter_topic(topic: str) -> str:
    """Where the records of *topic* are parked."""
    return f"{topic}.dlq"


def _dead_letters(topic: str) -> Topic:
    return Topic(dead_letter_topic(topic), "delete", _DEAD_LETTER_DAYS, _DEAD_LETTER_REASON, DEAD_LETTER_BYTES_MAX)


def _reference(name: str) -> tuple[Topic, Topic]:
    topic = reference_topic(name)
    reason = "Redis and every worker are rebuilt from the newest value of each key."
    return Topic(topic, "compact", None, reason, INPUT_BYTES_MAX), _dead_letters(topic)


def raw_topics(source: str) -> tuple[Topic, Topic]:
    """Return the topics of one source: its records, and those that could not be mapped."""
    topic = raw_topic(source)
    reason = "As long as the accesses made of it, which can be mapped anew by a mended mapping."
    return Topic(topic, "delete", 35, reason, INPUT_BYTES_MAX), _dead_letters(topic)


CATALOGUE: tuple[Topic, ...] = (
    Topic(ACCESS, "delete", 35, "Accesses up to 31 days late are judged and windows refill from it.", INPUT_BYTES_MAX),
    _dead_letters(ACCESS),
    *(topic for name in REFERENCE for topic in _reference(name)),
    Topic(ASSESSMENT, "delete", 400, "A client's footprint and last year's same month can be read.", OUTPUT_BYTES_MAX),
    Topic(
        HIT, "delete", 3 * 365, "Questions about inappropriate access were asked over three years.", OUTPUT_BYTES_MAX
    ),
    Topic(
        ALERT,
        "compact,delete",
        7 * 365,
        "An employment matter and its reports may ask that far back.",
        OUTPUT_BYTES_MAX,
    ),
    Topic(OCSF, "delete", 35, "A SIEM that was away for a month finds what it missed.", OUTPUT_BYTES_MAX),
)
