"""What accesses leave behind for later ones, and what is asked of it: by ``occurred_at``, over all partitions.

Each access is noted once, by its event_id, as it was judged first; then what it asks is answered over the accesses
noted before it and itself. A window of length w is ``T - w <= t <= T``. Noting again changes nothing, so a batch that
was noted and not finished may be noted again. An access noted late counts where it belongs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

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
#: Dates of ``Noted.date`` that a visit counts for: its own and the 29 before.
VISIT_DATES = 30

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Instants past these bounds cannot be told apart by the store's numbers; they are centuries away.
_MICROSECONDS_MAX = 2**53 - 1

Standing = Literal["explained", "unexplained", "no_subject"]
#: A by-field search (name, date_of_birth, tax_number, address), by whether it opened a record.
Searched = Literal["no", "opened", "nothing"]


class Noted(NamedTuple):
    """One access as the windows see it, and what it asks of them."""

    event_id: str
    staff_id: str
    client_id: str | None
    at: datetime
    #: The New Zealand date of ``at``, as a proleptic ordinal.
    date: int
    standing: Standing
    searched: Searched = "no"
    #: Unexplained, and only contact details or identity were shown.
    lookup: bool = False
    #: Unexplained, and the client is closed or deceased.
    dormant: bool = False
    #: Records printed or exported; 0 for any other access.
    records: int = 0
    site: str | None = None
    #: How far back other sites of the same staff member are asked for; None where they are not.
    sites_back: timedelta | None = None
    #: The staff members whose searches that opened nothing are asked for, and how far back.
    colleagues: tuple[str, ...] = ()
    colleagues_back: timedelta = HOUR


class Earlier(NamedTuple):
    """A value that a window holds, and when an access with it happened."""

    value: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many distinct values a window holds, and the first few named, without the asking access's own."""

    count: int = 0
    others: tuple[Earlier, ...] = ()


class Windows(NamedTuple):
    """The answers for one access. What the access did not ask is left as it is here."""

    #: Unexplained: distinct clients of unexplained accesses in an hour.
    clients_hour: int = 0
    #: Unexplained: dates with unexplained accesses to this client among the own and the 29 before, as ordinals.
    visit_dates: tuple[int, ...] = ()
    #: Unexplained: distinct actors with unexplained accesses to this client in 24 hours.
    surge_actors: Distinct = Distinct()
    #: ``lookup``: distinct clients of such accesses in 24 hours.
    lookup_clients: Distinct = Distinct()
    #: ``dormant``: distinct clients of such accesses in 24 hours.
    dormant_clients: Distinct = Distinct()
    #: ``searched``: such searches in an hour, and explained accesses in that hour.
    searches_hour: int = 0
    explained_hour: int = 0
    #: ``records``: their sum over 24 hours.
    records_day: int = 0
    #: ``sites_back``: the newest access from another site.
    elsewhere: Earlier | None = None
    #: ``colleagues``: those who searched, each with their newest search.
    colleague_searches: tuple[Earlier, ...] = ()


class WindowStore(Protocol):
    """Where accesses are noted."""

    async def note(self, accesses: Sequence[Noted]) -> list[Windows]:
        """Note accesses, one after the other, and answer each before the next is noted.

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
