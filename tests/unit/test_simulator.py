"""The simulator keeps its promises: the wire models take its records, and its labels are true.

Whether they are true is worked out here again from the published reference data alone, slowly and
in the words of RULES.md, with nothing of the product's judgement.
"""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from enrichment import wire
from enrichment.newzealand import nz_date, nz_time
from simulator.play import STAFF_MIN, Played, World, agency, last_working_day, working_day

DAY = date(2026, 11, 20)
SIZE = {"staff": 2_000, "clients": 8_000}
COUNT = 4_000
MODELS: dict[str, type[wire.Record]] = {
    "staff": wire.Staff,
    "client": wire.Client,
    "relationship": wire.Relationship,
    "work": wire.Work,
    "watchlist": wire.WatchlistEntry,
    "self_report": wire.SelfReport,
}
RULES = ["own-record", "staff-record", "relative-record", "media-watchlist", "unknown-staff"]
KIN = {"partner", "parent", "child", "sibling", "grandparent", "whanau", "household"}
ROLE_KINDS = {
    "case_manager": {"case_management", "application", "review", "appointment"},
    "contact_centre": {"call", "appointment"},
    "quality_assurance": {"quality_check", "review"},
    "fraud_investigation": {"investigation"},
    "staff_assistance": {"staff_assistance"},
    "internal_integrity": {"investigation"},
    "privacy": {"investigation"},
    "media": {"review"},
}


@pytest.fixture(scope="module")
def world() -> World:
    """A small agency; everything else about it is as in the demo."""
    return World(11, DAY, **SIZE)


@pytest.fixture(scope="module")
def played(world: World) -> list[Played]:
    """A short working day in it."""
    return list(world.accesses(COUNT))


class SlowJudge:
    """RULES.md for the first five rules, read word for word."""

    def __init__(self, world: World) -> None:
        newest: dict[str, dict[str, Any]] = {kind: {} for kind in MODELS}
        for kind, record_id, value in world.reference():
            newest[kind][record_id] = MODELS[kind].model_validate_json(value)
        self.staff: dict[str, wire.Staff] = newest["staff"]
        self.owner = {c: s for s in self.staff.values() for c in s.client_ids}
        self.work = newest["work"]
        self.watchlist = newest["watchlist"].values()
        self.work_of = defaultdict(list)
        for item in self.work.values():
            self.work_of[item.client_id].append(item)
        self.near: dict[str, list[tuple[str, wire.Relationship]]] = defaultdict(list)
        for relationship in newest["relationship"].values():
            a, b = self.person(relationship.a), self.person(relationship.b)
            self.near[a].append((b, relationship))
            self.near[b].append((a, relationship))

    def person(self, node: str) -> str:
        """A staff member and their own client records are one node."""
        kind, _, node_id = node.partition(":")
        owner = self.owner.get(node_id) if kind == "client" else None
        return f"staff:{owner.staff_id}" if owner else node

    def reasons(self, access: wire.Access) -> list[tuple[int, str]]:
        """Give number and kind of every work reason."""
        actor, grace, found = self.staff.get(access.staff_id), timedelta(hours=24), []
        for work in self.work_of[access.client_id or ""]:
            closed = work.closed_at + grace if work.closed_at else datetime.max.replace(tzinfo=UTC)
            if not work.opened_at - grace <= access.occurred_at <= closed:
                continue
            if work.staff_id == access.staff_id:
                found.append((1, work.kind))
            elif actor and work.org_unit == actor.org_unit and any(work.kind in ROLE_KINDS[r] for r in actor.roles):
                found.append((2, work.kind))
            elif work.work_id == access.work_id:
                found.append((3, work.kind))
        return found

    def is_relative(self, access: wire.Access) -> bool:
        """Walk one and two hops of kin, each valid that day, with a confidence of at least 0.5 together."""
        day, target = nz_date(access.occurred_at), self.person(f"client:{access.client_id}")

        def steps(node: str) -> list[tuple[str, float]]:
            return [
                (other, r.confidence)
                for other, r in self.near[node]
                if r.kind in KIN and (r.valid_from or day) <= day <= (r.valid_to or day)
            ]

        start = f"staff:{access.staff_id}"
        one = steps(start)
        two = [(end, sure * more) for middle, sure in one for end, more in steps(middle)]
        return target != start and any(node == target and sure >= 0.5 for node, sure in one + two)

    def is_in_the_news(self, access: wire.Access) -> bool:
        """Find a watchlist entry with a weight of at least 0.1."""
        for entry in self.watchlist:
            hours = (access.occurred_at - entry.published_at) / timedelta(hours=1)
            expired = entry.expires_at is not None and access.occurred_at > entry.expires_at
            weight = 0.5 ** (hours / (entry.half_life_hours or 72))
            if access.client_id in entry.client_ids and hours >= 0 and not expired and weight >= 0.1:
                return True
        return False

    def rules(self, access: wire.Access) -> set[str]:
        """Give the rules that hit."""
        actor = self.staff.get(access.staff_id)
        hits = set() if actor else {"unknown-staff"}
        if access.client_id is None:
            return hits
        owner, reasons = self.owner.get(access.client_id), self.reasons(access)
        if owner is not None and owner is actor:
            hits.add("own-record")
        elif owner is not None and owner.status != "ended":
            unit = {"staff_assistance", "fraud_investigation", "internal_integrity"} & set(actor.roles if actor else ())
            fits = any(number < 3 and kind in {"staff_assistance", "investigation"} for number, kind in reasons)
            hits |= set() if unit and fits else {"staff-record"}
        if self.is_relative(access):
            hits.add("relative-record")
        if self.is_in_the_news(access) and not any(number < 3 for number, _ in reasons):
            hits.add("media-watchlist")
        return hits


def test_every_reference_record_is_taken(world: World) -> None:
    """The wire models take every record without an unknown field, and the key is the record's id."""
    kinds = Counter[str]()
    for kind, record_id, value in world.reference():
        record = MODELS[kind].model_validate_json(value)
        kinds[kind] += 1
        assert record.unknown_fields() == 0
        assert record_id == next(iter(json.loads(value).values()))
    assert kinds.keys() == MODELS.keys()
    assert kinds["client"] == SIZE["clients"]


def test_every_access_is_taken_in_order_of_the_day(played: list[Played]) -> None:
    """Accesses are valid, distinct, in order, between 07:30 and 18:00 New Zealand time."""
    accesses = [wire.Access.model_validate_json(item.value) for item in played]
    assert len({access.event_id for access in accesses}) == COUNT
    assert all(a.occurred_at <= b.occurred_at for a, b in pairwise(accesses))
    assert {nz_date(access.occurred_at) for access in accesses} == {DAY}
    assert f"{nz_time(accesses[0].occurred_at):%H:%M}" >= "07:30"
    assert f"{nz_time(accesses[-1].occurred_at):%H:%M}" < "18:00"
    assert [access.staff_id for access in accesses] == [item.key for item in played]


@pytest.mark.parametrize("count", [200, COUNT])
def test_labels_are_true(world: World, count: int) -> None:
    """Exactly the planted accesses hit, exactly by their rules; look-alikes and ordinary ones by none."""
    judge = SlowJudge(world)
    differing = [
        (item.label, hits)
        for item in world.accesses(count)
        if (hits := judge.rules(wire.Access.model_validate_json(item.value))) != set(item.label.rules)
    ]
    assert differing == []


@pytest.mark.parametrize("count", [200, 12_000])
def test_each_rule_is_planted_several_times(world: World, count: int) -> None:
    """However short the run: each rule a few times, the first at once, every look-alike once."""
    labels = [item.label for item in world.accesses(count)]
    planted = Counter(rule for label in labels for rule in label.rules)
    assert sorted(planted) == sorted(RULES)
    assert min(planted.values()) >= 3
    assert next(number for number, label in enumerate(labels) if label.kind == "planted") < 400
    assert len({label.name for label in labels if label.kind == "look-alike"}) == 20


def test_ordinary_accesses_have_work(world: World, played: list[Played]) -> None:
    """About 2 % of the ordinary accesses have no work reason, and all three kinds of reason occur."""
    judge = SlowJudge(world)
    strongest = Counter[int]()
    for item in played:
        access = wire.Access.model_validate_json(item.value)
        if item.label.kind == "ordinary" and access.client_id is not None:
            strongest[min((number for number, _ in judge.reasons(access)), default=0)] += 1
    assert strongest.keys() == {0, 1, 2, 3}
    assert 0.005 < strongest[0] / COUNT < 0.04


def test_the_same_seed_and_day_give_the_same_bytes() -> None:
    """Reference data and accesses are a function of seed and day."""
    digests = {_digest(seed, day) for seed, day in [(5, DAY), (5, DAY), (6, DAY), (5, DAY - timedelta(days=1))]}
    assert len(digests) == 3


def _digest(seed: int, day: date) -> str:
    digest = hashlib.sha256()
    for reference in agency(seed, day, **SIZE):
        digest.update(reference.value)
    for item in working_day(seed, day, 500, **SIZE):
        digest.update(item.value + repr(item.label).encode())
    return digest.hexdigest()


def test_too_small_an_agency_is_refused() -> None:
    """There have to be people enough for all scenes."""
    with pytest.raises(ValueError, match="at least"):
        World(1, DAY, staff=STAFF_MIN - 1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-11-20T23:00:00+13:00", date(2026, 11, 19), id="Friday night"),
        pytest.param("2026-11-23T01:00:00+13:00", date(2026, 11, 20), id="Monday morning"),
        pytest.param("2026-11-20T11:30:00+00:00", date(2026, 11, 20), id="Saturday in New Zealand already"),
    ],
)
def test_the_last_working_day_is_over(now: str, expected: date) -> None:
    """The day that is played lies in the past, on a weekday."""
    assert last_working_day(datetime.fromisoformat(now)) == expected
