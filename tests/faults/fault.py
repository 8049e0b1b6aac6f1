"""What a fault is: put in, held for a while, taken away again. Only what was really put in counts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.faults.scene import Scene

#: What a fault hands from its beginning to its end.
Held = TypeVar("Held")

Heal = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind. ``inject`` returns when the fault is really in, and gives what takes it away again."""

    kind: str
    inject: Callable[[Scene], Awaitable[Heal]]
    #: Seconds between the two: in the long suite, and in the slice of ``make test``.
    seconds: float = 0.0
    seconds_slice: float | None = None
    #: The fewest brokers that it needs, and the most that it makes sense with.
    brokers_min: int = 1
    brokers_max: int = 3
    #: Whether a message may repeat with the same id after it (a crash between sent and recorded).
    may_repeat: bool = False
    #: What it strikes; two of the same are not put in together.
    strikes: str = ""
    #: Whether it can only begin a run: it starts the first worker and the stream of accesses itself.
    opening: bool = False


async def nothing() -> None:
    """Take nothing away: what was done passes by itself."""
