"""A plan of canaries, judged in memory by the real rules: each live rule hits the access that is looked for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.assessment import Answer
from alerts.canaries import NOT_BY_ACCESS, Plan, plan, used_by_others
from alerts.detection.config import LoadedLimits
from alerts.detection.engine import Place, RuleEngine
from alerts.detection.registry import RULES
from enrichment.lookup import Directory
from enrichment.reference.memory import MemoryReferenceStore
from enrichment.relationship_graph import client_node, staff_node
from enrichment.schemas import Access, Record
from enrichment.windows.memory import MemoryWindows
from tests.support.cases import SHIPPED, finished, put
from tests.support.records import a_self_report, client, related, staff, watched, work

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
STAFF = tuple(f"K-{number}" for number in range(6))
CLIENTS = tuple(f"L-{number}" for number in range(41))


def hits(made: Plan, limits: LoadedLimits = SHIPPED) -> dict[str, set[str]]:
    """Judge a plan's accesses in their order; by event id, the rules that hit."""
    references, windows = MemoryReferenceStore(), MemoryWindows()
    for _, record in made.records:
        put(references, record)
    engine = RuleEngine(limits, "release of a test")
    found = {}
    for access in sorted([*made.before, *made.looked_for], key=lambda one: one.occurred_at):
        answers = judged(engine, references, windows, access)
        found[access.event_id] = {one.rule for one in answers if one.answer == "hit"}
    return found


def judged(
    engine: RuleEngine, references: MemoryReferenceStore, windows: MemoryWindows, access: Access
) -> tuple[Answer, ...]:
    """What the rules say of one access."""
    (facts,) = finished(Directory(references, hops_max=SHIPPED.hops_max).facts_for([access]))
    case = engine.case(access, facts)
    case = case.with_windows(windows.observe_one(engine.observe(case), engine.plan))
    return engine.judge(case, Place(NOW, 0, 0)).assessment.answers


def with_limits(**rules: dict[str, object]) -> LoadedLimits:
    """The shipped limits with some changed; ``_`` in a rule's name stands for ``-``."""
    changed = {name.replace("_", "-"): more for name, more in rules.items()}
    kept = {name: limits.model_copy(update=changed.get(name, {})) for name, limits in SHIPPED.rules.items()}
    return replace(SHIPPED, rules=kept)


def test_six_staff_ids_and_forty_one_client_ids_are_enough_for_every_rule() -> None:
    """By the shipped limits; each rule that an access can hit is looked for and hit."""
    made = plan(STAFF, CLIENTS, SHIPPED, NOW, "1")
    found = hits(made)
    assert made.not_asked == {}
    assert {one.rule for one in made.expected} == set(RULES) - NOT_BY_ACCESS
    assert [one.rule for one in made.expected if one.rule not in found[one.event_id]] == []


@pytest.mark.parametrize("taken", range(len(STAFF) + 1))
def test_with_fewer_ids_what_is_asked_is_still_found(taken: int) -> None:
    """And of each rule that is not asked it is said what it needs."""
    for clients in (0, 1, 5, 11, 40):
        made = plan(STAFF[:taken], CLIENTS[:clients], SHIPPED, NOW, "1")
        found = hits(made)
        assert [one.rule for one in made.expected if one.rule not in found[one.event_id]] == []
        assert {one.rule for one in made.expected} | set(made.not_asked) == set(RULES) - NOT_BY_ACCESS
        assert made.not_asked
        assert all("it needs" in why for why in made.not_asked.values())
    assert "42 client ids" not in str(made.not_asked)


def test_what_a_limits_file_changes_is_followed() -> None:
    """More distinct clients, more dates; a rule that is not live is not looked for."""
    limits = with_limits(
        volume={"clients_max": 20},
        contact_lookup={"clients_min": 5},
        dormant_record={"clients_min": 4},
        repeat_visits={"days_min": 4},
        media_surge={"staff_min": 3},
        search_browsing={"searches_max": 3},
        own_record={"stage": "shadow"},
        two_places={"stage": "off"},
    )
    made = plan(STAFF, CLIENTS[:21], limits, NOW, "1")
    found = hits(made, limits)
    assert made.not_asked == {}
    assert {one.rule for one in made.expected} == set(RULES) - NOT_BY_ACCESS - {"own-record", "two-places"}
    assert [one.rule for one in made.expected if one.rule not in found[one.event_id]] == []


def test_a_plan_touches_reserved_ids_only() -> None:
    """No other staff member and no other client; and its event ids are its run's own."""
    made = plan(STAFF, CLIENTS, SHIPPED, NOW, "1")
    accesses = [*made.before, *made.looked_for]
    assert {one.staff_id for one in accesses} <= set(STAFF)
    assert {one.client_id for one in accesses} <= {*CLIENTS, None}
    again = plan(STAFF, CLIENTS, SHIPPED, NOW, "2")
    assert not {one.event_id for one in accesses} & {one.event_id for one in [*again.before, *again.looked_for]}
    assert again.records == made.records
    assert len({one.event_id for one in accesses}) == len(accesses)


def known(*records: Record, made: Plan) -> list[str]:
    """What is said of the reserved ids where these records are known beside a plan's."""
    references = MemoryReferenceStore()
    for record in [*(one for _, one in made.records), *records]:
        put(references, record)
    nodes = {*map(staff_node, STAFF), *map(client_node, CLIENTS)}
    return used_by_others(finished(references.read(nodes)))


@pytest.mark.parametrize(
    ("record", "of", "has"),
    [
        (staff("K-5"), "staff id K-5", "a staff record"),
        (client("L-40"), "client id L-40", "a client record"),
        (related("staff:S-1", "client:L-3", "friend"), "client id L-3", "a relationship"),
        (work("W-1", client_id="L-2"), "client id L-2", "a work item"),
        (watched(client_ids=["L-9"]), "client id L-9", "a watchlist entry"),
        (a_self_report(staff_id="K-1"), "staff id K-1", "a self report"),
    ],
)
def test_an_id_that_somebody_else_has_is_named(record: Record, of: str, has: str) -> None:
    """Whatever kind of record it is; the canaries' own are none."""
    made = plan(STAFF, CLIENTS, SHIPPED, NOW, "1")
    assert known(made=made) == []
    assert known(record, made=made) == [f"The {of} is reserved for canaries, and {has} that is no canary's has it."]
