"""What each agent reads and writes: its subscriptions, groups, rights, and the series that stand at zero at first.

One ``AgentSpec`` for each agent. The factory subscribes by it, ``stream/acls.py`` makes Kafka's rights of it, and
``docs/security.md`` and the check of missing topics follow; a topic that no spec names does not exist.
"""

from dataclasses import dataclass
from typing import get_args

from alerts.assessment import Outcome, Severity
from alerts.detection.registry import RULES
from enrichment.schemas import Action
from stream.topics import ACCESS, ALERT, ASSESSMENT, HIT, OCSF, REFERENCE, dead_letter_topic, raw_topic, reference_topic


@dataclass(frozen=True, slots=True)
class Reading:
    """One consumer: the topics that it reads, in a group of its own."""

    #: Names the group and the part of the worker.
    part: str
    topics: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Use:
    """Topics that are written, or only asked about, and why."""

    topics: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """All that one agent has to do with Kafka. Topics are named without the installation's prefix."""

    name: str
    reads: tuple[Reading, ...] = ()
    #: Topics that are read without a group, now and then.
    looks_through: tuple[Use, ...] = ()
    looks_at: tuple[Use, ...] = ()
    writes: tuple[Use, ...] = ()
    #: Metric (its name in ``Metrics``) and the values of each of its labels; each combination stands at zero at first.
    zero: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()

    def reading(self, part: str) -> Reading:
        """Return the consumer of this name."""
        return next(reading for reading in self.reads if reading.part == part)


_REFERENCE = tuple(reference_topic(kind) for kind in REFERENCE)
_INPUT_STAGES = ("decode", "validate")

#: Stands in a spec for the name of each source that an installation has (``stream/sources.py``).
SOURCE = "<source>"
RAW = raw_topic(SOURCE)

SPECS: tuple[AgentSpec, ...] = (
    AgentSpec(
        "screen",
        reads=(Reading("screen", (ACCESS,), "what it judges"),),
        looks_through=(Use((ASSESSMENT,), "accesses that wait for late work, after Redis lost them"),),
        looks_at=(Use(_REFERENCE, "it waits until the facts have caught up with the ends of these"),),
        writes=(
            Use((ASSESSMENT, HIT), "what it finds"),
            Use((dead_letter_topic(ACCESS),), "accesses that cannot be read"),
        ),
        zero=(
            ("accesses", (get_args(Action), get_args(Outcome))),
            ("rule_answers", (tuple(RULES), ("hit", "abstain"), ("live", "shadow"))),
            ("dead_letters", ((ACCESS,), (*_INPUT_STAGES, "screen"))),
            ("passed_over", ((ACCESS,),)),
            ("unreadable", ((ACCESS,),)),
        ),
    ),
    AgentSpec(
        "reference",
        reads=(Reading("reference", _REFERENCE, "the facts"),),
        writes=(Use(tuple(dead_letter_topic(topic) for topic in _REFERENCE), "records that cannot be read"),),
        zero=(
            ("dead_letters", (_REFERENCE, _INPUT_STAGES)),
            ("deletions_unmatched", (_REFERENCE,)),
            ("unreadable", (_REFERENCE,)),
        ),
    ),
    AgentSpec(
        "alert",
        reads=(
            Reading("alert", (HIT,), "what alerts are made of"),
            Reading(
                "hindsight",
                tuple(reference_topic(kind) for kind in ("work", "self_report", "staff")),
                "what explains an alert later, and whom not to tell of it",
            ),
        ),
        writes=(Use((ALERT,), "the alerts"),),
        zero=(
            ("alerts", (tuple(RULES), get_args(Severity))),
            ("notices", (tuple(RULES),)),
            ("unreadable", ((HIT,),)),
        ),
    ),
    AgentSpec("history", reads=(Reading("history", (ASSESSMENT,), "what it keeps for years"),)),
    AgentSpec(
        "deliver",
        writes=(Use((OCSF,), "the feed of findings, where a channel of kind `ocsf` is named"),),
    ),
    # Off without sources. Its series at zero are those of the sources: the factory shows them.
    AgentSpec(
        "adapt",
        reads=(Reading("adapt", (RAW,), "records of other systems as they wrote them"),),
        writes=(
            Use((ACCESS, *_REFERENCE), "what mappings make of them, where one makes such records"),
            Use((dead_letter_topic(RAW),), "records that cannot be mapped"),
        ),
    ),
)

AGENTS: tuple[str, ...] = tuple(spec.name for spec in SPECS)


def spec(name: str) -> AgentSpec:
    """Return the spec of the agent of this name."""
    return next(one for one in SPECS if one.name == name)
