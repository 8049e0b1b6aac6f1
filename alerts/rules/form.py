"""The form of a rule: three answers, typed limits, one pure function, one page."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from alerts.assessment import Evidence, Severity, Stage
from alerts.case import Case
from alerts.explanation import NAMED, Actor, WorkReason
from alerts.signs import Sign

#: Ways of being quiet that are kept; the rules have fewer.
QUIET_MAX = 256


@dataclass(frozen=True, slots=True)
class Hit:
    """The access raises this question."""

    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Quiet:
    """Looked, found nothing to ask; ``because`` says what made it so."""

    because: str


@lru_cache(maxsize=QUIET_MAX)
def quiet(because: str) -> Quiet:
    """Give this answer, which nearly every question has: each is made once."""
    return Quiet(because)


@dataclass(frozen=True, slots=True)
class Abstain:
    """Could not look: ``missing`` names the fact that was unknown."""

    missing: str


Answered = Hit | Quiet | Abstain
About = Literal["pair", "actor"]


class Limits(BaseModel):
    """What people tune of a rule in the limits file; refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    stage: Stage


#: Whether a work reason silences a hit of this rule, by this actor (None: in no staff record), with this severity.
Excuse = Callable[[WorkReason, Actor | None, Severity], bool]


def never(_reason: WorkReason, _actor: Actor | None, _severity: Severity) -> bool:
    """No work excuses it."""
    return False


def any_work(_reason: WorkReason, _actor: Actor | None, _severity: Severity) -> bool:
    """Each of the three work reasons excuses it."""
    return True


def named_work(reason: WorkReason, _actor: Actor | None, _severity: Severity) -> bool:
    """Work that names the actor or their unit excuses it; a claimed work item alone does not."""
    return reason.number in NAMED


L = TypeVar("L", bound=Limits)


@dataclass(frozen=True, slots=True)
class Rule(Generic[L]):
    """One rule: its id, what its alert is about, the policy clauses behind it, its limits, its question."""

    id: str
    title: str
    about: About
    clauses: tuple[str, ...]
    limits: type[L]
    evaluate: Callable[[Case, L], Answered]
    #: The signs of which a case must show one; without any of them ``evaluate`` is quiet.
    asked_where: Sign = Sign.ACCESS
    #: What ``evaluate`` asks of the work known when an access is judged, asked of work that becomes known later.
    excused_by: Excuse = never
    #: Rules that come before this one in the catalogue: where one of them hits, live, this one is quiet.
    gives_way_to: tuple[str, ...] = ()


AnyRule = Rule[Any]
