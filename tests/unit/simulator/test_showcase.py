"""The demo's day: as many accesses as were asked for, something for every rule, and nothing about the look-alikes."""

from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise

import pytest

from alerts.detection.registry import RULES
from benchmarks.noticing.memory_judge import MemoryJudge
from sandbox.demo.scoreboard import EXPECTED, expected
from simulator.days import last_working_day
from simulator.showcase import SHOWN, Showcase

FRIDAY = date(2026, 11, 20)
SIZE = {"staff": 2_000, "clients": 12_000}

#: Every rule that an access may hit.
ASKED = RULES.keys() - {"unanswered-notice"}


async def test_every_rule_finds_what_was_planted_and_no_look_alike_is_asked_about() -> None:
    """Each planted episode by each of its rules, over all 22 of them."""
    day = Showcase(7, FRIDAY, 3_600, **SIZE)
    judge = MemoryJudge()
    judge.learn(day.reference())
    accesses = list(day.accesses())
    found: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, tuple[str, ...]] = {}
    for played, said in zip(accesses, await judge.judge(accesses), strict=True):
        rules = {rule for rule, *_ in said.hits}
        assert not (played.label.kind == "look-alike" and rules), (played.label, rules)
        if played.label.episode is not None and expected(played.label):
            wanted[played.label.episode] = expected(played.label)
            found[played.label.episode] |= rules
    assert {episode: rules for episode, rules in wanted.items() if not found[episode] >= set(rules)} == {}
    each = Counter(rule for rules in wanted.values() for rule in rules)
    assert each.keys() == ASKED
    assert min(each.values()) >= 2


def test_the_rules_and_the_planted_intents_are_all_there() -> None:
    """Nothing is shown that no rule should find, and every rule has something to find."""
    assert EXPECTED.keys() == SHOWN.keys()
    assert {rule for rules in EXPECTED.values() for rule in rules} == ASKED


@pytest.mark.parametrize("count", [1, 200, 3_600])
def test_there_are_as_many_accesses_as_were_asked_for(count: int) -> None:
    """However short the day: in order, with the first intent among the first ones of the day."""
    accesses = list(Showcase(3, FRIDAY, count, **SIZE).accesses())
    assert len(accesses) == len({played.event_id for played in accesses}) == count
    assert all(one.occurred_at <= other.occurred_at for one, other in pairwise(accesses))
    if count > 1:
        assert any(played.label.name == "self" for played in accesses[:150])


def test_the_same_seed_and_day_give_the_same_bytes() -> None:
    """Reference data and accesses are a function of seed, day and count."""

    def everything(seed: int) -> list[object]:
        day = Showcase(seed, FRIDAY, 300, staff=300, clients=2_000)
        return [*day.reference(), *day.accesses()]

    assert everything(1) == everything(1) != everything(2)


@pytest.mark.parametrize(
    ("now", "expected_day"),
    [
        pytest.param("2026-11-20T23:00:00+13:00", date(2026, 11, 19), id="Friday night"),
        pytest.param("2026-11-23T01:00:00+13:00", date(2026, 11, 20), id="Monday morning"),
        pytest.param("2026-11-20T11:30:00+00:00", date(2026, 11, 20), id="Saturday in New Zealand already"),
    ],
)
def test_the_last_working_day_is_over(now: str, expected_day: date) -> None:
    """The day that is played lies in the past, on a weekday."""
    assert last_working_day(datetime.fromisoformat(now)) == expected_day
