"""Who is told of an alert, when, and why: pure, and the reason comes back too. The delivery file is in ``config.py``.

A channel hears of an alert when it is raised; of later revisions only when the severity rose, when it was opened
again, when it grew (a grouped route or a digest), and, having heard before, when work that became known later
explains it. A channel that keeps a status of its own also hears when it is acknowledged or closed. While nobody
acknowledges an alert there are reminders, then the next route (``follow_up``).

An alert never goes where somebody whom it concerns, or who works beside them, would read it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from alerts.alert import Alert, Status, taken_back
from alerts.assessment import SEVERITIES, Audience, Severity
from alerts.notify.fields import next_at
from alerts.notify.routes import Delivery, Matching, Reminders, Route, Silence


@dataclass(frozen=True, slots=True)
class Before:
    """How the alert stood in the revision before."""

    severity: Severity
    status: Status
    conflicted: bool
    audience: Audience = "integrity"


@dataclass(frozen=True, slots=True)
class LastNotified:
    """What a channel was last told of the alert: by which route, due when, alone or with others in one message.

    ``route`` is None for what was told before routes were written down.
    """

    route: str | None
    due_at: datetime
    alone: bool
    #: It is to be told and was not yet.
    waits: bool = False


@dataclass(frozen=True, slots=True)
class RoutingInput:
    """One revision, as those who decide see it."""

    alert: Alert
    before: Before | None = None
    #: An access made this revision.
    grew: bool = False
    #: The actor's, as recorded when the accesses were judged.
    org_units: frozenset[str] = frozenset()
    #: Whom it concerns, the actor and owners of the client record, with the org_units they were recorded in.
    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: By channel.
    last_notified: Mapping[str, LastNotified] = field(default_factory=dict)
    #: The actor's, as the staff register has it now.
    manager_id: str | None = None


@dataclass(slots=True)
class RateState:
    """What deciding knows of the routes: messages in each storm guard's interval, and the staff register's units.

    ``storms`` says when a route's message about those that wait is due, where some do.
    """

    messages: dict[str, int] = field(default_factory=dict)
    storms: dict[str, datetime] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diverted:
    """The route that takes an alert in the end, None where all have a conflict; and who must not see it."""

    route: Route | None
    kept_from: frozenset[str]


def divert(route: Route, routes: Mapping[str, Route], routing_input: RoutingInput, rates: RateState) -> Diverted:
    """Follow conflict routes until one has no conflict."""
    kept_from: set[str] = set()
    seen: set[str] = set()
    while route.name not in seen:
        seen.add(route.name)
        conflicted, people = conflict(route, routing_input, rates)
        if not conflicted:
            return Diverted(route, frozenset(kept_from))
        kept_from |= people
        route = routes[route.conflict_route]
    return Diverted(None, frozenset(kept_from))


def conflict(route: Route, routing_input: RoutingInput, rates: RateState) -> tuple[bool, frozenset[str]]:
    """Return whether a route's people must not be told, and which of them must not see the alert in a list either."""
    if routing_input.alert.conflicted and not route.independent:
        return True, frozenset(route.staff)
    units = frozenset[str]().union(*routing_input.people.values())
    people = frozenset(one for one in route.staff if one in routing_input.people or rates.units.get(one) in units)
    return bool(people), people


class Reason(StrEnum):
    """Why somebody is told, or nobody."""

    FIRST = "first"
    NOTICE = "notice"
    MISTAKE_TO_MANAGER = "mistake_to_manager"
    MISTAKE_TO_PRIVACY = "mistake_to_privacy"
    SEVERITY_ROSE = "severity_rose"
    REOPENED = "reopened"
    GREW = "grew"
    TAKEN_BACK = "taken_back"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    UNCHANGED = "unchanged"


#: ``alone``: a message of its own. ``digest``, ``storm``: with others, in the route's next one.
How = Literal["alone", "digest", "storm", "silenced", "withheld"]


@dataclass(frozen=True, slots=True)
class SendDecision:
    """One route's part in a decision."""

    route: str | None
    reason: Reason
    channels: tuple[str, ...]
    how: How
    at: datetime
    #: The silence that keeps it back.
    silence: str | None = None
    #: The route that it would have gone by, had that no conflict.
    instead_of: str | None = None
    kept_from: frozenset[str] = frozenset()
    #: The staff member whom it goes to, where that is not the one whom the notice is for.
    to_staff: str | None = None


def decide(
    delivery: Delivery, routing_input: RoutingInput, rates: RateState, now: datetime
) -> tuple[SendDecision, ...]:
    """Return who is told of this revision, each channel once; what is told now is added to *rates*."""
    if routing_input.alert.status == "pending" or routing_input.alert.outcome == "canary":
        return ()
    if routing_input.alert.audience == "actor":
        return _notice(delivery, routing_input, now)
    reason = _reason(routing_input)
    if reason in {Reason.TAKEN_BACK, Reason.ACKNOWLEDGED, Reason.CLOSED}:
        return tuple(_told_before(delivery, routing_input, rates, reason, now))
    if routing_input.alert.status == "closed" or reason is Reason.UNCHANGED:
        return ()
    decisions: list[SendDecision] = []
    for route in delivery.routes:
        if not route.only_when_named and fits(route, routing_input) and (route.hours is None or route.hours.hold(now)):
            decision = route_decision(delivery, route, routing_input, rates, reason=reason, now=now)
            left = (
                _without(decision, _channels_of(decisions))
                if decision is not None and decision.how != "digest"
                else decision
            )
            decisions += [left] if left is not None else []
    # What is withheld from one route's channel may reach it by another: then it is not withheld.
    kept = (one if one.how != "withheld" else _without(one, _channels_of(decisions)) for one in decisions)
    return tuple(one for one in kept if one is not None)


def _notice(delivery: Delivery, routing_input: RoutingInput, now: datetime) -> tuple[SendDecision, ...]:
    """Tell the staff member of a notice, once, and of a mistake their manager and the Privacy Officer.

    Nobody is told where the delivery file has no channel for that. A manager whom the client record concerns is not.
    """
    notices, alert, before = delivery.notices, routing_input.alert, routing_input.before
    if notices is None:
        return ()
    channels = (notices.channel,)
    if alert.status == "new" and (before is None or before.status != "new" or before.audience != "actor"):
        return (SendDecision(None, Reason.NOTICE, channels, "alone", now),)
    if alert.outcome != "self_reported" or before is None or before.status == "closed":
        return ()
    told = []
    manager = routing_input.manager_id
    if manager is not None and manager not in routing_input.people:
        told.append(SendDecision(None, Reason.MISTAKE_TO_MANAGER, channels, "alone", now, to_staff=manager))
    if notices.privacy_officer is not None:
        told.append(SendDecision(None, Reason.MISTAKE_TO_PRIVACY, channels, "alone", now))
    return tuple(told)


def route_decision(
    delivery: Delivery, route: Route, routing_input: RoutingInput, rates: RateState, *, reason: Reason, now: datetime
) -> SendDecision | None:
    """Return how a route, or the one that it gives way to, tells of a revision; None where it has nothing to tell."""
    routes = {one.name: one for one in delivery.routes}
    diverted = divert(route, routes, routing_input, rates)
    if diverted.route is None:
        return SendDecision(route.name, reason, tuple(route.channels), "withheld", now, kept_from=diverted.kept_from)
    last, instead_of = diverted.route, route.name if diverted.route is not route else None
    heard = [routing_input.last_notified[name] for name in last.channels if name in routing_input.last_notified]
    if reason in {Reason.FIRST, Reason.GREW}:
        # Those that a conflicted alert goes to, and those that fit only now, have not heard of it yet.
        reason = Reason.GREW if heard else Reason.FIRST
    if reason is Reason.GREW and (last.mode == "immediate" or not all(one.alone for one in heard if one.waits)):
        return None
    decision = SendDecision(
        last.name, reason, tuple(last.channels), "alone", now, instead_of=instead_of, kept_from=diverted.kept_from
    )
    silence = silenced(delivery, routing_input, now)
    if silence is not None:
        return replace(decision, how="silenced", silence=silence.name)
    return _timed(last, decision, heard, rates, now)


def _timed(
    route: Route, decision: SendDecision, heard: Sequence[LastNotified], rates: RateState, now: datetime
) -> SendDecision:
    """Return when a message goes, alone or with others, as its route's mode and storm guard have it."""
    if route.mode == "digest" and route.at is not None:
        return replace(decision, how="digest", at=next_at(route.at, now))
    if decision.reason not in {Reason.REMINDER, Reason.ESCALATED}:
        if route.every is not None and heard:
            decision = replace(decision, at=max(now, max(one.due_at for one in heard) + route.every))
        if any(one.waits and one.alone and one.due_at > now for one in heard):
            # It takes the place of an update that waits: no message more.
            return replace(decision, at=max(one.due_at for one in heard))
    return guarded(route, decision, rates, now)


def guarded(route: Route, decision: SendDecision, rates: RateState, now: datetime) -> SendDecision:
    """Let a message through, or past the storm guard's rate into the one message about all that wait."""
    if rates.messages.get(route.name, 0) >= route.storm.at_most:
        return replace(decision, how="storm", at=rates.storms.setdefault(route.name, now + route.storm.per))
    rates.messages[route.name] = rates.messages.get(route.name, 0) + 1
    return decision


def silenced(delivery: Delivery, routing_input: RoutingInput, now: datetime) -> Silence | None:
    """Return the first silence in force that covers an alert."""
    return next((one for one in delivery.silences if one.lasts(now) and _covers(one, routing_input)), None)


def fits(matching: Matching, routing_input: RoutingInput) -> bool:
    """Return whether an alert is one of these."""
    alert = routing_input.alert
    return (
        (matching.severities is None or alert.severity in matching.severities)
        and (matching.rules is None or bool(set(matching.rules) & set(alert.rules)))
        and (matching.score_min is None or (alert.score is not None and alert.score.value >= matching.score_min))
        and (matching.org_units is None or bool(routing_input.org_units & set(matching.org_units)))
    )


def _covers(silence: Silence, routing_input: RoutingInput) -> bool:
    # A rule that nobody silenced asks for somebody's attention, whichever others hit beside it.
    every_rule = silence.rules is None or set(routing_input.alert.rules) <= set(silence.rules)
    return (
        every_rule
        and fits(silence, routing_input)
        and (silence.alerts is None or routing_input.alert.alert_id in silence.alerts)
    )


def _reason(routing_input: RoutingInput) -> Reason:  # noqa: PLR0911 one for each reason
    alert, before = routing_input.alert, routing_input.before
    if before is None or (alert.conflicted and not before.conflicted):
        return Reason.FIRST
    if before.status == "pending" or before.audience == "actor":
        if alert.status == "closed":
            return Reason.CLOSED
        return (
            Reason.REOPENED
            if any(one.route is not None for one in routing_input.last_notified.values())
            else Reason.FIRST
        )
    if before.status == "closed" and alert.status == "new":
        return Reason.REOPENED
    if SEVERITIES.index(alert.severity) > SEVERITIES.index(before.severity):
        return Reason.SEVERITY_ROSE
    if before.status != "closed" and alert.status == "closed":
        return Reason.TAKEN_BACK if taken_back(alert) else Reason.CLOSED
    if before.status == "new" and alert.status == "acknowledged":
        return Reason.ACKNOWLEDGED
    return Reason.GREW if routing_input.grew else Reason.UNCHANGED


def _told_before(
    delivery: Delivery, routing_input: RoutingInput, rates: RateState, reason: Reason, now: datetime
) -> Iterator[SendDecision]:
    """Tell those who have heard, by whichever route, unless that has a conflict by now."""
    routes = {route.name: route for route in delivery.routes}
    for channel, heard in sorted(routing_input.last_notified.items()):
        route = routes.get(heard.route) if heard.route is not None else None
        if delivery.notices is not None and channel == delivery.notices.channel:
            continue
        if channel not in delivery.channels or (route is not None and conflict(route, routing_input, rates)[0]):
            continue
        if heard.alone and (reason is Reason.TAKEN_BACK or delivery.channels[channel].keeps_status):
            yield SendDecision(heard.route, reason, (channel,), "alone", now)
        elif reason is Reason.TAKEN_BACK and not heard.waits and route is not None and route.at is not None:
            yield SendDecision(route.name, reason, (channel,), "digest", next_at(route.at, now))


def _channels_of(decisions: Sequence[SendDecision]) -> set[str]:
    return {name for one in decisions if one.how in {"alone", "silenced"} for name in one.channels}


def _without(decision: SendDecision, channels: set[str]) -> SendDecision | None:
    left = tuple(name for name in decision.channels if name not in channels)
    return replace(decision, channels=left) if left else None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A route, how often it has reminded of an alert."""

    route: str
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What is told now, None for nothing; and when to look again and with how many reminders, None for never."""

    decision: SendDecision | None = None
    next_at: datetime | None = None
    reminders: int = 0


def first_look(delivery: Delivery, decision: SendDecision) -> datetime | None:
    """Return when to look again at an alert that a route has just told of; None where nobody is reminded."""
    route = next((one for one in delivery.routes if one.name == decision.route), None)
    if route is None or route.reminders is None or decision.how != "alone":
        return None
    begins = decision.reason in {Reason.FIRST, Reason.REOPENED, Reason.ESCALATED}
    return decision.at + route.reminders.every if begins else None


def follow_up(
    delivery: Delivery, known: FollowUp, routing_input: RoutingInput, rates: RateState, now: datetime
) -> Step:
    """Return what becomes of an alert about which a reminder, or what follows the last one, is due."""
    routes = {route.name: route for route in delivery.routes}
    route = routes.get(known.route)
    if route is None or route.reminders is None or routing_input.alert.status != "new":
        return Step()
    silence = silenced(delivery, routing_input, now)
    if silence is not None:
        return Step(None, silence.end, known.reminders)
    if known.reminders < route.reminders.at_most:
        decision = route_decision(delivery, route, routing_input, rates, reason=Reason.REMINDER, now=now)
        return _reminded(decision, route, route.reminders, known, now)
    if route.escalate_to is None:
        return Step()
    return Step(
        route_decision(delivery, routes[route.escalate_to], routing_input, rates, reason=Reason.ESCALATED, now=now)
    )


def _reminded(
    decision: SendDecision | None, route: Route, reminders: Reminders, known: FollowUp, now: datetime
) -> Step:
    if decision is None or decision.route != route.name or decision.how == "withheld":
        # Its people have a conflict by now; whoever took it over is reminded by their own route.
        return Step()
    if decision.how != "alone":
        # Past the storm guard's rate: later.
        return Step(None, now + max(reminders.every, route.storm.per), known.reminders)
    return Step(decision, now + reminders.every, known.reminders + 1)
