"""The simulated agency: valid records, days that stand alone, and labels that say what is true in its world."""

import json
from collections import defaultdict
from datetime import date, datetime
from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest

from enrichment import schemas
from enrichment.nz_time import nz_date
from enrichment.reference.layout import KINDS
from simulator.episodes import Episode
from simulator.habits import SUMMARY
from simulator.intents import INTENTS
from simulator.look_alikes import LOOK_ALIKES
from simulator.rates import TIES, table
from simulator.records import Change, Label, Played
from simulator.world import STAFF_MIN, World

#: A Monday.
FIRST = date(2026, 11, 16)
#: The fourth week, by when some have left.
WEEK = range(21, 28)
STAFF = 500
#: So many that each intent is there.
OFTEN = 150.0

Event = Change | Played


@pytest.fixture(scope="module")
def world() -> World:
    """A small agency in which many look who should not."""
    return World(11, FIRST, days=28, staff=STAFF, clients=12_000, intent_factor=OFTEN, share=0.1)


@pytest.fixture(scope="module")
def week(world: World) -> list[list[Event]]:
    """A week of it, day by day."""
    return [list(world.day(number)) for number in WEEK]


def played(week: list[list[Event]]) -> list[Played]:
    """The accesses of a week."""
    return [event for event in chain.from_iterable(week) if isinstance(event, Played)]


def test_every_reference_record_is_taken(world: World, week: list[list[Event]]) -> None:
    """The wire models take every record without an unknown field, and the key is the record's id."""
    changes = [event.record for event in chain.from_iterable(week) if isinstance(event, Change)]
    kinds = set()
    for kind, record_id, value in chain(world.reference(), changes):
        model, id_field = KINDS[kind]  # type: ignore[index]
        record = model.model_validate_json(value)
        kinds.add(kind)
        assert record.unknown_fields() == 0
        assert getattr(record, id_field) == record_id
    assert kinds == KINDS.keys()


def test_every_access_is_taken_in_order_of_its_day(week: list[list[Event]]) -> None:
    """Accesses are valid, distinct and in order, on their day; hardly any on a Sunday."""
    accesses = [
        [schemas.Access.model_validate_json(event.value) for event in day if isinstance(event, Played)] for day in week
    ]
    for number, day in enumerate(accesses):
        assert all(a.occurred_at <= b.occurred_at for a, b in pairwise(day))
        assert {nz_date(access.occurred_at) for access in day} <= {date(2026, 12, 7 + number)}
    assert len({access.event_id for day in accesses for access in day}) == sum(map(len, accesses))
    assert len(accesses[6]) < len(accesses[5]) < min(map(len, accesses[:5])) / 2


def test_what_becomes_known_comes_in_order_too(week: list[list[Event]]) -> None:
    """Accesses and reference records are merged by time."""
    for day in week:
        times = [event.known_at if isinstance(event, Change) else event.occurred_at for event in day]
        assert times == sorted(times)


def test_a_day_is_the_same_alone_and_every_time(week: list[list[Event]]) -> None:
    """Another world of the same seed gives a later day without the earlier ones; another seed gives another day."""

    def thursday(seed: int) -> list[Event]:
        world = World(seed, FIRST, days=28, staff=STAFF, clients=12_000, intent_factor=OFTEN, share=0.1)
        return list(world.day(WEEK[3]))

    assert thursday(11) == week[3]
    assert thursday(12) != week[3]


def test_every_intent_is_played(week: list[list[Event]]) -> None:
    """Each is there, ties both known and undeclared, and what belongs together carries one episode."""
    labels = {event.label for event in played(week)}
    assert {label.name for label in labels if label.kind == "intent"} == INTENTS.keys()
    assert {label.kind for label in labels} == {"ordinary", "covering", "mistake", "look-alike", "intent"}
    known: dict[str, set[bool | None]] = defaultdict(set)
    for label in labels:
        if label.kind == "intent":
            known[label.name].add(label.known)
            assert label.episode
    both = {"self", "colleague", "close family", "friend", "favour", "face in the news", "neighbour"}
    assert all(known[name] == {True, False} for name in both)


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_every_look_alike_can_be_played(world: World, name: str) -> None:
    """There are people and clients for each; its accesses are labelled innocent."""
    scenes = []
    for number in range(200):
        day = world.date(number % 28)
        episode = Episode(world.setting, Random(number), day, f"E{number}", "look-alike", name)  # noqa: S311 seeded
        LOOK_ALIKES[name](episode)
        scenes += episode.scenes
    labels = [scene.label for scene in scenes if scene.label is not None]
    assert labels
    assert all(label.innocent and label.name == name for label in labels)


def test_ordinary_work_shows_what_intents_show(week: list[list[Event]]) -> None:
    """Addresses, first screens, searches that open a record, evenings: none of them tells the one from the other."""
    ordinary, intended = ([one for one in played(week) if one.label.kind == kind] for kind in ("ordinary", "intent"))
    for accesses in (ordinary, intended):
        documents = [json.loads(one.value) for one in accesses]
        assert any("address" in one.get("sections", ()) for one in documents)
        assert any(one.get("sections") == SUMMARY for one in documents)
        assert any(one["action"] == "search" and one["client_id"] is not None for one in documents)
        assert any(one["occurred_at"][11:13] >= "18" for one in documents)


def test_half_of_the_calls_have_their_item_after_the_first_view(world: World) -> None:
    """Within twenty minutes; in the hard world more of them."""
    shares = []
    for hard in (False, True):
        calls = World(11, FIRST, days=1, staff=STAFF, clients=12_000, hard=hard)
        before: dict[str, str] = {}
        late = known = 0
        for event in calls.day(0):
            if isinstance(event, Played):
                access = json.loads(event.value)
                before.setdefault(f"{event.key} {access['client_id']}", event.occurred_at)
            elif event.record.kind == "work" and json.loads(event.record.value)["kind"] == "call":
                work = json.loads(event.record.value)
                known += 1
                late += event.known_at > work["opened_at"]
        shares.append(late / known)
    assert 0.4 < shares[0] < 0.6 < shares[1] < 0.8
    assert world.days


def test_known_means_in_the_reference_data(world: World, week: list[list[Event]]) -> None:
    """Of looking at oneself and a friend, the label says what the records say at that moment."""
    owners: dict[str, str] = {}
    related: set[tuple[str, str, str]] = set()
    for kind, record_id, value in world.reference():
        record = json.loads(value)
        if kind == "staff":
            owners |= dict.fromkeys(record["client_ids"], record_id)
        elif kind == "relationship":
            related.add((record["a"], record["b"], record["kind"]))
    checked: dict[tuple[str, bool | None], int] = defaultdict(int)
    for event in played(week):
        access = json.loads(event.value)
        client, label = access["client_id"], event.label
        if client is None or label.kind != "intent":
            continue
        truth = {
            "self": owners.get(client) == event.key,
            "friend": (f"staff:{event.key}", f"client:{client}", "friend") in related,
        }
        if label.name in truth:
            assert label.known == truth[label.name], label
            checked[label.name, label.known] += 1
    assert {name for name, _ in checked} == {"self", "friend"}
    assert len(checked) == 4


def test_most_work_has_an_item(week: list[list[Event]]) -> None:
    """What the ordinary accesses of a day carry, or is opened for them, leaves out only a few in a hundred."""
    opened: dict[str, set[str]] = defaultdict(set)
    for event in chain.from_iterable(week):
        if isinstance(event, Change) and event.record.kind == "work":
            work: dict[str, Any] = json.loads(event.record.value)
            opened[work["client_id"]].add(work["work_id"])
    calls = [json.loads(e.value) for e in played(week) if e.label.kind == "ordinary" and b'"phone"' in e.value]
    with_client = [call for call in calls if call["client_id"]]
    without = [call for call in with_client if call["client_id"] not in opened]
    assert 0.003 < len(without) / len(with_client) < 0.04


def test_every_rate_says_what_it_means() -> None:
    """The data card can print each rate with its meaning and its source."""
    rates = table()
    assert len(rates) > 2 * len(TIES) + len(INTENTS)
    assert all(rate.meaning and rate.source for _, rate in rates)


@pytest.mark.parametrize("options", [{"staff": STAFF_MIN - 1}, {"days": 0}, {"days": 401}])
def test_what_cannot_be_an_agency_is_refused(options: dict[str, Any]) -> None:
    """There have to be people enough for every unit, and a day to play."""
    with pytest.raises(ValueError, match="an agency needs"):
        World(1, FIRST, **options)


def test_innocent_is_whatever_was_not_intended() -> None:
    """A mistake is innocent; an intent is not."""
    assert Label("mistake", "wrong client, not reported").innocent
    assert not Label("intent", "self", known=True).innocent


def test_times_carry_the_days_offset(week: list[list[Event]]) -> None:
    """In November New Zealand is 13 hours ahead."""
    assert datetime.fromisoformat(played(week)[0].occurred_at).utcoffset() is not None
    assert played(week)[0].occurred_at.endswith("+13:00")
