"""Who is told of a revision: a pure decision that returns its reason.

The first revision of an alert tells; a later one only when its severity rose or when it was opened again, and,
those who were told already, when the service closed it because work that became known later explains it.
A conflicted alert never goes to a route's ordinary channels (``CONTRACT.md`` section 3, ``conflicted``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.alert import Alert, Status
from alerts.assessment import SEVERITIES, Severity
from alerts.delivery.routes import Route


class Reason(StrEnum):
    """Why somebody is told, or nobody."""

    FIRST = "first"
    SEVERITY_ROSE = "severity_rose"
    REOPENED = "reopened"
    TAKEN_BACK = "taken_back"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Before:
    """How the alert stood in the revision before."""

    severity: Severity
    status: Status
    conflicted: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The reason, the channels to send through, and those it was kept from since the alert is conflicted.

    What is taken back goes only to those of the channels that were told of the alert before.
    """

    reason: Reason
    send: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def decide(routes: Sequence[Route], before: Before | None, alert: Alert) -> Decision:
    """Say who is told of this revision, each channel once."""
    reason = _reason(before, alert)
    if reason is Reason.UNCHANGED:
        return Decision(reason)
    send: dict[str, None] = {}
    withheld: dict[str, None] = {}
    for route in routes:
        if route.severities is not None and alert.severity not in route.severities:
            continue
        if not alert.conflicted:
            send |= dict.fromkeys(route.channels)
        elif route.conflict_channels:
            send |= dict.fromkeys(route.conflict_channels)
        else:
            withheld |= dict.fromkeys(route.channels)
    return Decision(reason, tuple(send), tuple(name for name in withheld if name not in send))


def _reason(before: Before | None, alert: Alert) -> Reason:
    if before is None or (alert.conflicted and not before.conflicted):
        # Those whom a conflicted alert goes to have not heard of it yet.
        return Reason.FIRST
    if before.status == "closed" and alert.status == "new":
        return Reason.REOPENED
    if SEVERITIES.index(alert.severity) > SEVERITIES.index(before.severity):
        return Reason.SEVERITY_ROSE
    if before.status != "closed" and taken_back(alert):
        return Reason.TAKEN_BACK
    return Reason.UNCHANGED


def taken_back(alert: Alert) -> bool:
    """Say whether the service closed it: every reason is explained, which it does not leave open for a person."""
    return alert.outcome == "explained" and all(reason.explained_later for reason in alert.reasons)
