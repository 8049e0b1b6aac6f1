"""A case as the worker makes one: the real directory over a reference store in memory, from a few records."""

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from alerts.detection.config import load
from alerts.detection.engine import RuleEngine
from alerts.detection.rule import AnyRule, Case, Hit, Indeterminate, NoMatch, RuleResult
from alerts.detection.work_reasons import Policy
from enrichment.facts import Facts
from enrichment.lookup import Directory
from enrichment.reference.layout import KINDS
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.schemas import Access, Record
from enrichment.windows.memory import MemoryWindows
from tests.support.records import an_access, client, staff

#: When the source of every fact published it.
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
SHIPPED = load()
#: The shipped limits, with nothing that settles and every alert Internal Integrity's.
AT_ONCE = replace(
    SHIPPED,
    rules={
        rule: limits.model_copy(
            update={
                "settle_minutes": 0,
                **{name: "integrity" for name in type(limits).model_fields if name.endswith("audience")},
            }
        )
        for rule, limits in SHIPPED.rules.items()
    },
)

T = TypeVar("T")


def a_case(
    *records: Record,
    actor_known: bool = True,
    client_known: bool = True,
    policy: Policy | None = None,
    earlier: Sequence[Access] = (),
    **access: Any,
) -> Case:
    """An access, what these records say around it, and what *earlier* accesses have left in the windows.

    The actor has a plain staff record and the client a plain client record, unless one is given or it is said that
    there is none. The other arguments are fields of the access.
    """
    one = an_access(**access)
    references = _references(one, *records, actor_known=actor_known, client_known=client_known)
    rule_engine = RuleEngine(SHIPPED if policy is None else replace(SHIPPED, policy=policy), "release of a test")
    windows = MemoryWindows()
    for before in earlier:
        windows.observe_one(rule_engine.observe(rule_engine.case(before, _facts(references, before))), rule_engine.plan)
    case = rule_engine.case(one, _facts(references, one))
    return case.with_windows(windows.observe_one(rule_engine.observe(case), rule_engine.plan))


def facts_for(access: Access, *records: Record, actor_known: bool = True, client_known: bool = True) -> Facts:
    """What the directory says around an access; see ``a_case``."""
    return _facts(_references(access, *records, actor_known=actor_known, client_known=client_known), access)


def _facts(references: MemoryReferenceStore, access: Access) -> Facts:
    (facts,) = finished(Directory(references, hops_max=SHIPPED.hops_max).facts_for([access]))
    return facts


def _references(access: Access, *records: Record, actor_known: bool, client_known: bool) -> MemoryReferenceStore:
    references = MemoryReferenceStore()
    ends: list[Record] = [staff(access.staff_id)] if actor_known else []
    if client_known and access.client_id is not None:
        ends.append(client(access.client_id))
    for record in (*ends, *records):
        put(references, record)
    return references


def put(references: MemoryReferenceStore, record: Record) -> None:
    """Put a record of any kind."""
    kind = next(kind for kind, (model, _) in KINDS.items() if isinstance(record, model))
    references.put(kind, record, int(AS_OF.timestamp() * 1000))


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nobody, as everything over a reference store in memory."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for something")


def asked(rule: AnyRule, case: Case, **limits: Any) -> RuleResult:
    """The rule's answer with the shipped limits, changed as given."""
    return rule.evaluate(case, SHIPPED.rules[rule.id].model_copy(update=limits))


def brief(answer: RuleResult) -> str:
    """An answer in a few words: what a row of a table expects."""
    match answer:
        case Hit(severity, _, evidence):
            return f"{severity}: {', '.join(fact.id for fact in evidence)}"
        case Indeterminate(missing):
            return f"not known: {missing}"
        case NoMatch(because):
            return because


def in_a_word(answer: RuleResult) -> str:
    """An answer without its reasons: the severity of a hit, ``quiet``, or what is not known."""
    match answer:
        case Hit(severity, _, _):
            return severity
        case Indeterminate(missing):
            return f"not known: {missing}"
        case NoMatch():
            return "quiet"


def earlier_ones(number: int, **fields: Any) -> list[Access]:
    """So many accesses of S-1 a minute before noon, each to a client of its own (C-101, C-102, ...)."""
    least = {"occurred_at": "2026-11-20T11:59:00+13:00"}
    return [
        an_access(**(least | {"event_id": f"B-{one}", "client_id": f"C-{100 + one}"} | fields))
        for one in range(1, number + 1)
    ]
