"""What accesses leave behind for later ones, and what is asked of it: by ``occurred_at``, over all partitions.

What is counted is declared by the rules (``alerts/detection/counting.py``); a store knows nine ways of counting and no
rule. Each access is observed once, by its event_id, as it was judged first; then what it asks is answered over the
accesses observed before it and itself. A window of length w is ``T - w <= t <= T``. Observing again changes nothing, so
a batch that was observed and not finished may be observed again. An access observed late counts where it belongs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

#: How long after ``occurred_at`` an access may be recorded and still be counted where it belongs.
LATENESS_DAYS_MAX = 31
#: What comes on top of that before anything is forgotten: for a worker that has fallen behind.
MARGIN_DAYS = 1
#: Entries of one window that are looked through for distinct values, the newest first. A staff member opens a few
#: hundred records a day; past this bound, which only automated use reaches, a number is "at least".
LOOKED_THROUGH_MAX = 5_000
#: Distinct values that are named; the number is complete.
NAMED_MAX = 10
#: The largest number of records that one print or export counts for.
RECORDS_COUNTED_MAX = 10**9

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
#: Dates of ``Observation.date`` that a visit counts for: its own and the 29 before.
VISIT_DATES = 30

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Instants past these bounds cannot be told apart by the store's numbers; they are centuries away.
_MICROSECONDS_MAX = 2**53 - 1

#: Ways of counting what stands in a window: the distinct values (``Distinct``), how many accesses (int), the sum of
#: their values (int), the dates of the ``VISIT_DATES`` on which this staff member came to this client (ordinals), the
#: newest access with another value than the own (``Earlier``), how many have the own value (int), and the newest
#: entries themselves (``Earlier``s). Of steps (``Observation.step``): how many searches led nowhere (int), and of each
#: of some staff members the newest search that did (``Earlier``s).
How = Literal["distinct", "number", "sum", "dates", "latest_other", "same", "entries", "unled", "latest_unled_of"]
#: Whose window it is.
By = Literal["staff", "client"]
#: What of an access stands in it, beside its time.
Value = Literal["client", "staff", "site", "records", "date", "step", "trail", "nothing"]


class Window(NamedTuple):
    """One declared window: how it is counted, whose it is, what stands in it, how far back it is asked."""

    how: How
    by: By
    value: Value
    within: timedelta = DAY
    #: Of steps: how long after a search what it led to is opened.
    follow: timedelta = timedelta(0)
    #: The key of the window that it looks at, where that is another's; nothing stands in it then.
    lies_in: str = ""


#: The declared windows, by their keys, one letter each.
Plan = Mapping[str, Window]


#: A search that may lead to a client record; an access that opens one; any other access.
SEARCHED, OPENED, OTHERWISE = "s", "o", "-"


class Observation(NamedTuple):
    """One access as the windows see it, and what it asks of them."""

    event_id: str
    staff_id: str
    client_id: str | None
    at: datetime
    #: The New Zealand date of ``at``, as a proleptic ordinal.
    date: int
    site: str | None = None
    #: Records printed or exported; 0 for any other access.
    records: int = 0
    #: Keys of the windows that it stands in, and of those that are asked, one after the other.
    stands_in: str = ""
    asks: str = ""
    #: The staff members whose windows "latest_unled_of" looks at.
    others: tuple[str, ...] = ()
    #: What it was on the way to a client record: one of ``SEARCHED``, ``OPENED``, ``OTHERWISE``.
    step: str = ""
    #: Whatever a rule keeps of an access to look at what came before and after it.
    trail: str = ""


class Earlier(NamedTuple):
    """A value that a window holds, and when an access with it happened."""

    value: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many distinct values a window holds, and the first few named, without the asking access's own."""

    count: int = 0
    others: tuple[Earlier, ...] = ()


#: The answers for one access, by the keys of the windows that it asked; what has nothing to say is left out.
Windows = Mapping[str, Any]
NO_ANSWERS: Windows = MappingProxyType({})


class WindowStore(Protocol):
    """Where accesses are observed."""

    async def observe(self, accesses: Sequence[Observation], plan: Plan) -> list[Windows]:
        """Observe accesses, one after the other, and answer each before the next.

        The outage policy: nothing is guessed; when the store cannot be asked this raises and the batch is held.

        Raises:
            NotReadable: the store does not answer.
        """


def microseconds(at: datetime) -> int:
    """An instant as microseconds since 1970, within what the stores can tell apart."""
    length = at - _EPOCH
    exact = (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds
    return max(-_MICROSECONDS_MAX, min(_MICROSECONDS_MAX, exact))


def length_in_microseconds(length: timedelta) -> int:
    """A length of time in microseconds."""
    return length // timedelta(microseconds=1)


def instant(micros: int) -> datetime:
    """The instant of ``microseconds``; at the calendar's ends, where that does not exist, 1970."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return _EPOCH
