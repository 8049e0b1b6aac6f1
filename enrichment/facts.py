"""What is known, and what is said to be unknown, of the people in one access.

A fact is ``Known(value, as_of)`` or ``Unknown(missing)``. Unknown means: the data were read and
hold no such record. That the data could not be read at all never gets here: see
``enrichment/lookup.py`` for what happens then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from enrichment.relationship_graph import Graph
from enrichment.schemas import Agreement, Client, Record, Staff, WatchlistEntry, Work

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Known(Generic[R]):
    """A record, and when its source published it."""

    value: R
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such record; ``missing`` names it as a person would."""

    missing: str


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A contact detail that the actor and the client have in common; never its token."""

    #: Which of the four kinds of links.
    kind: str
    #: The actor's record that holds it: ``staff:<id>``, or ``client:<id>`` for one of their own client records.
    held_by: str
    #: When that record's source published it.
    as_of: datetime
    #: How many client records hold it, these two people's own included.
    holders: int


#: No neighbours.
NOBODY: Mapping[str, Known[Staff]] = MappingProxyType({})


class Facts(NamedTuple):
    """Everything that judging one access may rest on.

    ``actor`` and ``client`` are the records of the two ends; ``owners`` are the staff members, the actor
    included, who have the client record as one of their own; ``work`` and ``watchlist`` are what names the
    client; ``graph`` holds the relationships around both ends, as far as a path may reach; ``neighbours`` are the
    staff members one relationship of any kind away from the client, by staff id; ``shared`` are the contact details
    that the actor and the client have in common, none where the client record is the actor's own.
    """

    actor: Known[Staff] | Unknown
    client: Known[Client] | Unknown
    owners: tuple[Known[Staff], ...]
    work: tuple[Known[Work], ...]
    watchlist: tuple[Known[WatchlistEntry], ...]
    graph: Graph
    #: Which state of the reference data this was read from.
    reference: str
    neighbours: Mapping[str, Known[Staff]] = NOBODY
    shared: tuple[SharedLink, ...] = ()
    #: No relationship leads from the one end towards the other, and none was too many to follow: there is no path.
    apart: bool = False
    #: The agreement that a print or an export names; None where it names none.
    agreement: Known[Agreement] | Unknown | None = None
