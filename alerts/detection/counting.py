"""What a rule counts, declared in its own file: which accesses stand in a window, and what is asked of it.

A declaration composes what the windows can do (``enrichment/windows``); they know no rule. Each has a letter of its
own, under which its accesses lie in Redis: a letter that was used keeps its meaning from release to release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from alerts.detection.precondition import NEVER, Precondition
from enrichment.windows.spec import DAY, By, Distinct, Earlier, How, Value, Window

if TYPE_CHECKING:
    from alerts.detection.rule import Case
    from alerts.detection.work_reasons import Policy

A = TypeVar("A")


def every(_case: Case) -> bool:
    """Return true: the preconditions say it all."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Generic[A]):
    """One window: which accesses stand in it, which ask it, and what is said where nothing was asked.

    An access stands in it where the case shows one of ``stands_when`` and ``where`` holds. It asks where it stands in
    it itself, or, given ``asked_when``, where the case shows one of those and ``asked`` holds.
    """

    key: str
    how: How
    by: By
    value: Value
    nothing: A
    #: How far back, or how the rule's limits say so.
    within: timedelta | Callable[[Any], timedelta]
    stands_when: Precondition
    where: Callable[[Case], bool] = every
    asked_when: Precondition | None = None
    asked: Callable[[Case], bool] = every
    #: For the newest of each of several staff members: who they are.
    others: Callable[[Case], tuple[str, ...]] | None = None
    #: Of steps: how long after a search what it led to is opened.
    follow: Callable[[Policy], timedelta] | None = None
    #: The key of the window that it looks at, where that is another's.
    lies_in: str = ""

    def window(self, limits: Any, policy: Policy) -> Window:
        """Return what the window store needs to know of it, with the rule's limits and those of all rules."""
        within = self.within if isinstance(self.within, timedelta) else self.within(limits)
        follow = timedelta(0) if self.follow is None else self.follow(policy)
        return Window(self.how, self.by, self.value, within, follow, self.lies_in)


def count_distinct(
    key: str,
    value: Value,
    *,
    by: By,
    within: timedelta,
    stands_when: Precondition,
    where: Callable[[Case], bool] = every,
) -> Count[Distinct]:
    """Declare how many distinct values there are in the time to an access, its own included."""
    return Count(
        key=key, how="distinct", by=by, value=value, nothing=Distinct(), within=within, stands_when=stands_when,
        where=where,
    )  # fmt: skip


def sum_of(
    key: str, value: Value, *, within: timedelta, stands_when: Precondition, where: Callable[[Case], bool] = every
) -> Count[int]:
    """Declare the sum of a value over the staff member's accesses in the time to an access, this one included."""
    return Count(
        key=key, how="sum", by="staff", value=value, nothing=0, within=within, stands_when=stands_when, where=where
    )


def dates_of_pair(key: str, *, stands_when: Precondition) -> Count[tuple[int, ...]]:
    """Declare the dates (ordinals) on which the staff member came to the client: the access's own and the 29 before."""
    return Count(key=key, how="dates", by="staff", value="client", nothing=(), within=DAY, stands_when=stands_when)


def latest_other(
    key: str,
    value: Value,
    *,
    within: Callable[[Any], timedelta],
    stands_when: Precondition,
    where: Callable[[Case], bool],
    asked: Callable[[Case], bool],
) -> Count[Earlier | None]:
    """Declare the staff member's newest access, in the time to an access, with another value than its own."""
    return Count(
        key=key, how="latest_other", by="staff", value=value, nothing=None, within=within, stands_when=stands_when,
        where=where, asked_when=stands_when, asked=asked,
    )  # fmt: skip


def count_same(
    key: str,
    value: Value,
    *,
    within: timedelta,
    stands_when: Precondition,
    where: Callable[[Case], bool],
    asked_when: Precondition,
    asked: Callable[[Case], bool],
) -> Count[int]:
    """Declare how many accesses of the staff member, in the time to an access, have the value that it has itself."""
    return Count(
        key=key, how="same", by="staff", value=value, nothing=0, within=within, stands_when=stands_when, where=where,
        asked_when=asked_when, asked=asked,
    )  # fmt: skip


def trail(key: str, *, within: timedelta, stands_when: Precondition, where: Callable[[Case], bool]) -> Count[Any]:
    """Declare what is kept of the staff member's accesses to look at what came around one of them, later."""
    return Count(
        key=key, how="entries", by="staff", value="trail", nothing=(), within=within, stands_when=stands_when,
        where=where, asked_when=NEVER,
    )  # fmt: skip


#: Where all steps of a staff member lie: searches by field, and what they led to.
STEPS_KEY = "n"


def steps(*, stands_when: Precondition) -> Count[int]:
    """Declare that the steps of all accesses are kept, for ``searches_unled`` and ``latest_unled_of``."""
    return Count(
        key=STEPS_KEY, how="number", by="staff", value="step", nothing=0, within=DAY, stands_when=stands_when,
        asked_when=NEVER,
    )  # fmt: skip


def _led(policy: Policy) -> timedelta:
    return timedelta(seconds=policy.led_seconds)


def searches_unled(
    key: str, *, within: timedelta, asked_when: Precondition, asked: Callable[[Case], bool]
) -> Count[int]:
    """Declare how many searches of the staff member, in the time to an access, led nowhere."""
    return Count(
        key=key, how="unled", by="staff", value="step", nothing=0, within=within, stands_when=NEVER,
        asked_when=asked_when, asked=asked, follow=_led, lies_in=STEPS_KEY,
    )  # fmt: skip


def latest_unled_of(
    key: str,
    others: Callable[[Case], tuple[str, ...]],
    *,
    within: Callable[[Any], timedelta],
    asked_when: Precondition,
) -> Count[tuple[Earlier, ...]]:
    """Declare the newest search that led nowhere, in the time to an access, of each of some other staff members."""
    return Count(
        key=key, how="latest_unled_of", by="staff", value="step", nothing=(), within=within, stands_when=NEVER,
        asked_when=asked_when, others=others, follow=_led, lies_in=STEPS_KEY,
    )  # fmt: skip
