"""Judging in this process, with the product's own rules, facts and windows, and neither Kafka nor Redis.

``tests/integration/test_noticing.py`` shows on the committed data set that the real worker says the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.renewal import Waiting
from alerts.detection.config import load
from alerts.detection.engine import RuleEngine
from alerts.detection.registry import RULES
from alerts.detection.rule import Hit, Limits
from alerts.detection.work_reasons import Actor, Circumstances
from alerts.grouping import HitRecord, alert_ids_of
from alerts.slips import trail_of
from enrichment.decode import decode
from enrichment.lookup import Directory
from enrichment.reference.layout import KINDS, EntityRecord, ReferenceKind, index_entries
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.schemas import Access
from enrichment.windows.memory import MemoryWindows
from enrichment.windows.spec import Earlier
from simulator.records import Played, Reference

#: Accesses that are judged at a time.
BATCH = 500


class ParsedReferenceStore:
    """A reference store in memory that keeps what it has read parsed, until it changes."""

    def __init__(self) -> None:
        self._references = MemoryReferenceStore()
        self._parsed: dict[str, EntityRecord] = {}

    @property
    def state(self) -> str:
        """Name the state of the reference store."""
        return "memory"

    async def read(self, nodes: Collection[str]) -> Mapping[str, EntityRecord]:
        """Read nodes. Memory is always readable."""
        missing = [node for node in nodes if node not in self._parsed]
        self._parsed.update(await self._references.read(missing))
        return {node: self._parsed[node] for node in nodes}

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes. Memory is always readable."""
        return await self._references.count(nodes)

    def put(self, reference: Reference, timestamp_ms: int = 0) -> None:
        """Take a record, as known from now on and published at this time."""
        kind: ReferenceKind = reference.kind  # type: ignore[assignment]
        record = decode(KINDS[kind][0], reference.value)
        self._references.put(kind, record, timestamp_ms)
        if self._parsed:
            for place in index_entries(record, timestamp_ms):
                self._parsed.pop(place.node, None)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one access."""

    outcome: str
    explained: bool
    #: Each live hit: the rule, its severity, its alert.
    hits: tuple[tuple[str, str, str], ...]
    #: With other limits than the shipped ones: each variant that hits, and its alert.
    variants: tuple[tuple[str, str], ...] = ()
    #: What the alert agent would be handed; None without a hit.
    hit: HitRecord | None = None
    #: What the trail keeps of it; None where it opened no client record.
    trail: Earlier | None = None
    #: What may wait for work that becomes known later; None where it does not.
    waiting: Waiting | None = None


@dataclass(slots=True)
class MemoryJudge:
    """Takes reference records and accesses in their order."""

    rule_engine: RuleEngine = field(default_factory=lambda: RuleEngine(load(), "benchmark"))
    #: Name of a variant -> the rule, and the limits that it is asked with as well.
    variants: Mapping[str, tuple[str, Limits]] = field(default_factory=dict)
    #: How far relationships are followed, in hops, where a variant asks for more than the rule engine.
    hops_max: int = 0
    references: ParsedReferenceStore = field(default_factory=ParsedReferenceStore)
    windows: MemoryWindows = field(default_factory=MemoryWindows)

    def learn(self, records: Iterable[Reference], published: datetime | None = None) -> None:
        """Take reference records, as published at this time; long ago where none is given."""
        timestamp_ms = 0 if published is None else int(published.timestamp() * 1000)
        for record in records:
            self.references.put(record, timestamp_ms)

    async def judge(self, accesses: Sequence[Played]) -> list[Said]:
        """Judge accesses with what is known now."""
        said: list[Said] = []
        directory = Directory(self.references)
        for start in range(0, len(accesses), BATCH):
            batch = [decode(Access, one.value) for one in accesses[start : start + BATCH]]
            known = await directory.facts_for(batch, max(self.hops_max, self.rule_engine.limits.hops_max))
            cases = [self.rule_engine.case(access, facts) for access, facts in zip(batch, known, strict=True)]
            answered = await self.windows.observe(
                [self.rule_engine.observe(case) for case in cases], self.rule_engine.plan
            )
            said += [self._summary(case.with_windows(found)) for case, found in zip(cases, answered, strict=True)]
        return said

    def _summary(self, case: Any) -> Said:
        access, judged = case.access, self.rule_engine.judge(case)
        found = judged.assessment
        hits = [answer for answer in found.answers if answer.answer == "hit" and answer.stage == "live"]
        return Said(
            found.outcome,
            found.explanation is not None,
            tuple((hit.rule, hit.severity or "low", _alert(access, hit.rule)) for hit in hits),
            tuple(
                (name, _alert(access, rule))
                for name, (rule, limits) in self.variants.items()
                if isinstance(RULES[rule].evaluate(case, limits), Hit)
            ),
            hit=_hit_record(case, judged) if hits else None,
            trail=Earlier(trail_of(case), access.occurred_at) if access.client_id is not None else None,
            waiting=Waiting(found, Actor.of(case.facts)) if case.unexplained else None,
        )


def _hit_record(case: Any, judged: Any) -> HitRecord:
    """Return what the screen agent would publish of a hit, recorded when it happened."""
    circumstances = Circumstances.of(case.access, case.facts, may_be_slip=judged.may_be_slip)
    recorded_ms = int(case.access.occurred_at.timestamp() * 1000)
    return HitRecord.of(judged.assessment, recorded_ms, ",".join(judged.conflicts), circumstances)


def _alert(access: Access, rule: str) -> str:
    return alert_ids_of(access.staff_id, access.client_id, access.occurred_at, [rule], RULES)[0]
