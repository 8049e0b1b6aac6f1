"""The outbox: revisions on their way to ``integrity.alert.v1``, each alert's in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select, update

from alerts.store.revisions import take_turn
from alerts.store.tables import OUTBOX, chunks

#: A claim that is not renewed ends after this: how long a dead relay holds its rows.
LEASE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One revision to publish. ``recorded_ms``: when the access behind it was recorded, None when a person made it."""

    id: int
    alert_id: str
    revision: int
    payload: bytes
    recorded_ms: int | None


def any_unpublished(connection: Connection) -> bool:
    """Return whether anything waits, without taking a write lock for the answer."""
    return connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.published_at.is_(None)).limit(1)).first() is not None


def claim(connection: Connection, holder: str, now: datetime, limit: int) -> list[Outgoing]:
    """Claim the oldest rows of alerts of which no other relay holds a row; own rows are given again."""
    take_turn(connection, "relay")
    waiting = OUTBOX.c.published_at.is_(None)
    others = select(OUTBOX.c.alert_id).where(waiting, OUTBOX.c.holder != holder, OUTBOX.c.lease_until > now)
    query = select(OUTBOX).where(waiting, OUTBOX.c.alert_id.not_in(others)).order_by(OUTBOX.c.id).limit(limit)
    rows = [
        Outgoing(row.id, row.alert_id, row.revision, row.payload.encode(), row.recorded_ms)
        for row in connection.execute(query)
    ]
    for ids in chunks([row.id for row in rows]):
        claimed = update(OUTBOX).where(OUTBOX.c.id.in_(ids))
        connection.execute(claimed.values(holder=holder, lease_until=now + LEASE))
    return rows


def renew(connection: Connection, holder: str, now: datetime) -> None:
    """Hold on to what is being published for another lease."""
    held = update(OUTBOX).where(OUTBOX.c.published_at.is_(None), OUTBOX.c.holder == holder)
    connection.execute(held.values(lease_until=now + LEASE))


def mark_published(connection: Connection, holder: str, ids: Sequence[int], now: datetime) -> int:
    """Record that Kafka has acknowledged these rows; give how many another relay had taken over meanwhile.

    Of such an alert an older revision may now stand behind a newer one in the topic: the
    newest is set free to leave once more, so that it stands last.
    """
    take_turn(connection, "relay")
    lost = 0
    for some in chunks(ids):
        ours = (OUTBOX.c.id.in_(some), OUTBOX.c.holder == holder, OUTBOX.c.published_at.is_(None))
        held = set(connection.execute(select(OUTBOX.c.id).where(*ours)).scalars())
        connection.execute(update(OUTBOX).where(*ours).values(published_at=now, holder=None, lease_until=None))
        overtaken = [id_ for id_ in some if id_ not in held]
        if overtaken:
            alerts = select(OUTBOX.c.alert_id).where(OUTBOX.c.id.in_(overtaken))
            newest = select(func.max(OUTBOX.c.id)).where(OUTBOX.c.alert_id.in_(alerts)).group_by(OUTBOX.c.alert_id)
            again = update(OUTBOX).where(OUTBOX.c.id.in_(newest))
            connection.execute(again.values(published_at=None, holder=None, lease_until=None))
            lost += len(overtaken)
    return lost
