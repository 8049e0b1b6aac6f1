"""What a delivery file says once it is read: routes, silences, and the channels with their secrets and proxies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from alerts.assessment import Severity
from alerts.notify.channels.base import Channel, Opened
from alerts.notify.fields import Clock, Duration, Moment, Name, NZHours, Section, WebAddress, mailbox

Mode = Literal["immediate", "grouped", "digest"]
Id = Annotated[str, Field(min_length=1, max_length=64)]

#: The most messages that a storm guard may let through in its interval, and what it lets through where none is set.
STORM_MESSAGES_MAX: Final = 1_000
STORM_MESSAGES: Final = 30
STORM_PER: Final = timedelta(minutes=10)
REMINDERS_MAX: Final = 100


class Storm(Section):
    """Past ``at_most`` messages within ``per`` a route's alerts wait, and one message says how many they are."""

    at_most: Annotated[int, Field(ge=1, le=STORM_MESSAGES_MAX)] = STORM_MESSAGES
    per: Duration = STORM_PER


class Reminders(Section):
    """While nobody acknowledges an alert it is told again, ``every`` so long, ``at_most`` so many times."""

    every: Duration
    at_most: Annotated[int, Field(ge=0, le=REMINDERS_MAX)]


class Matching(Section):
    """Which alerts: all that is given must fit. ``org_units`` are the actor's, as recorded when they were judged."""

    severities: Annotated[list[Severity], Field(min_length=1)] | None = None
    rules: Annotated[list[Id], Field(min_length=1)] | None = None
    org_units: Annotated[list[Id], Field(min_length=1)] | None = None
    #: The least score, 0 to 1 (``alerts/scores.py``).
    score_min: Annotated[float, Field(ge=0, le=1)] | None = None


class Route(Matching):
    """Which alerts go through which channels, how often, and where those go that its people must not see."""

    name: Name
    channels: Annotated[list[Name], Field(min_length=1)]
    #: On New Zealand's clock, when it is decided who is told.
    hours: NZHours | None = None
    #: Takes only what other routes send it: by ``conflict_route`` or ``escalate_to``.
    only_when_named: bool = False
    mode: Mode = "immediate"
    #: Between two messages about one alert, where the mode is ``grouped``.
    every: Duration | None = None
    #: When the day's digest goes, where the mode is ``digest``.
    at: Clock | None = None
    reminders: Reminders | None = None
    #: The route that is told after the last reminder, while still nobody has acknowledged.
    escalate_to: Name | None = None
    storm: Storm = Storm()
    #: Staff ids of those who read its channels.
    staff: list[Id] = Field([])
    #: Where alerts go that concern its own people.
    conflict_route: Name
    #: Its people are not Internal Integrity's: alerts about those may come here.
    independent: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.every is not None) != (self.mode == "grouped"):
            raise ValueError("`every` and mode grouped go together")
        if (self.at is not None) != (self.mode == "digest"):
            raise ValueError("`at` and mode digest go together")
        if self.mode == "digest" and self.reminders is not None:
            raise ValueError("a digest has no reminders")
        if self.escalate_to is not None and self.reminders is None:
            raise ValueError("`escalate_to` needs reminders (at_most 0 escalates without any)")
        return self


class Notices(Section):
    """How staff members are told of questions to them, and where they answer."""

    #: A channel of kind staff_email.
    channel: Name
    #: The address that a message gives to answer at; where there is none, the message names the command.
    answer_url: WebAddress | None = None
    #: The address of the Privacy Officer, who is told when somebody answers that they opened a record by mistake.
    privacy_officer: Annotated[str, AfterValidator(mailbox)] | None = None


class Silence(Matching):
    """Of these alerts nobody is told until its end; everything is recorded all the same.

    An alert with several rules is silenced where all of them are.
    """

    name: Name
    owner: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    begin: Moment | None = None
    end: Moment
    alerts: Annotated[list[Id], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if all(of is None for of in (self.severities, self.rules, self.org_units, self.alerts)):
            raise ValueError("a silence names severities, rules, org_units or alerts")
        if self.begin is not None and self.begin >= self.end:
            raise ValueError("a silence ends after it begins")
        return self

    def lasts(self, now: datetime) -> bool:
        """Return whether it is in force."""
        return (self.begin is None or self.begin <= now) and now < self.end


@dataclass(frozen=True, slots=True)
class Delivery:
    """The whole file, and by channel the secret that it named and the proxy that it goes through."""

    channels: Mapping[str, Channel]
    routes: tuple[Route, ...]
    console_url: str | None
    secrets: Mapping[str, SecretStr]
    silences: tuple[Silence, ...] = ()
    #: With the proxy's user and password.
    proxies: Mapping[str, SecretStr] = field(default_factory=dict)
    notices: Notices | None = None

    def opened(self, name: str) -> Opened[Channel]:
        """Return a channel with what it shows to its server and on the way there."""
        return Opened(self.channels[name], self.secrets.get(name), self.proxies.get(name))
