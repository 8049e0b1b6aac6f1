"""What an alert says is a function of its distinct hits: not of their order, not of how often they came."""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import ALERT, Alert, alert_id, alert_json
from alerts.assessment import SEVERITIES, Answer, Versions
from alerts.grouping import (
    ALERT_DIGEST,
    EVENT_IDS_MAX,
    AlertDigest,
    AlertHit,
    AlertState,
    HitRecord,
    LateEvidence,
    aggregate,
    alert_ids_of,
    leading_rule,
    render,
    split,
)
from tests.support.alert_builders import NOON, NOW, RULES, a_hit, an_answer

DAY = date(2026, 11, 20)
PAIR = alert_id("S-1", "C-1", DAY)
ACTOR = alert_id("S-1", None, DAY)
FIRST = AlertState(revision=1, raised_at=NOW, updated_at=NOW, status="new", outcome=None)


def composed(*records: HitRecord, state: AlertState = FIRST, about: str = PAIR) -> Alert:
    """The alert that these records make, taken as one batch."""
    found = [(subject, hit) for record in records for subject, hit in split(record, RULES)]
    subject = next(subject for subject, _ in found if subject.alert_id == about)
    hits = [hit for subject, hit in found if subject.alert_id == about]
    return render(subject, aggregate(None, hits), state, RULES)


BELONGS = [
    pytest.param({PAIR: ["own-record"]}, a_hit(), id="a rule about a pair"),
    pytest.param({ACTOR: ["volume"]}, a_hit(answers=[an_answer("volume")]), id="a rule about an actor"),
    pytest.param(
        {PAIR: ["own-record", "media-watchlist"], ACTOR: ["volume"]},
        a_hit(answers=[an_answer("own-record"), an_answer("volume"), an_answer("media-watchlist")]),
        id="both kinds: one alert each",
    ),
    pytest.param(
        {PAIR: ["tomorrow"]}, a_hit(answers=[an_answer("tomorrow")]), id="a newer worker's rule with a client"
    ),
    pytest.param(
        {ACTOR: ["tomorrow"]}, a_hit(answers=[an_answer("tomorrow")], client=None), id="the same without a client"
    ),
    pytest.param(
        {}, a_hit(answers=[Answer("own-record", "hit", "shadow", "high", "Shadow.")]), id="a shadow hit raises nothing"
    ),
    pytest.param(
        {}, a_hit(answers=[Answer("own-record", "abstain", "live", None, "Unknown.")]), id="nor does an abstention"
    ),
    pytest.param(
        {alert_id("S-1", "C-1", date(2026, 11, 21)): ["own-record"]},
        a_hit(at=NOON.replace(hour=11, minute=0, second=0) + timedelta(days=1)),
        id="midnight in New Zealand begins a day",
    ),
    pytest.param(
        {PAIR: ["own-record"]},
        a_hit(at=NOON.replace(hour=10, minute=59, second=59) + timedelta(days=1)),
        id="a second before it does not",
    ),
]


@pytest.mark.parametrize(("expected", "record"), BELONGS)
def test_a_hit_belongs_to_the_alert_of_its_kind(expected: dict[str, list[str]], record: HitRecord) -> None:
    """Pair or actor, staff member, client, New Zealand day: nothing else makes an alert's id."""
    found: dict[str, list[str]] = {}
    for subject, hit in split(record, RULES):
        found.setdefault(subject.alert_id, []).append(hit.rule)
    assert expected == found
    assessment = record.assessment
    live = [rule for rules in expected.values() for rule in rules]
    ids = alert_ids_of(assessment.staff_id, assessment.client_id, assessment.occurred_at, live, RULES)
    assert tuple(expected) == ids


later = NOON + timedelta(hours=1)
SAYS = [
    pytest.param({"severity": "high", "title": "Own record"}, [a_hit()], id="one hit"),
    pytest.param(
        {"rules": ("own-record", "media-watchlist"), "title": "Own record, and 1 more question"},
        [a_hit(answers=[an_answer("media-watchlist", "medium")]), a_hit("e-2", [an_answer("own-record", "medium")])],
        id="rules stand in the catalogue's order",
    ),
    pytest.param(
        {"severity": "critical", "title": "Record of somebody in the news, and 1 more question"},
        [a_hit(answers=[an_answer("own-record", "medium"), an_answer("media-watchlist", "critical")])],
        id="the highest severity leads",
    ),
    pytest.param(
        {"policy": ("never.kaimahi", "never.close", "like.whanau")},
        [a_hit(answers=[an_answer("relative-record")]), a_hit("e-2")],
        id="clauses of all its rules, once",
    ),
    pytest.param(
        {"access_count": 2, "event_ids": ("e-2", "e-1"), "first_access_at": NOON, "last_access_at": later},
        [a_hit(at=later), a_hit("e-2"), a_hit("e-2", [an_answer("relative-record")])],
        id="accesses are distinct events, by time",
    ),
    pytest.param(
        {"versions": Versions("2", "x", "y")},
        [a_hit(at=later, versions=Versions("2", "x", "y")), a_hit("e-2")],
        id="versions of the latest access",
    ),
    pytest.param({"conflicted": True}, [a_hit(), a_hit("e-2", actor_conflicted=True)], id="a conflicted actor"),
    pytest.param(
        {"conflicted": True}, [a_hit(owner_conflicted=True)], id="a conflicted owner, in an alert about a pair"
    ),
    pytest.param(
        {"rules": ("own-record", "a-new-one", "b-new-one"), "title": "Own record, and 2 more questions"},
        [a_hit(answers=[an_answer("b-new-one", "low"), an_answer("a-new-one", "low"), an_answer()])],
        id="rules of a newer worker come last",
    ),
]


@pytest.mark.parametrize(("expected", "records"), SAYS)
def test_what_an_alert_says(expected: dict[str, Any], records: list[HitRecord]) -> None:
    """Each row: some of the alert's fields, and the hits that make them."""
    alert = composed(*records)
    assert expected == {name: getattr(alert, name) for name in expected}


@pytest.mark.parametrize(
    ("expected", "header"), [((False, False), ""), ((True, False), "actor"), ((True, True), "actor,owner")]
)
def test_the_conflict_header_is_read(expected: tuple[bool, bool], header: str) -> None:
    """A comma list of "actor" and "owner"."""
    record = HitRecord.of(a_hit().assessment, 1, header)
    assert expected == (record.actor_conflicted, record.owner_conflicted)


def test_a_conflicted_owner_does_not_make_an_alert_about_an_actor_conflicted() -> None:
    """Only in an alert about a pair does the owner of the record matter."""
    assert not composed(a_hit(answers=[an_answer("volume")], owner_conflicted=True), about=ACTOR).conflicted


@pytest.mark.parametrize(
    ("expected", "severity"), [("low", "low"), ("low", "medium"), ("medium", "high"), ("high", "critical")]
)
def test_a_self_report_lowers_by_one_step(expected: str, severity: Any) -> None:
    """Not below low."""
    ((subject, hit),) = split(a_hit(answers=[an_answer("own-record", severity)]), RULES)
    late = LateEvidence(covered={(hit.event_id, hit.rule)})
    alert = render(subject, aggregate(None, [hit], late=late), FIRST, RULES)
    assert (expected, True) == (alert.severity, alert.self_reported)


def test_one_reason_per_rule_the_most_severe_then_the_earliest_then_by_event() -> None:
    """Two accesses hit one rule: the alert gives the reason that leads."""
    records = [
        a_hit("e-3", [an_answer("relative-record", "medium", "medium, early")]),
        a_hit("e-2", [an_answer("relative-record", "high", "high, late")], at=later),
        a_hit("e-9", [an_answer("relative-record", "high", "high, early, e-9")]),
        a_hit("e-1", [an_answer("relative-record", "high", "high, early, e-1")]),
    ]
    assert [reason.sentence for reason in composed(*records).reasons] == ["high, early, e-1"]


def test_an_alert_names_its_first_fifty_accesses() -> None:
    """The count says how many there are."""
    records = [a_hit(f"e-{number:03}", at=NOON + timedelta(seconds=number)) for number in reversed(range(60))]
    alert = composed(*records)
    assert (
        alert.access_count, len(alert.event_ids), alert.event_ids[0], alert.event_ids[-1],
    ) == (60, EVENT_IDS_MAX, "e-000", "e-049")  # fmt: skip


def test_it_reads_back_as_it_was_written() -> None:
    """JSON keeps everything; times carry an offset, the day is a date."""
    alert = composed(a_hit())
    assert alert == ALERT.validate_json(alert_json(alert))
    written = orjson.loads(alert_json(alert))
    assert (written["day"], written["first_access_at"]) == ("2026-11-20", "2026-11-19T20:14:07+00:00")


def test_fields_of_a_newer_release_are_ignored() -> None:
    """Two releases share one topic while an upgrade runs."""
    alert = composed(a_hit())
    assert alert == ALERT.validate_json(alert_json(alert)[:-1] + b',"tomorrow":1}')


@st.composite
def distinct_hits(draw: st.DrawFn) -> list[AlertHit]:
    """Hits of one alert, each (event, rule) once; an access has one time."""
    keys = draw(st.sets(st.tuples(st.integers(0, 80), st.sampled_from(sorted(RULES))), min_size=1, max_size=120))
    minutes = draw(st.lists(st.integers(0, 5), min_size=81, max_size=81))
    severities = draw(st.lists(st.sampled_from(SEVERITIES), min_size=len(keys), max_size=len(keys)))
    return [
        AlertHit(
            event_id=f"e-{event}",
            rule=rule,
            severity=severity,
            sentence=f"{rule} asks about e-{event}.",
            evidence=(),
            occurred_at=NOON + timedelta(minutes=minutes[event]),
            recorded_ms=0,
            conflicted=False,
            versions=Versions(str(event), "l", "r"),
        )
        for (event, rule), severity in zip(sorted(keys), severities, strict=True)
    ]


@given(st.data(), distinct_hits())
def test_the_order_and_the_batches_of_arrival_do_not_matter(data: st.DataObject, hits: list[AlertHit]) -> None:
    """Gathered in any order, in any batches, through JSON between them, it is the same."""
    whole = aggregate(None, hits)
    shuffled = data.draw(st.permutations(hits))
    gathered: AlertDigest | None = None
    known: set[str] = set()
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batch, shuffled = shuffled[:size], shuffled[size:]
        gathered = aggregate(gathered, batch, known)
        gathered = ALERT_DIGEST.validate_json(orjson.dumps(gathered))
        known |= {hit.event_id for hit in batch}
    assert whole == gathered
    assert leading_rule(whole, RULES) in whole.reasons
