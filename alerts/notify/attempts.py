"""What may become of an attempt to tell, and when the next one is: pure, the time and the dice come in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FIRST_WAIT: Final = timedelta(seconds=2)
WAIT_MAX: Final = timedelta(hours=1)
#: From the first attempt; after that a message is parked, to be seen and sent again by hand.
TRIED_FOR_MAX: Final = timedelta(days=1)
#: What a server may ask for with Retry-After.
RETRY_AFTER_MAX: Final = timedelta(hours=6)
_DOUBLINGS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Sent:
    """The channel accepted it. ``refused`` counts recipients that it will not take."""

    refused: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """It may work later. ``why`` is a reason; ``after`` is what the server asked for."""

    why: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel will never take it. ``why`` is a reason."""

    why: str


Attempt = Sent | Again | Refused


def next_attempt(
    attempts: int, first_attempt_at: datetime, now: datetime, dice: float, after: timedelta | None = None
) -> datetime | None:
    """Return when to try again, or None when it was tried for a day.

    Args:
        attempts: how often it was tried, this time included.
        first_attempt_at: when that began.
        now: the present.
        dice: from 0 to 1; spreads the waits over their upper half, so that what failed together comes back apart.
        after: what the server asked for; never sooner than that, up to ``RETRY_AFTER_MAX``.
    """
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, _DOUBLINGS_MAX), WAIT_MAX)
    wait = wait / 2 + wait / 2 * dice
    if after is not None:
        wait = max(wait, min(after, RETRY_AFTER_MAX))
    at = now + wait
    return at if at - first_attempt_at <= TRIED_FOR_MAX else None
