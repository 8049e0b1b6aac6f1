"""Delivery files in memory, for the tests of who is told: routes to mailboxes that nobody serves."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from alerts.notify.channels.base import Channel
from alerts.notify.channels.pagerduty.settings import PagerdutyChannel
from alerts.notify.channels.smtp.settings import SmtpChannel
from alerts.notify.routes import Delivery, Route, Silence
from alerts.notify.routing import RateState, Reason, RoutingInput, SendDecision
from alerts.store.notifications import Plan

#: Where alerts go that nobody else may see.
ELSEWHERE: Final = "elsewhere"


def a_route(name: str = "all", *channels: str, **other: Any) -> Route:
    """A route to the mail channel, or to these."""
    fields = {"name": name, "channels": list(channels or ("mail",)), "conflict_route": ELSEWHERE} | other
    return Route.model_validate(fields)


def a_delivery(*routes: Route, silences: tuple[Silence, ...] = ()) -> Delivery:
    """These routes, and one for what they must not tell; the channel ``pager`` keeps a status."""
    independent = a_route(ELSEWHERE, "privacy", conflict_route="all", independent=True, only_when_named=True)
    everything = (*routes, independent)
    channels = {name: _channel(name) for route in everything for name in route.channels}
    return Delivery(channels, everything, None, {}, silences)


def a_plan(decide: Callable[[RoutingInput, RateState, datetime], tuple[SendDecision, ...]]) -> Plan:
    """Deciding by a function; nobody is reminded."""
    return Plan(decide=decide, look_again=lambda _: None, storm_per={})


def decision(
    *channels: str, withheld: tuple[str, ...] = ()
) -> Callable[[RoutingInput, RateState, datetime], tuple[SendDecision, ...]]:
    """Tell these channels of every revision, and withhold it from others."""

    def decide(_matter: RoutingInput, _load: RateState, now: datetime) -> tuple[SendDecision, ...]:
        kept = (SendDecision("more", Reason.FIRST, withheld, "withheld", now),) if withheld else ()
        return (SendDecision("all", Reason.FIRST, channels, "alone", now), *kept)

    return decide


def _channel(name: str) -> Channel:
    if name == "pager":
        return PagerdutyChannel.model_validate({"kind": "pagerduty", "routing_key_file": "key"})
    return SmtpChannel(
        kind="smtp", host="127.0.0.1", port=25, security="none", sender="a@b.example", recipients=[f"{name}@b.example"]
    )
