"""Working an alert: what people say about it becomes a revision, with its history and its outbox row."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select, update

from alerts.alert import ALERT, Alert, ClosedAs, utc
from alerts.store.chain import append
from alerts.store.errors import NotPossible
from alerts.store.revisions import Revision, entry_of, write
from alerts.store.tables import ALERTS


def acknowledge(connection: Connection, alert_id: str, by: str, now: datetime) -> tuple[Alert, bool]:
    """Say that somebody is looking at it; saying so again changes nothing."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    if alert.status == "acknowledged":
        return alert, False
    if alert.status == "closed":
        raise NotPossible(f"Alert {alert_id} is closed ({alert.outcome}); a further hit would open it again.")
    acknowledged = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="acknowledged")
    write(connection, [Revision(acknowledged, row.gathered, "acknowledged", by=by)], now)
    return acknowledged, True


def close(
    connection: Connection, alert_id: str, outcome: ClosedAs, *, because: str | None, by: str, now: datetime
) -> tuple[Alert, bool]:
    """Close it; the same outcome again changes nothing, another one is a correction."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    if alert.status == "closed" and alert.outcome == outcome:
        return alert, False
    closed = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="closed", outcome=outcome)
    write(connection, [Revision(closed, row.gathered, "closed", by=by, because=because)], now)
    return closed, True


def reopen(connection: Connection, alert_id: str, *, because: str | None, by: str, now: datetime) -> tuple[Alert, bool]:
    """Open it again as new, its outcome null; an open one stays as it is."""
    row = _held(connection, alert_id)
    alert = ALERT.validate_json(row.payload)
    if alert.status != "closed":
        return alert, False
    reopened = replace(alert, revision=alert.revision + 1, updated_at=utc(now), status="new", outcome=None)
    write(connection, [Revision(reopened, row.gathered, "reopened", by=by, because=because)], now)
    return reopened, True


def assign(connection: Connection, alert_id: str, to: str, by: str, now: datetime) -> bool:
    """Say who works on it. The alert itself says the same as before: this is no revision."""
    row = _held(connection, alert_id)
    if row.assignee == to:
        return False
    connection.execute(update(ALERTS).where(ALERTS.c.alert_id == alert_id).values(assignee=to))
    entry = entry_of(ALERT.validate_json(row.payload), "assigned", now, by=by, because=f"to {to}")
    append(connection, [entry | {"detail": orjson.dumps({"assignee": to}).decode()}])
    return True


def note(connection: Connection, alert_id: str, text: str, by: str, now: datetime) -> None:
    """Write something down about it; it goes nowhere else."""
    alert = ALERT.validate_json(_held(connection, alert_id).payload)
    append(connection, [entry_of(alert, "noted", now, by=by, because=text)])


def _held(connection: Connection, alert_id: str) -> Row[Any]:
    row = connection.execute(select(ALERTS).where(ALERTS.c.alert_id == alert_id).with_for_update()).first()
    if row is None:
        raise NotPossible(f"There is no alert {alert_id}.")
    return row
