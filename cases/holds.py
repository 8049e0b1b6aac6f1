"""Legal holds: what must be kept whatever retention says, since a court or an investigation needs it.

While a hold is on a staff member, a client or a case, nothing of theirs is erased, nothing of their history is disposed
of, and no note is removed. Another person than who placed it releases it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from uuid import uuid4

from sqlalchemy import Connection, select

from alerts.store.database import NotPossible
from cases.people import Person, require_another
from cases.record import Change, held, write
from cases.tables import HOLDS
from enrichment.errors import UserError

HeldKind = Literal["staff", "client", "case"]
HELD_KINDS: Final[tuple[HeldKind, ...]] = get_args(HeldKind)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it stands; it is in force until somebody has released it."""

    hold_id: str
    kind: HeldKind
    id: str
    since: date
    authority: str
    by: str
    at: datetime
    released_by: str | None
    released_at: datetime | None


def place(
    connection: Connection, person: Person, kind: HeldKind, id_: str, *, since: date, authority: str, now: datetime
) -> str:
    """Place a hold; return its id.

    Raises:
        UserError: it has no authority.
    """
    person.require("lead", "privacy")
    if not authority.strip():
        raise UserError("A hold names its authority: an order, a proceeding, an investigation.")
    hold_id = str(uuid4())
    row: dict[str, Any] = {
        "hold_id": hold_id,
        "kind": kind,
        "id": id_,
        "since": since,
        "authority": authority,
        "by": person.staff_id,
        "at": now,
        "released_by": None,
        "released_at": None,
    }
    write(connection, person, now, Change(f"hold:{hold_id}", "placed", ((HOLDS, row),), authority))
    return hold_id


def release(connection: Connection, person: Person, hold_id: str, *, because: str, now: datetime) -> None:
    """Release a hold.

    Raises:
        NotAllowed: it was the acting person who placed it.
        NotPossible: there is none, or it was released.
    """
    person.require("lead", "privacy")
    row = held(connection, HOLDS, "hold", hold_id=hold_id)
    if row["released_at"] is not None:
        raise NotPossible("This hold was released already.")
    require_another(person, row["by"], "Releasing a hold")
    released = {**row, "released_by": person.staff_id, "released_at": now}
    write(connection, person, now, Change(f"hold:{hold_id}", "released", ((HOLDS, released),), because))


def listed(connection: Connection, *, in_force: bool = True) -> list[Hold]:
    """Return holds, the oldest first."""
    query = select(HOLDS).order_by(HOLDS.c.at, HOLDS.c.hold_id)
    if in_force:
        query = query.where(HOLDS.c.released_at.is_(None))
    return [Hold(**row) for row in connection.execute(query).mappings()]


def is_held(connection: Connection, kind: HeldKind, id_: str) -> bool:
    """Return whether a hold is on this: what retention and erasure ask before they remove anything."""
    query = select(HOLDS.c.hold_id).where(HOLDS.c.kind == kind, HOLDS.c.id == id_, HOLDS.c.released_at.is_(None))
    return connection.execute(query).first() is not None
