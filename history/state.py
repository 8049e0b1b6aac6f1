"""What the history's processes tell each other through the database: the writer's lease, requests, gaps."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, or_, select, update

from alerts.store.database import insert_into
from history.answers import Gap
from history.tables import GAPS, STATE

#: How long a writer that no longer says that it goes on keeps others from writing.
LEASE: Final = timedelta(seconds=10)
_WRITER: Final = "writer"


def take_lease(connection: Connection, holder: str, now: datetime) -> bool:
    """Become the one writer, or stay it; return whether that is so."""
    added = insert_into(connection, STATE).values(name=_WRITER, holder=holder, until=now + LEASE)
    connection.execute(added.on_conflict_do_nothing(index_elements=["name"]))
    mine = or_(STATE.c.holder == holder, STATE.c.until.is_(None), STATE.c.until <= now)
    taken = update(STATE).where(STATE.c.name == _WRITER, mine).values(holder=holder, until=now + LEASE)
    return connection.execute(taken).rowcount == 1


def give_lease_up(connection: Connection, holder: str) -> None:
    """Let another write at once."""
    connection.execute(update(STATE).where(STATE.c.name == _WRITER, STATE.c.holder == holder).values(until=None))


def lease_is_held(connection: Connection, now: datetime) -> bool:
    """Return whether there is a writer."""
    until = connection.execute(select(STATE.c.until).where(STATE.c.name == _WRITER)).scalar()
    return until is not None and until > now


def state_of(connection: Connection, name: str) -> str | None:
    """Return what stands under a name."""
    return connection.execute(select(STATE.c.value).where(STATE.c.name == name)).scalar()


def put_state(connection: Connection, name: str, value: str) -> None:
    """Put something under a name."""
    added = insert_into(connection, STATE).values(name=name, value=value)
    connection.execute(added.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def note_gap(connection: Connection, partition: int, first: int, last: int, now: datetime) -> None:
    """Write down that records are gone; once for each first offset."""
    if not gap_was_noted(connection, partition, first):
        values = {"partition": partition, "first_offset": first, "last_offset": last, "found_at": now}
        connection.execute(insert(GAPS), [values])


def gap_was_noted(connection: Connection, partition: int, first: int) -> bool:
    """Return whether a gap that begins there is written down, accepted or not."""
    query = select(GAPS.c.gap_id).where(GAPS.c.partition == partition, GAPS.c.first_offset == first)
    return connection.execute(query).first() is not None


def accept_gap(connection: Connection, partition: int, *, because: str, by: str, now: datetime) -> Gap | None:
    """Accept the open gap of a partition; None where there is none."""
    query = select(GAPS).where(GAPS.c.partition == partition, GAPS.c.accepted_at.is_(None)).order_by(GAPS.c.gap_id)
    row = connection.execute(query).first()
    if row is None:
        return None
    accepted = update(GAPS).where(GAPS.c.gap_id == row.gap_id)
    connection.execute(accepted.values(accepted_at=now, accepted_by=by, because=because))
    return Gap(partition, row.first_offset, row.last_offset, now, because)


def gaps_open(connection: Connection) -> list[tuple[int, int, int]]:
    """Return partition, first and last offset of each gap that nobody has accepted."""
    query = select(GAPS).where(GAPS.c.accepted_at.is_(None)).order_by(GAPS.c.gap_id)
    return [(row.partition, row.first_offset, row.last_offset) for row in connection.execute(query)]


def gaps_accepted(connection: Connection) -> tuple[Gap, ...]:
    """Return the gaps that stay in every answer."""
    query = select(GAPS).where(GAPS.c.accepted_at.is_not(None)).order_by(GAPS.c.gap_id)
    return tuple(
        Gap(row.partition, row.first_offset, row.last_offset, row.accepted_at, row.because or "")
        for row in connection.execute(query)
    )
