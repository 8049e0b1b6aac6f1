"""Delivery files in memory, for the tests of who is told: routes to mailboxes that nobody serves."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from alerts.delivery.channel_settings import Channel, PagerdutyChannel, SmtpChannel
from alerts.delivery.decide import Reason, Telling
from alerts.delivery.matter import Load, Matter
from alerts.delivery.route_settings import Route, Silence
from alerts.delivery.routes import Delivery
from alerts.store.routing import Plan

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


def a_plan(decide: Callable[[Matter, Load, datetime], tuple[Telling, ...]]) -> Plan:
    """Deciding by a function; nobody is reminded."""
    return Plan(decide=decide, look_again=lambda _: None, storm_per={})


def telling(*channels: str, withheld: tuple[str, ...] = ()) -> Callable[[Matter, Load, datetime], tuple[Telling, ...]]:
    """Tell these channels of every revision, and withhold it from others."""

    def decide(_matter: Matter, _load: Load, now: datetime) -> tuple[Telling, ...]:
        kept = (Telling("more", Reason.FIRST, withheld, "withheld", now),) if withheld else ()
        return (Telling("all", Reason.FIRST, channels, "alone", now), *kept)

    return decide


def _channel(name: str) -> Channel:
    if name == "pager":
        return PagerdutyChannel.model_validate({"kind": "pagerduty", "routing_key_file": "key"})
    return SmtpChannel(
        kind="smtp", host="127.0.0.1", port=25, security="none", sender="a@b.example", recipients=[f"{name}@b.example"]
    )
