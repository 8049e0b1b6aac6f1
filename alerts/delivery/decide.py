"""Who is told of a revision, when, and why: pure, the reason comes back with the decision.

A channel hears of an alert when it is raised; of later revisions only when the severity rose, when it was opened
again, when it grew (a grouped route or a digest), and, having heard before, when work that became known later
explains it. A channel that keeps a status of its own also hears when it is acknowledged or closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from alerts.alert import Alert
from alerts.assessment import SEVERITIES
from alerts.delivery.conflicts import conflict, divert
from alerts.delivery.matter import Heard, Load, Matter
from alerts.delivery.route_settings import Matching, Route, Silence
from alerts.delivery.routes import Delivery
from alerts.delivery.spans import next_at


class Reason(StrEnum):
    """Why somebody is told, or nobody."""

    FIRST = "first"
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
class Telling:
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


def decide(delivery: Delivery, matter: Matter, load: Load, now: datetime) -> tuple[Telling, ...]:
    """Say who is told of this revision, each channel once; what is told now is added to *load*."""
    reason = _reason(matter)
    if reason in {Reason.TAKEN_BACK, Reason.ACKNOWLEDGED, Reason.CLOSED}:
        return tuple(_told_before(delivery, matter, load, reason, now))
    if matter.alert.status == "closed" or reason is Reason.UNCHANGED:
        return ()
    tellings: list[Telling] = []
    for route in delivery.routes:
        if not route.only_when_named and fits(route, matter) and (route.hours is None or route.hours.hold(now)):
            telling = tell(delivery, route, matter, load, reason=reason, now=now)
            left = _without(telling, _told(tellings)) if telling is not None and telling.how != "digest" else telling
            tellings += [left] if left is not None else []
    # What is withheld from one route's channel may reach it by another: then it is not withheld.
    kept = (one if one.how != "withheld" else _without(one, _told(tellings)) for one in tellings)
    return tuple(one for one in kept if one is not None)


def tell(
    delivery: Delivery, route: Route, matter: Matter, load: Load, *, reason: Reason, now: datetime
) -> Telling | None:
    """Say how a route, or the one that it gives way to, tells of a revision; None where it has nothing to tell."""
    routes = {one.name: one for one in delivery.routes}
    diverted = divert(route, routes, matter, load)
    if diverted.route is None:
        return Telling(route.name, reason, tuple(route.channels), "withheld", now, kept_from=diverted.kept_from)
    last, instead_of = diverted.route, route.name if diverted.route is not route else None
    heard = [matter.heard[name] for name in last.channels if name in matter.heard]
    if reason in {Reason.FIRST, Reason.GREW}:
        # Those that a conflicted alert goes to, and those that fit only now, have not heard of it yet.
        reason = Reason.GREW if heard else Reason.FIRST
    if reason is Reason.GREW and (last.mode == "immediate" or not all(one.alone for one in heard if one.waits)):
        return None
    telling = Telling(
        last.name, reason, tuple(last.channels), "alone", now, instead_of=instead_of, kept_from=diverted.kept_from
    )
    silence = silenced(delivery, matter, now)
    if silence is not None:
        return replace(telling, how="silenced", silence=silence.name)
    return _timed(last, telling, heard, load, now)


def _timed(route: Route, telling: Telling, heard: Sequence[Heard], load: Load, now: datetime) -> Telling:
    """Say when a message goes, alone or with others, as its route's mode and storm guard have it."""
    if route.mode == "digest" and route.at is not None:
        return replace(telling, how="digest", at=next_at(route.at, now))
    if telling.reason not in {Reason.REMINDER, Reason.ESCALATED}:
        if route.every is not None and heard:
            telling = replace(telling, at=max(now, max(one.due_at for one in heard) + route.every))
        if any(one.waits and one.alone and one.due_at > now for one in heard):
            # It takes the place of an update that waits: no message more.
            return replace(telling, at=max(one.due_at for one in heard))
    return guarded(route, telling, load, now)


def guarded(route: Route, telling: Telling, load: Load, now: datetime) -> Telling:
    """Let a message through, or past the storm guard's rate into the one message about all that wait."""
    if load.messages.get(route.name, 0) >= route.storm.at_most:
        return replace(telling, how="storm", at=load.storms.setdefault(route.name, now + route.storm.per))
    load.messages[route.name] = load.messages.get(route.name, 0) + 1
    return telling


def silenced(delivery: Delivery, matter: Matter, now: datetime) -> Silence | None:
    """Give the first silence in force that covers an alert."""
    return next((one for one in delivery.silences if one.lasts(now) and _covers(one, matter)), None)


def fits(matching: Matching, matter: Matter) -> bool:
    """Say whether an alert is one of these."""
    alert = matter.alert
    return (
        (matching.severities is None or alert.severity in matching.severities)
        and (matching.rules is None or bool(set(matching.rules) & set(alert.rules)))
        and (matching.org_units is None or bool(matter.org_units & set(matching.org_units)))
    )


def taken_back(alert: Alert) -> bool:
    """Say whether the service closed it: every reason is explained, which it does not leave open for a person."""
    return alert.outcome == "explained" and all(reason.explained_later for reason in alert.reasons)


def _covers(silence: Silence, matter: Matter) -> bool:
    # A rule that nobody silenced asks for somebody's attention, whichever others hit beside it.
    every_rule = silence.rules is None or set(matter.alert.rules) <= set(silence.rules)
    return every_rule and fits(silence, matter) and (silence.alerts is None or matter.alert.alert_id in silence.alerts)


def _reason(matter: Matter) -> Reason:
    alert, before = matter.alert, matter.before
    if before is None or (alert.conflicted and not before.conflicted):
        return Reason.FIRST
    if before.status == "closed" and alert.status == "new":
        return Reason.REOPENED
    if SEVERITIES.index(alert.severity) > SEVERITIES.index(before.severity):
        return Reason.SEVERITY_ROSE
    if before.status != "closed" and alert.status == "closed":
        return Reason.TAKEN_BACK if taken_back(alert) else Reason.CLOSED
    if before.status == "new" and alert.status == "acknowledged":
        return Reason.ACKNOWLEDGED
    return Reason.GREW if matter.grew else Reason.UNCHANGED


def _told_before(delivery: Delivery, matter: Matter, load: Load, reason: Reason, now: datetime) -> Iterator[Telling]:
    """Tell those who have heard, by whichever route, unless that has a conflict by now."""
    routes = {route.name: route for route in delivery.routes}
    for channel, heard in sorted(matter.heard.items()):
        route = routes.get(heard.route) if heard.route is not None else None
        if channel not in delivery.channels or (route is not None and conflict(route, matter, load)[0]):
            continue
        if heard.alone and (reason is Reason.TAKEN_BACK or delivery.channels[channel].keeps_status):
            yield Telling(heard.route, reason, (channel,), "alone", now)
        elif reason is Reason.TAKEN_BACK and not heard.waits and route is not None and route.at is not None:
            yield Telling(route.name, reason, (channel,), "digest", next_at(route.at, now))


def _told(tellings: Sequence[Telling]) -> set[str]:
    return {name for one in tellings if one.how in {"alone", "silenced"} for name in one.channels}


def _without(telling: Telling, channels: set[str]) -> Telling | None:
    left = tuple(name for name in telling.channels if name not in channels)
    return replace(telling, channels=left) if left else None
