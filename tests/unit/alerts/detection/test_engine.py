"""Judging one access: the outcome, the answers, the alerts named, the versions, the conflicts."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import alert_id
from alerts.assessment import Assessment, Stage
from alerts.detection.engine import Judged, RuleEngine
from alerts.detection.rule import Case
from enrichment.nz_time import nz_date
from enrichment.schemas import Record
from tests.support.cases import SHIPPED, a_case
from tests.support.records import related, staff, watched, work

FIVE = ("own-record", "staff-record", "relative-record", "media-watchlist", "unknown-staff")
STAGES: tuple[Stage, ...] = get_args(Stage)


def judge(case: Case, **stages: Stage) -> Judged:
    """Judge with five rules, live unless said otherwise (``own_record="shadow"``); all others are off."""
    staged = {rule.replace("_", "-"): stage for rule, stage in stages.items()}
    rules = {
        rule: limits.model_copy(update={"stage": staged.get(rule, "live" if rule in FIVE else "off")})
        for rule, limits in SHIPPED.rules.items()
    }
    return RuleEngine(replace(SHIPPED, rules=rules), "release 1").judge(case)


def assess(case: Case, **stages: Stage) -> Assessment:
    """The assessment of that."""
    return judge(case, **stages).assessment


OWN = staff(client_ids=["C-1"])
PARTNER = related("staff:S-1", "client:C-1")

OUTCOMES: list[tuple[str, Case, dict[str, Stage], str]] = [
    ("hit", a_case(OWN), {}, "a live rule hit"),
    ("hit", a_case(OWN, work()), {}, "and work explains it"),
    ("hit", a_case(PARTNER, actor_known=False), {}, "one hit, one abstained"),
    ("hit", a_case(actor_known=False, client_id=None), {}, "without a client"),
    ("abstained", a_case(actor_known=False), {"unknown_staff": "off"}, "a live rule abstained"),
    ("abstained", a_case(work(), actor_known=False), {"unknown_staff": "off"}, "and work explains it"),
    ("abstained", a_case(actor_known=False), {"unknown_staff": "shadow"}, "and a shadow rule hit"),
    ("explained", a_case(work()), {}, "work, and all rules quiet"),
    ("explained", a_case(OWN, work()), {"own_record": "shadow"}, "work, and a shadow rule hit"),
    ("explained", a_case(OWN, work()), {"own_record": "off"}, "work, and the rule that would hit is off"),
    (
        "explained", a_case(work(), actor_known=False), {"unknown_staff": "off", "own_record": "shadow"},
        "work, and a shadow rule abstained",
    ),
    ("explained", a_case(work(staff_id="S-2"), work_id="W-1"), {}, "work that is only claimed explains too"),
    ("no_subject", a_case(client_id=None), {}, "no client"),
    ("no_subject", a_case(client_id=None, action="search", work_id="W-1"), {}, "no client, with a work id"),
    ("unexplained", a_case(), {}, "nothing at all"),
    ("unexplained", a_case(work(staff_id="S-2")), {}, "somebody else's work"),
    ("unexplained", a_case(client_known=False), {}, "a client whom nothing is known of"),
    ("unexplained", a_case(OWN), {"own_record": "shadow"}, "a shadow rule hit"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case", "stages"), [pytest.param(*row[:3], id=row[3]) for row in OUTCOMES])
def test_the_outcome_is_the_first_that_applies(expected: str, case: Case, stages: dict[str, Stage]) -> None:
    """Hit, abstained, explained, no subject, unexplained: every row is one access and its outcome."""
    assert expected == assess(case, **stages).outcome


def test_hits_explanation_and_answers_stand_side_by_side() -> None:
    """A hit does not hide the work, nor the work a hit; quiet rules leave no answer."""
    found = assess(a_case(PARTNER, watched(), work()))
    assert [(answer.rule, answer.answer) for answer in found.answers] == [("relative-record", "hit")]
    assert found.explanation is not None
    assert (found.explanation.kind, found.explanation.id) == ("case_management", "W-1")


def test_an_abstention_names_what_is_missing() -> None:
    """Without a severity, since nothing was found."""
    (answer,) = assess(a_case(actor_known=False), unknown_staff="off").answers
    expected = ("own-record", "abstain", None, "Could not be asked: the staff record of the actor is not known.")
    assert expected == (answer.rule, answer.answer, answer.severity, answer.sentence)


def test_answers_stand_in_the_catalogues_order() -> None:
    """Whatever they are."""
    found = assess(a_case(PARTNER, staff("S-2", client_ids=["C-1"]), watched(), actor_known=False))
    assert list(FIVE) == [answer.rule for answer in found.answers]


@pytest.mark.parametrize("stage", STAGES)
def test_stages(stage: Stage) -> None:
    """Live raises, shadow is recorded, off is not asked."""
    found = assess(a_case(OWN), own_record=stage)
    expected = {"live": ("hit", ["live"], 1), "shadow": ("unexplained", ["shadow"], 0), "off": ("unexplained", [], 0)}
    assert expected[stage] == (found.outcome, [answer.stage for answer in found.answers], len(found.alert_ids))


def the_day(case: Case) -> tuple[str, str]:
    """The ids of the alerts about the pair and about the actor."""
    day = nz_date(case.access.occurred_at)
    return alert_id("S-1", "C-1", day), alert_id("S-1", None, day)


NAMED: list[tuple[set[str], Case, dict[str, Stage], str]] = [
    ({"pair"}, a_case(OWN), {}, "a rule about a pair"),
    ({"pair"}, a_case(PARTNER, watched()), {}, "two of them: one alert"),
    ({"actor"}, a_case(actor_known=False), {}, "a rule about an actor"),
    ({"actor"}, a_case(actor_known=False, client_id=None), {}, "the same without a client"),
    ({"pair", "actor"}, a_case(watched(), actor_known=False), {}, "one of each"),
    ({"pair"}, a_case(watched(), actor_known=False), {"unknown_staff": "shadow"}, "one live, one in shadow"),
    (set(), a_case(OWN), {"own_record": "shadow"}, "a shadow hit names none"),
    (set(), a_case(actor_known=False), {"unknown_staff": "off"}, "nor does an abstention"),
    (set(), a_case(work()), {}, "nor does an explanation"),
]


@pytest.mark.parametrize(("expected", "case", "stages"), [pytest.param(*row[:3], id=row[3]) for row in NAMED])
def test_which_alerts_are_named(expected: set[str], case: Case, stages: dict[str, Stage]) -> None:
    """Those that the live hits belong to, the pair's first."""
    pair, actor = the_day(case)
    names = [name for about, name in (("pair", pair), ("actor", actor)) if about in expected]
    assert tuple(names) == assess(case, **stages).alert_ids


def test_the_day_of_an_alert_is_new_zealands() -> None:
    """Two accesses a microsecond apart over midnight there, on one day in UTC."""
    (before,) = assess(a_case(OWN, occurred_at="2026-11-20T10:59:59.999999Z")).alert_ids
    (after,) = assess(a_case(OWN, occurred_at="2026-11-20T11:00:00Z")).alert_ids
    (noon,) = assess(a_case(OWN)).alert_ids
    assert before == noon != after


INTEGRITY = staff(roles=["internal_integrity"])
OWNER = staff("S-2", roles=["media", "internal_integrity"], client_ids=["C-1"])

CONFLICTS = [
    pytest.param((), a_case(staff("S-2", client_ids=["C-1"])), id="neither works for Internal Integrity"),
    pytest.param(("actor",), a_case(INTEGRITY), id="the actor does"),
    pytest.param(("owner",), a_case(OWNER), id="the owner of the client record does"),
    pytest.param(("actor", "owner"), a_case(INTEGRITY, OWNER), id="both do"),
    pytest.param(("owner",), a_case(OWNER, staff("S-3", client_ids=["C-1"])), id="one of two owners does"),
    pytest.param(("owner",), a_case(OWNER, actor_known=False), id="the actor is unknown"),
    pytest.param((), a_case(staff("S-2", roles=["internal_integrity"]), PARTNER), id="somebody else does"),
    pytest.param((), a_case(OWNER, client_id="C-2"), id="the owner of another record does"),
]


@pytest.mark.parametrize(("expected", "case"), CONFLICTS)
def test_conflicts(expected: tuple[str, ...], case: Case) -> None:
    """Who must not be asked to look at it; every row is who works for Internal Integrity."""
    assert expected == judge(case).conflicts


def test_it_is_the_access_that_was_judged() -> None:
    """Its own fields are repeated as they were, and what it was judged with is named."""
    case = a_case(event_id="E-9", action="print")
    found = assess(case)
    expected = ("E-9", case.access.occurred_at, "S-1", "C-1", "print")
    assert expected == (found.event_id, found.occurred_at, found.staff_id, found.client_id, found.action)
    versions = ("release 1", SHIPPED.hash, case.facts.reference)
    assert versions == (found.versions.rules, found.versions.limits, found.versions.reference)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.sampled_from([OWN, PARTNER, watched(), work(), OWNER, INTEGRITY, work("W-2", staff_id="S-2")])),
    st.booleans(),
    st.sampled_from(["C-1", "C-2", None]),
    st.fixed_dictionaries({rule.replace("-", "_"): st.sampled_from(STAGES) for rule in FIVE}),
)
def test_outcome_answers_and_alerts_agree(
    records: list[Record], actor_known: bool, client_id: str | None, stages: dict[str, Stage]
) -> None:
    """Whatever is known: judged twice it is the same, and the parts of an assessment do not contradict each other."""
    case = a_case(*records, actor_known=actor_known, client_id=client_id)
    found = assess(case, **stages)
    assert found == assess(case, **stages)
    live = {answer.answer for answer in found.answers if answer.stage == "live"}
    assert (found.outcome == "hit") == ("hit" in live) == bool(found.alert_ids)
    assert (found.outcome == "abstained") == (live == {"abstain"})
    assert all((answer.severity is not None) == (answer.answer == "hit") for answer in found.answers)
    assert all(answer.sentence.endswith(".") for answer in found.answers)
    assert found.client_id is not None or found.explanation is None
    assert all(stages[answer.rule.replace("-", "_")] == answer.stage for answer in found.answers)
