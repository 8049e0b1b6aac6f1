"""Judging in this process, with the product's own rules, facts and windows, and neither Kafka nor Redis.

``tests/integration/test_noticing.py`` shows on the committed data set that the real worker says the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.judging import Rulebook
from alerts.limits import load
from alerts.merging import alert_ids_of
from alerts.rules.catalogue import RULES
from alerts.rules.form import Hit, Limits
from enrichment.decode import decode
from enrichment.directory import Directory
from enrichment.dossier import KINDS, Dossier, ReferenceKind, placed
from enrichment.memory_shelf import MemoryShelf
from enrichment.memory_windows import MemoryWindows
from enrichment.wire import Access
from simulator.records import Played, Reference

#: Accesses that are judged at a time.
BATCH = 500


class ParsedShelf:
    """A shelf in memory that keeps what it has read parsed, until it changes."""

    def __init__(self) -> None:
        self._shelf = MemoryShelf()
        self._parsed: dict[str, Dossier] = {}

    @property
    def state(self) -> str:
        """Name the state of the shelf."""
        return "memory"

    async def read(self, nodes: Collection[str]) -> Mapping[str, Dossier]:
        """Read nodes. Memory is always readable."""
        missing = [node for node in nodes if node not in self._parsed]
        self._parsed.update(await self._shelf.read(missing))
        return {node: self._parsed[node] for node in nodes}

    async def count(self, nodes: Collection[str]) -> Mapping[str, int]:
        """Count the fields of nodes. Memory is always readable."""
        return await self._shelf.count(nodes)

    def put(self, reference: Reference) -> None:
        """Take a record, as known from now on."""
        kind: ReferenceKind = reference.kind  # type: ignore[assignment]
        record = decode(KINDS[kind][0], reference.value)
        self._shelf.put(kind, record, 0)
        if self._parsed:
            for place in placed(record, 0):
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


@dataclass(slots=True)
class MemoryJudge:
    """Takes reference records and accesses in their order."""

    rulebook: Rulebook = field(default_factory=lambda: Rulebook(load(), "benchmark"))
    #: Name of a variant -> the rule, and the limits that it is asked with as well.
    variants: Mapping[str, tuple[str, Limits]] = field(default_factory=dict)
    #: How far relationships are followed, in hops, where a variant asks for more than the rulebook.
    hops_max: int = 0
    shelf: ParsedShelf = field(default_factory=ParsedShelf)
    windows: MemoryWindows = field(default_factory=MemoryWindows)

    def learn(self, records: Iterable[Reference]) -> None:
        """Take reference records."""
        for record in records:
            self.shelf.put(record)

    async def judge(self, accesses: Sequence[Played]) -> list[Said]:
        """Judge accesses with what is known now."""
        said: list[Said] = []
        directory = Directory(self.shelf)
        for start in range(0, len(accesses), BATCH):
            batch = [decode(Access, one.value) for one in accesses[start : start + BATCH]]
            known = await directory.facts_for(batch, max(self.hops_max, self.rulebook.limits.hops_max))
            cases = [self.rulebook.case(access, facts) for access, facts in zip(batch, known, strict=True)]
            answered = await self.windows.note([self.rulebook.noted(case) for case in cases])
            said += [self._said(case.with_windows(found)) for case, found in zip(cases, answered, strict=True)]
        return said

    def _said(self, case: Any) -> Said:
        access, found = case.access, self.rulebook.judge(case).assessment
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
        )


def _alert(access: Access, rule: str) -> str:
    return alert_ids_of(access.staff_id, access.client_id, access.occurred_at, [rule], RULES)[0]
