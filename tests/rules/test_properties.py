"""What holds of every rule, whatever comes: drawn from random agencies and random days."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.assessment import Assessment
from alerts.detection.engine import RuleEngine
from alerts.detection.rule import NoMatch
from enrichment.decode import decode
from enrichment.lookup import Directory
from enrichment.reference.layout import KINDS
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.schemas import Access
from enrichment.windows.memory import MemoryWindows
from tests.support.cases import SHIPPED, finished, put
from tests.support.plain_rules import World
from tests.support.random_day import RandomDay

#: ``docs/policy.md``: what a work reason that names the actor never silences, whatever its kind.
NEVER_EXCUSED = {
    "own-record", "relative-record", "acquaintance-record", "business-record", "scope", "two-places",
    "service-account", "unknown-staff", "search-browsing",
}  # fmt: skip
#: ``docs/policy.md``: a rule that needs the actor's staff record, or the client record, has no hit without it.
NEEDS_ACTOR = {
    "own-record", "shared-contact", "colleague-circle", "proxy-lookup", "off-duty", "scope", "two-places",
    "service-account",
}  # fmt: skip
NEEDS_CLIENT = {"shared-contact", "restricted-record", "dormant-record"}

RULE_ENGINE = RuleEngine(SHIPPED, "release of a test")
SEEDS = st.integers(1, 4)
#: Where in the day the part that is judged begins, and how long it is.
PARTS = st.tuples(st.integers(0, 9_000), st.integers(20, 120))


@dataclass
class Agency:
    """A random day's documents, its accesses as our model, and its records on a reference store."""

    world: World
    accesses: list[Access]
    references: MemoryReferenceStore


@cache
def agency(seed: int) -> Agency:
    """Each random day once."""
    day = RandomDay(seed)
    return Agency(day.world, [decode(Access, orjson.dumps(one)) for one in day.accesses], _references(day.world))


def shelf_of(seed: int, without: str = "") -> MemoryReferenceStore:
    """A reference store of one's own with a day's records, one kind of them left out."""
    return _references(agency(seed).world, without)


def _references(world: World, without: str = "") -> MemoryReferenceStore:
    references = MemoryReferenceStore()
    for kind, (model, _) in KINDS.items():
        if kind != without:
            for one in getattr(world, kind, ()):
                put(references, decode(model, orjson.dumps(one)))
    return references


def judged(references: MemoryReferenceStore, accesses: list[Access]) -> list[Assessment]:
    """Judge accesses one after the other, as the worker does."""
    windows = MemoryWindows()
    found = []
    for access, facts in zip(
        accesses, finished(Directory(references).facts_for(accesses, SHIPPED.hops_max)), strict=True
    ):
        case = RULE_ENGINE.case(access, facts)
        answered = windows.observe_one(RULE_ENGINE.observe(case), RULE_ENGINE.plan)
        found.append(RULE_ENGINE.judge(case.with_windows(answered)).assessment)
    return found


def part_of(seed: int, part: tuple[int, int]) -> list[Access]:
    """Some accesses of a day, in order of arrival."""
    start, length = part
    return agency(seed).accesses[start : start + length]


def hits(assessment: Assessment) -> set[str]:
    """The rules that hit."""
    return {answer.rule for answer in assessment.answers if answer.answer == "hit"}


@settings(max_examples=12, deadline=None)
@given(SEEDS, PARTS, st.integers(0, 1_000))
def test_a_repeated_access_changes_nothing(seed: int, part: tuple[int, int], which: int) -> None:
    """Of what comes after it, each of which is judged as if it had come once."""
    accesses = part_of(seed, part)
    number = which % len(accesses)
    twice = [*accesses[: number + 1], accesses[number], *accesses[number + 1 :]]
    once, repeated = judged(agency(seed).references, accesses), judged(agency(seed).references, twice)
    assert repeated[: number + 1] + repeated[number + 2 :] == once
    assert repeated[number + 1] == once[number]


@settings(max_examples=12, deadline=None)
@given(SEEDS, PARTS)
def test_an_unknown_fact_never_yields_a_hit_that_needed_it(seed: int, part: tuple[int, int]) -> None:
    """Without any staff record, and without any client record."""
    accesses = part_of(seed, part)
    for missing, needing in (("staff", NEEDS_ACTOR), ("client", NEEDS_CLIENT)):
        for assessment in judged(shelf_of(seed, without=missing), accesses):
            assert not hits(assessment) & needing


@settings(max_examples=12, deadline=None)
@given(SEEDS, PARTS, st.sampled_from(["case_management", "investigation", "quality_check", "staff_assistance"]))
def test_a_work_reason_never_adds_a_hit(seed: int, part: tuple[int, int], kind: str) -> None:
    """To a rule that it can excuse: work for every client of the part, naming the actor."""
    accesses = part_of(seed, part)
    references = shelf_of(seed)
    for number, access in enumerate(accesses):
        if access.client_id is not None:
            work = {
                "work_id": f"extra-{number}", "client_id": access.client_id, "kind": kind,
                "staff_id": access.staff_id, "opened_at": "2020-01-01T00:00:00Z",
            }  # fmt: skip
            put(references, decode(KINDS["work"][0], orjson.dumps(work)))
    for before, after in zip(judged(agency(seed).references, accesses), judged(references, accesses), strict=True):
        assert hits(after) - hits(before) <= NEVER_EXCUSED - {"search-browsing"}
        assert hits(before) & (NEVER_EXCUSED - {"search-browsing"}) <= hits(after)
        if before.client_id is not None:
            assert after.explanation is not None


@settings(max_examples=12, deadline=None)
@given(SEEDS, PARTS, st.randoms(use_true_random=False))
def test_the_order_of_unrelated_accesses_does_not_matter(seed: int, part: tuple[int, int], chance: Any) -> None:
    """Accesses of different units to different clients may come in any order; those of one keep theirs."""
    accesses = part_of(seed, part)
    unit_of = {one["staff_id"]: one["org_unit"] for one in agency(seed).world.staff}
    taken: dict[str, str] = {}
    unrelated = []
    for access in accesses:
        unit = unit_of.get(access.staff_id, access.staff_id)
        if access.client_id is None or taken.setdefault(access.client_id, unit) == unit:
            unrelated.append((unit, access))
    lines: dict[str, list[Access]] = {}
    for unit, access in unrelated:
        lines.setdefault(unit, []).append(access)
    turns = [unit for unit, _ in unrelated]
    chance.shuffle(turns)
    shuffled = [lines[unit].pop(0) for unit in turns]
    in_order = judged(agency(seed).references, [access for _, access in unrelated])
    in_any = judged(agency(seed).references, shuffled)
    assert sorted(in_order, key=_key) == sorted(in_any, key=_key)


def _key(assessment: Assessment) -> tuple[str, str]:
    return assessment.event_id, repr(assessment.answers)


@settings(max_examples=12, deadline=None)
@given(SEEDS, PARTS, st.sampled_from(["", *KINDS]))
def test_a_rule_that_is_left_out_for_want_of_a_sign_would_have_been_quiet(
    seed: int, part: tuple[int, int], missing: str
) -> None:
    """Asking every rule of every access gives the answers that judging gives, one kind of records missing or none."""
    accesses, references, windows = part_of(seed, part), shelf_of(seed, without=missing), MemoryWindows()
    for access, facts in zip(
        accesses, finished(Directory(references).facts_for(accesses, SHIPPED.hops_max)), strict=True
    ):
        case = RULE_ENGINE.case(access, facts)
        case = case.with_windows(windows.observe_one(RULE_ENGINE.observe(case), RULE_ENGINE.plan))
        every = [rule.id for rule, answered in RULE_ENGINE.asked(case) if not isinstance(answered, NoMatch)]
        assert every == [answer.rule for answer in RULE_ENGINE.judge(case).assessment.answers]
