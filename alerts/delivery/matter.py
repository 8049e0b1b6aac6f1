"""What deciding who is told knows of an alert, beside the alert: how it stood, whom it concerns, who has heard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.alert import Alert, Status
from alerts.assessment import Severity


@dataclass(frozen=True, slots=True)
class Before:
    """How the alert stood in the revision before."""

    severity: Severity
    status: Status
    conflicted: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What a channel was last told of the alert: by which route, due when, alone or with others in one message.

    ``route`` is None for what was told before routes were written down.
    """

    route: str | None
    due_at: datetime
    alone: bool
    #: It is to be told and was not yet.
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Matter:
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
    heard: Mapping[str, Heard] = field(default_factory=dict)


@dataclass(slots=True)
class Load:
    """What deciding knows of the routes: messages in each storm guard's interval, and the staff register's units.

    ``storms`` says when a route's message about those that wait is due, where some do.
    """

    messages: dict[str, int] = field(default_factory=dict)
    storms: dict[str, datetime] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
