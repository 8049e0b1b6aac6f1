"""While nobody acknowledges an alert: reminders, then the next route. Pure, as ``decide``."""

from dataclasses import dataclass
from datetime import datetime

from alerts.delivery.decide import Reason, Telling, silenced, tell
from alerts.delivery.matter import Load, Matter
from alerts.delivery.route_settings import Reminders, Route
from alerts.delivery.routes import Delivery


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A route, how often it has reminded of an alert."""

    route: str
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What is told now, None for nothing; and when to look again and with how many reminders, None for never."""

    telling: Telling | None = None
    next_at: datetime | None = None
    reminders: int = 0


def first_look(delivery: Delivery, telling: Telling) -> datetime | None:
    """Say when to look again at an alert that a route has just told of; None where nobody is reminded."""
    route = next((one for one in delivery.routes if one.name == telling.route), None)
    if route is None or route.reminders is None or telling.how != "alone":
        return None
    begins = telling.reason in {Reason.FIRST, Reason.REOPENED, Reason.ESCALATED}
    return telling.at + route.reminders.every if begins else None


def follow_up(delivery: Delivery, known: FollowUp, matter: Matter, load: Load, now: datetime) -> Step:
    """Say what becomes of an alert about which a reminder, or what follows the last one, is due."""
    routes = {route.name: route for route in delivery.routes}
    route = routes.get(known.route)
    if route is None or route.reminders is None or matter.alert.status != "new":
        return Step()
    silence = silenced(delivery, matter, now)
    if silence is not None:
        return Step(None, silence.end, known.reminders)
    if known.reminders < route.reminders.at_most:
        telling = tell(delivery, route, matter, load, reason=Reason.REMINDER, now=now)
        return _reminded(telling, route, route.reminders, known, now)
    if route.escalate_to is None:
        return Step()
    return Step(tell(delivery, routes[route.escalate_to], matter, load, reason=Reason.ESCALATED, now=now))


def _reminded(telling: Telling | None, route: Route, reminders: Reminders, known: FollowUp, now: datetime) -> Step:
    if telling is None or telling.route != route.name or telling.how == "withheld":
        # Its people have a conflict by now; whoever took it over is reminded by their own route.
        return Step()
    if telling.how != "alone":
        # Past the storm guard's rate: later.
        return Step(None, now + max(reminders.every, route.storm.per), known.reminders)
    return Step(telling, now + reminders.every, known.reminders + 1)
