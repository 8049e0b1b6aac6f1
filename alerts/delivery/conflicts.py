"""Whom not to tell: an alert never goes where somebody whom it concerns, or who works beside them, would read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.delivery.matter import Load, Matter
from alerts.delivery.route_settings import Route


@dataclass(frozen=True, slots=True)
class Diverted:
    """The route that takes an alert in the end, None where all have a conflict; and who must not see it."""

    route: Route | None
    kept_from: frozenset[str]


def divert(route: Route, routes: Mapping[str, Route], matter: Matter, load: Load) -> Diverted:
    """Follow conflict routes until one has no conflict."""
    kept_from: set[str] = set()
    seen: set[str] = set()
    while route.name not in seen:
        seen.add(route.name)
        conflicted, people = conflict(route, matter, load)
        if not conflicted:
            return Diverted(route, frozenset(kept_from))
        kept_from |= people
        route = routes[route.conflict_route]
    return Diverted(None, frozenset(kept_from))


def conflict(route: Route, matter: Matter, load: Load) -> tuple[bool, frozenset[str]]:
    """Say whether a route's people must not be told, and which of them must not see the alert in a list either."""
    if matter.alert.conflicted and not route.independent:
        return True, frozenset(route.staff)
    units = frozenset[str]().union(*matter.people.values())
    people = frozenset(one for one in route.staff if one in matter.people or load.units.get(one) in units)
    return bool(people), people
