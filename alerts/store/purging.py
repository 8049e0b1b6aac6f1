"""Removing what has done its work: revisions that have left, messages that were told of them.

The alert, its hits and its history stay. The history says of which revisions the rows were removed, so that
``verifying.py`` can tell that from rows that somebody took away.
"""

from datetime import datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import Connection, and_, delete, func, or_, select

from alerts.alert import ALERT
from alerts.store import ledger
from alerts.store.chain import append
from alerts.store.revisions import entry_of, held
from alerts.store.tables import NOTIFICATIONS, OUTBOX

#: How long an alert of which nothing new was said keeps its revisions in the outbox, and its messages in the ledger.
KEPT: Final = timedelta(days=35)


def purge(connection: Connection, now: datetime, limit: int) -> int:
    """Remove old rows of up to *limit* alerts; give of how many."""
    before = now - KEPT
    table = NOTIFICATIONS.c
    several = and_(table.alert_id.is_(None), table.created_at < before, table.state.in_(ledger.DONE))
    connection.execute(delete(NOTIFICATIONS).where(several))
    unfinished = select(table.alert_id).where(
        or_(table.state.not_in(ledger.DONE), table.created_at >= before), table.alert_id.is_not(None)
    )
    waiting = select(OUTBOX.c.alert_id).where(or_(OUTBOX.c.published_at.is_(None), OUTBOX.c.routed_at.is_(None)))
    old = (
        select(OUTBOX.c.alert_id, func.max(OUTBOX.c.revision).label("revision"))
        .where(OUTBOX.c.alert_id.not_in(unfinished), OUTBOX.c.alert_id.not_in(waiting))
        .group_by(OUTBOX.c.alert_id)
        .having(func.max(OUTBOX.c.created_at) < before)
        .order_by(OUTBOX.c.alert_id)
        .limit(limit)
    )
    purged = {row.alert_id: row.revision for row in connection.execute(old)}
    alerts = held(connection, sorted(purged))
    for alert_id, revision in purged.items():
        for rows in (OUTBOX, NOTIFICATIONS):
            of_alert = and_(rows.c.alert_id == alert_id, rows.c.revision <= revision)
            connection.execute(delete(rows).where(of_alert))
    append(
        connection,
        [
            entry_of(ALERT.validate_json(alerts[alert_id].payload), "purged", now, because=f"up to revision {revision}")
            | {"detail": orjson.dumps({"purged": revision}).decode()}
            for alert_id, revision in purged.items()
        ],
    )
    return len(purged)
