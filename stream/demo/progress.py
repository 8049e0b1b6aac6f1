"""How far the demo is: what the screen and the plain lines show, written by one thread, read by another.

Everything here is replaced as a whole, never changed in place, so that nobody reads half a change.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from stream.demo.scoreboard import Scoreboard

#: The phases of the start, in order.
PHASES: Final = ("Kafka", "Valkey", "topics", "agency", "worker")


@dataclass(frozen=True, slots=True)
class Mail:
    """A received e-mail: when (local time of this machine, HH:MM:SS), about what, and its text."""

    number: int
    received: str
    sender: str
    recipients: str
    subject: str
    text: str


@dataclass(slots=True)
class Progress:
    """Everything that can be seen of a demo while it runs."""

    day: date
    wanted: int
    rate: int
    scoreboard: Scoreboard
    #: Monotonic seconds when the program started.
    started: float
    #: Says one plain sentence to whoever is watching.
    say: Callable[[str], None] = lambda _sentence: None
    #: Phase -> what is said of it once it has begun; ``done`` has those that are over.
    phases: dict[str, str] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    mails: tuple[Mail, ...] = ()
    mails_received: int = 0
    webhooks_received: int = 0
    restarts: int = 0
    #: Worker's metrics page, e-mail page; empty until known.
    metrics_url: str = ""
    mails_url: str = ""
    #: Seconds from the start of the program to the first alert.
    first_alert_seconds: float | None = None
    playing: bool = False

    def elapsed(self) -> float:
        """Seconds since the program started."""
        return time.monotonic() - self.started

    def phase(self, name: str, remark: str = "") -> None:
        """Say that a phase has begun, or how far it is."""
        self.phases = {**self.phases, name: remark}

    def finish(self, name: str, remark: str = "") -> None:
        """Say that a phase is over."""
        self.phases = {**self.phases, name: remark}
        self.done = self.done | {name}
        self.say(f"{name}: {remark}" if remark else f"{name} is ready")
