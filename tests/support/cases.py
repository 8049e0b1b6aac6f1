"""A case as the worker makes one: the real directory over a shelf in memory, from a few records."""

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from alerts.case import Case
from alerts.judging import Rulebook
from alerts.limits import load
from alerts.policy import Policy
from alerts.rules.form import Abstain, Answered, AnyRule, Hit, Quiet
from enrichment.directory import Directory
from enrichment.dossier import KINDS
from enrichment.facts import Facts
from enrichment.memory_shelf import MemoryShelf
from enrichment.memory_windows import MemoryWindows
from enrichment.wire import Access, Record
from tests.support.records import an_access, client, staff

#: When the source of every fact published it.
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
SHIPPED = load()

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
    shelf = _shelf(one, *records, actor_known=actor_known, client_known=client_known)
    rulebook = Rulebook(SHIPPED if policy is None else replace(SHIPPED, policy=policy), "release of a test")
    windows = MemoryWindows()
    for before in earlier:
        windows.note_one(rulebook.noted(rulebook.case(before, _facts(shelf, before))))
    case = rulebook.case(one, _facts(shelf, one))
    return case.with_windows(windows.note_one(rulebook.noted(case)))


def facts_for(access: Access, *records: Record, actor_known: bool = True, client_known: bool = True) -> Facts:
    """What the directory says around an access; see ``a_case``."""
    return _facts(_shelf(access, *records, actor_known=actor_known, client_known=client_known), access)


def _facts(shelf: MemoryShelf, access: Access) -> Facts:
    (facts,) = finished(Directory(shelf, hops_max=SHIPPED.hops_max).facts_for([access]))
    return facts


def _shelf(access: Access, *records: Record, actor_known: bool, client_known: bool) -> MemoryShelf:
    shelf = MemoryShelf()
    ends: list[Record] = [staff(access.staff_id)] if actor_known else []
    if client_known and access.client_id is not None:
        ends.append(client(access.client_id))
    for record in (*ends, *records):
        put(shelf, record)
    return shelf


def put(shelf: MemoryShelf, record: Record) -> None:
    """Put a record of any kind."""
    kind = next(kind for kind, (model, _) in KINDS.items() if isinstance(record, model))
    shelf.put(kind, record, int(AS_OF.timestamp() * 1000))


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nobody, as everything over a shelf in memory."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for something")


def asked(rule: AnyRule, case: Case, **limits: Any) -> Answered:
    """The rule's answer with the shipped limits, changed as given."""
    return rule.evaluate(case, SHIPPED.rules[rule.id].model_copy(update=limits))


def brief(answer: Answered) -> str:
    """An answer in a few words: what a row of a table expects."""
    match answer:
        case Hit(severity, _, evidence):
            return f"{severity}: {', '.join(fact.id for fact in evidence)}"
        case Abstain(missing):
            return f"not known: {missing}"
        case Quiet(because):
            return because


def in_a_word(answer: Answered) -> str:
    """An answer without its reasons: the severity of a hit, ``quiet``, or what is not known."""
    match answer:
        case Hit(severity, _, _):
            return severity
        case Abstain(missing):
            return f"not known: {missing}"
        case Quiet():
            return "quiet"


def earlier_ones(number: int, **fields: Any) -> list[Access]:
    """So many accesses of S-1 a minute before noon, each to a client of its own (C-101, C-102, ...)."""
    least = {"occurred_at": "2026-11-20T11:59:00+13:00"}
    return [
        an_access(**(least | {"event_id": f"B-{one}", "client_id": f"C-{100 + one}"} | fields))
        for one in range(1, number + 1)
    ]
