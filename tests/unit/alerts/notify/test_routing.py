"""Who is told of a revision, when and why: each row is one revision, as those who decide see it."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from alerts.notify.fields import Hours, next_at
from alerts.notify.routes import Delivery, Notices, Silence
from alerts.notify.routing import (
    Before,
    FollowUp,
    LastNotified,
    RateState,
    Reason,
    RoutingInput,
    SendDecision,
    Step,
    decide,
    first_look,
    follow_up,
)
from enrichment.nz_time import ZONE
from tests.support.alert_builders import NOW, STAFF, an_alert
from tests.support.routes import ELSEWHERE, a_delivery, a_route

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OPEN = Before("high", "new", conflicted=False)
LATER = tuple(replace(reason, explained_later=True) for reason in an_alert().reasons)
EXPLAINED: dict[str, Any] = {"status": "closed", "outcome": "explained", "reasons": LATER}
BY_MAIL = {"mail": LastNotified("all", NOW, alone=True)}
IN_DIGEST = {"mail": LastNotified("all", NOW, alone=False)}
IMMEDIATE = a_route()
GROUPED = a_route(mode="grouped", every="1h")
DIGEST = a_route(mode="digest", at="17:00")
AT_FIVE = datetime(2026, 11, 20, 17, tzinfo=ZONE)


def routing_input(before: Before | None = None, *, grew: bool = False, heard: Any = None, **now: Any) -> RoutingInput:
    """One revision of an alert about somebody in the unit U-1."""
    alert = replace(an_alert(), **now)
    return RoutingInput(
        alert,
        before,
        grew=grew,
        org_units=frozenset({"U-1"}),
        people={STAFF: frozenset({"U-1"})},
        last_notified=heard or {},
    )


def said(decisions: tuple[SendDecision, ...]) -> list[tuple[str, str, str]]:
    """The reason, the channels and the way of each."""
    return [(one.reason.value, " ".join(one.channels), one.how) for one in decisions]


REASONS = [
    pytest.param([("first", "mail", "alone")], IMMEDIATE, routing_input(), id="the first revision"),
    pytest.param([], IMMEDIATE, routing_input(OPEN, grew=True, heard=BY_MAIL), id="a later hit tells nobody"),
    pytest.param([], IMMEDIATE, routing_input(OPEN, heard=BY_MAIL, severity="low"), id="nor a lower severity"),
    pytest.param(
        [("severity_rose", "mail", "alone")],
        IMMEDIATE,
        routing_input(OPEN, heard=BY_MAIL, severity="critical"),
        id="the severity rose",
    ),
    pytest.param(
        [("reopened", "mail", "alone")],
        IMMEDIATE,
        routing_input(replace(OPEN, status="closed"), grew=True, heard=BY_MAIL),
        id="opened again",
    ),
    pytest.param(
        [("grew", "mail", "alone")], GROUPED, routing_input(OPEN, grew=True, heard=BY_MAIL), id="grouped: it grew"
    ),
    pytest.param([], GROUPED, routing_input(OPEN, heard=BY_MAIL), id="grouped: assigned by a person, it did not grow"),
    pytest.param([("first", "mail", "digest")], DIGEST, routing_input(), id="digest"),
    pytest.param(
        [("grew", "mail", "digest")], DIGEST, routing_input(OPEN, grew=True, heard=IN_DIGEST), id="digest: it grew"
    ),
    pytest.param(
        [],
        DIGEST,
        routing_input(OPEN, grew=True, heard={"mail": LastNotified("all", AT_FIVE, alone=False, waits=True)}),
        id="digest: it waits for the next one already, which says how it stands then",
    ),
    pytest.param(
        [("taken_back", "mail", "alone")], IMMEDIATE, routing_input(OPEN, heard=BY_MAIL, **EXPLAINED), id="explained"
    ),
    pytest.param(
        [("taken_back", "mail", "digest")], DIGEST, routing_input(OPEN, heard=IN_DIGEST, **EXPLAINED), id="by digest"
    ),
    pytest.param([], IMMEDIATE, routing_input(OPEN, **EXPLAINED), id="explained, and nobody had heard"),
    pytest.param([], IMMEDIATE, routing_input(OPEN, heard=BY_MAIL, status="closed", outcome="confirmed"), id="closed"),
    pytest.param(
        [("closed", "pager", "alone")],
        a_route("all", "mail", "pager"),
        routing_input(OPEN, heard=BY_MAIL | {"pager": BY_MAIL["mail"]}, status="closed", outcome="confirmed"),
        id="closed, and a channel keeps a status",
    ),
    pytest.param(
        [("acknowledged", "pager", "alone")],
        a_route("all", "pager"),
        routing_input(OPEN, heard={"pager": BY_MAIL["mail"]}, status="acknowledged"),
        id="acknowledged, likewise",
    ),
]


@pytest.mark.parametrize(("expected", "route", "now"), REASONS)
def test_what_is_told_and_why(expected: list[tuple[str, str, str]], route: Any, now: RoutingInput) -> None:
    """Each row: what is told, by a route of some mode, of a revision."""
    assert said(decide(a_delivery(route), now, RateState(), NOW)) == expected


MATCHING = [
    ({}, True),
    ({"severities": ["high"]}, True),
    ({"severities": ["low", "medium"]}, False),
    ({"rules": ["volume", "own-record"]}, True),
    ({"rules": ["volume"]}, False),
    ({"org_units": ["U-1"]}, True),
    ({"org_units": ["U-2"]}, False),
    ({"hours": "weekdays 08:00-18:00"}, True),
    ({"hours": "outside weekdays 08:00-18:00"}, False),
    ({"severities": ["high"], "org_units": ["U-2"]}, False),
    ({"only_when_named": True}, False),
]


@pytest.mark.parametrize(("fields", "fits"), MATCHING, ids=str)
def test_which_alerts_a_route_takes(fields: dict[str, Any], fits: bool) -> None:
    """The alert is high, about own-record, of somebody in U-1, on a Friday at 09:14 in New Zealand."""
    assert bool(decide(a_delivery(a_route(**fields)), routing_input(), RateState(), NOW)) is fits


WHEN = [
    ("2026-11-20T08:00", Hours("weekdays", time(8), time(18), outside=False), True),
    ("2026-11-20T18:00", Hours("weekdays", time(8), time(18), outside=False), False),
    ("2026-11-21T09:00", Hours("weekdays", time(8), time(18), outside=False), False),
    ("2026-11-21T09:00", Hours("weekdays", time(8), time(18), outside=True), True),
    ("2026-10-26T09:00", Hours("weekdays", time(8), time(18), outside=False), False),
    ("2026-10-26T09:00", Hours("weekdays", time(8), time(18), outside=True), True),
    ("2026-10-26T09:00", Hours("weekends", time(8), time(18), outside=False), True),
    ("2026-10-27T02:00", Hours("weekdays", time(22), time(6), outside=False), False),
    ("2026-11-21T09:00", Hours("weekends", time(8), None, outside=False), True),
    ("2026-11-21T02:00", Hours("weekdays", time(22), time(6), outside=False), True),
    ("2026-11-23T02:00", Hours("weekdays", time(22), time(6), outside=False), False),
]


@pytest.mark.parametrize(("at", "hours", "inside"), WHEN)
def test_hours_are_new_zealands(at: str, hours: Hours, inside: bool) -> None:
    """20 November 2026 is a Friday; hours past midnight belong to the day on which they began."""
    assert hours.hold(datetime.fromisoformat(at).replace(tzinfo=ZONE)) is inside


def test_a_days_digest_goes_at_the_same_hour_in_summer_and_winter() -> None:
    """Daylight saving ends on 5 April 2026."""
    before = datetime(2026, 4, 4, 17, tzinfo=ZONE)
    after = next_at(time(17), before)
    assert (after.date().isoformat(), after.hour, after.timestamp() - before.timestamp()) == (
        "2026-04-05",
        17,
        25 * 3600,
    )


def test_each_channel_is_told_once() -> None:
    """However many routes lead to it."""
    delivery = a_delivery(a_route("all", "mail"), a_route("more", "mail", "hook"))
    assert said(decide(delivery, routing_input(), RateState(), NOW)) == [
        ("first", "mail", "alone"),
        ("first", "hook", "alone"),
    ]


def test_a_grouped_route_tells_of_growth_once_an_interval() -> None:
    """Counted from the last message; what waits is replaced, not added to."""
    (decision,) = decide(
        a_delivery(GROUPED), routing_input(OPEN, grew=True, heard=BY_MAIL), RateState(), NOW + 5 * MINUTE
    )
    assert decision.at == NOW + HOUR
    waiting = {"mail": LastNotified("all", decision.at, alone=True, waits=True)}
    rates = RateState()
    (again,) = decide(a_delivery(GROUPED), routing_input(OPEN, grew=True, heard=waiting), rates, NOW + 6 * MINUTE)
    assert (again.at, rates.messages) == (NOW + HOUR, {})
    (later,) = decide(a_delivery(GROUPED), routing_input(OPEN, grew=True, heard=BY_MAIL), RateState(), NOW + 3 * HOUR)
    assert later.at == NOW + 3 * HOUR


def test_past_its_rate_a_route_gathers() -> None:
    """One message about all that wait, due when the interval is over; another route is not concerned."""
    guarded = a_route(storm={"at_most": 2, "per": "10m"})
    delivery, rates = a_delivery(guarded, a_route("other", "hook")), RateState()
    told = [decide(delivery, routing_input(), rates, NOW + number * MINUTE) for number in range(4)]
    assert [[(one.how, one.at - NOW) for one in decisions if one.route == "all"] for decisions in told] == [
        [("alone", 0 * MINUTE)], [("alone", 1 * MINUTE)], [("storm", 12 * MINUTE)], [("storm", 12 * MINUTE)],
    ]  # fmt: skip
    assert all(one.how == "alone" for decisions in told for one in decisions if one.route == "other")


# Silences


def a_silence(**fields: Any) -> Silence:
    """A silence of an hour."""
    base = {"name": "quiet", "owner": "S-9", "reason": "A test.", "end": (NOW + HOUR).isoformat()}
    return Silence.model_validate(base | fields)


SILENCES = [
    ({"rules": ["own-record"]}, True),
    ({"rules": ["own-record", "volume"], "org_units": ["U-1"]}, True),
    ({"rules": ["volume"]}, False),
    ({"severities": ["high"]}, True),
    ({"org_units": ["U-2"]}, False),
    ({"alerts": ["al-abcdefghijklmnopqrst"]}, True),
    ({"alerts": ["al-other"]}, False),
    ({"rules": ["own-record"], "end": NOW.isoformat()}, False),
    ({"rules": ["own-record"], "begin": (NOW + MINUTE).isoformat()}, False),
]


@pytest.mark.parametrize(("fields", "silent"), SILENCES, ids=str)
def test_a_silence_keeps_back_what_it_covers_while_it_lasts(fields: dict[str, Any], silent: bool) -> None:
    """It is written down who was not told, and by which silence."""
    (decision,) = decide(a_delivery(IMMEDIATE, silences=(a_silence(**fields),)), routing_input(), RateState(), NOW)
    assert (decision.how, decision.silence) == (("silenced", "quiet") if silent else ("alone", None))


def test_a_rule_that_is_not_silenced_still_asks() -> None:
    """Beside one that is."""
    silence = a_silence(rules=["own-record"])
    both = RoutingInput(an_alert("own-record", "relative-record"))
    assert said(decide(a_delivery(IMMEDIATE, silences=(silence,)), both, RateState(), NOW)) == [
        ("first", "mail", "alone")
    ]


def test_after_a_silence_the_next_hit_tells() -> None:
    """Nobody had heard."""
    assert said(decide(a_delivery(IMMEDIATE), routing_input(OPEN, grew=True), RateState(), NOW)) == [
        ("first", "mail", "alone")
    ]


# Whom not to tell

CONFLICTS = [
    pytest.param("mail", None, {"staff": ["S-9"]}, routing_input(), id="nobody is concerned"),
    pytest.param("privacy", "all", {}, routing_input(conflicted=True), id="it is about Internal Integrity's own"),
    pytest.param(
        "mail", None, {"independent": True}, routing_input(conflicted=True), id="which an independent route takes"
    ),
    pytest.param("privacy", "all", {"staff": ["S-9", STAFF]}, routing_input(), id="it is about a recipient"),
    pytest.param(
        "privacy", "all", {"staff": ["S-8"]}, routing_input(), id="it is about somebody in a recipient's unit"
    ),
    pytest.param(
        "privacy",
        "all",
        {"staff": ["S-7"]},
        replace(routing_input(), people={"S-7": frozenset({"U-7"})}),
        id="a recipient's own record was opened",
    ),
]


@pytest.mark.parametrize(("channel", "instead_of", "fields", "now"), CONFLICTS)
def test_whom_not_to_tell(channel: str, instead_of: str | None, fields: dict[str, Any], now: RoutingInput) -> None:
    """S-8 works in U-1, as the actor does."""
    rates = RateState(units={"S-8": "U-1", "S-9": "U-9"})
    (decision,) = decide(a_delivery(a_route(**fields)), now, rates, NOW)
    assert (decision.channels, decision.instead_of) == ((channel,), instead_of)
    assert decision.kept_from == (frozenset(fields["staff"]) - {"S-9"} if instead_of and fields else frozenset())


def test_where_every_route_has_a_conflict_nobody_is_told() -> None:
    """It is withheld and says so; conflict routes that name each other come to an end."""
    both = a_delivery(a_route(staff=[STAFF]))
    routes = (both.routes[0], both.routes[1].model_copy(update={"staff": [STAFF]}))
    delivery = Delivery(both.channels, routes, None, {})
    assert said(decide(delivery, routing_input(), RateState(), NOW)) == [("first", "mail", "withheld")]


def test_a_conflict_that_comes_later_tells_those_who_may_know() -> None:
    """Those who were told before hear nothing more."""
    now = routing_input(OPEN, grew=True, heard=BY_MAIL, conflicted=True)
    assert said(decide(a_delivery(IMMEDIATE), now, RateState(), NOW)) == [("first", "privacy", "alone")]
    explained = routing_input(replace(OPEN, conflicted=True), heard=BY_MAIL, conflicted=True, **EXPLAINED)
    assert decide(a_delivery(IMMEDIATE), explained, RateState(), NOW) == ()


# Reminders

REMINDING = a_route(reminders={"every": "1h", "at_most": 2}, escalate_to=ELSEWHERE)


def test_reminders_then_the_next_route() -> None:
    """Counted; after the last one it escalates, and that route is not reminded."""
    delivery = a_delivery(REMINDING)
    (first,) = decide(delivery, routing_input(), RateState(), NOW)
    assert first_look(delivery, first) == NOW + HOUR
    steps = [
        follow_up(delivery, FollowUp("all", number), routing_input(heard=BY_MAIL), RateState(), NOW)
        for number in range(3)
    ]
    assert [(step.decision and step.decision.reason, step.next_at, step.reminders) for step in steps] == [
        (Reason.REMINDER, NOW + HOUR, 1), (Reason.REMINDER, NOW + HOUR, 2), (Reason.ESCALATED, None, 0),
    ]  # fmt: skip
    assert steps[2].decision is not None
    assert (steps[2].decision.channels, first_look(delivery, steps[2].decision)) == (("privacy",), None)


NO_REMINDER = [
    pytest.param(Step(), routing_input(status="acknowledged"), {}, id="somebody has acknowledged it"),
    pytest.param(Step(), routing_input(status="closed", outcome="confirmed"), {}, id="or closed it"),
    pytest.param(
        Step(None, NOW + HOUR, 1), routing_input(), {"silences": (a_silence(rules=["own-record"]),)}, id="silenced"
    ),
]


@pytest.mark.parametrize(("expected", "now", "file"), NO_REMINDER)
def test_when_nobody_is_reminded(expected: Step, now: RoutingInput, file: dict[str, Any]) -> None:
    """For good, or until a silence ends."""
    assert follow_up(a_delivery(REMINDING, **file), FollowUp("all", 1), now, RateState(), NOW) == expected


def test_reminders_do_not_pass_the_storm_guard() -> None:
    """They wait until its interval is over, and are not counted as sent."""
    busy = RateState(messages={"all": 30})
    assert follow_up(a_delivery(REMINDING), FollowUp("all", 1), routing_input(), busy, NOW) == Step(None, NOW + HOUR, 1)


NOTICES = Notices(channel="mail", privacy_officer="privacy@agency.example")
MISTAKE: dict[str, Any] = {"audience": "actor", "status": "closed", "outcome": "self_reported"}
TOLD = Before("low", "new", conflicted=False, audience="actor")
MISTAKES = [
    pytest.param(NOTICES, TOLD, "S-7", ["mistake_to_manager S-7", "mistake_to_privacy None"], id="both"),
    pytest.param(NOTICES, TOLD, None, ["mistake_to_privacy None"], id="the staff record names no manager"),
    pytest.param(NOTICES, TOLD, STAFF, ["mistake_to_privacy None"], id="they are their own manager"),
    pytest.param(NOTICES, TOLD, "S-8", ["mistake_to_privacy None"], id="it was the manager's own record"),
    pytest.param(Notices(channel="mail"), TOLD, "S-7", ["mistake_to_manager S-7"], id="nobody else is named"),
    pytest.param(None, TOLD, "S-7", [], id="no channel to staff members"),
    pytest.param(NOTICES, replace(TOLD, status="closed"), "S-7", [], id="it was closed before"),
]


@pytest.mark.parametrize(("notices", "before", "manager", "expected"), MISTAKES)
def test_of_a_mistake_the_manager_and_the_privacy_officer_are_told(
    notices: Notices | None, before: Before, manager: str | None, expected: list[str]
) -> None:
    """Once, by the channel of notices."""
    about = replace(routing_input(before, **MISTAKE), manager_id=manager)
    about = replace(about, people={**about.people, "S-8": frozenset()})
    decisions = decide(replace(a_delivery(IMMEDIATE), notices=notices), about, RateState(), NOW)
    assert [f"{one.reason.value} {one.to_staff}" for one in decisions] == expected
    answered_with_work = replace(about, alert=replace(about.alert, outcome="explained"))
    assert decide(replace(a_delivery(IMMEDIATE), notices=notices), answered_with_work, RateState(), NOW) == ()
