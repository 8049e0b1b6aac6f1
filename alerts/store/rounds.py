"""What falls due without a new revision: reminders and escalations, digests, and messages about those that wait."""

from collections.abc import Callable
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, func, select, update

from alerts.alert import ALERT
from alerts.delivery.follow_up import FollowUp, Step
from alerts.delivery.gathered import Occasion, bring_together
from alerts.delivery.matter import Load, Matter
from alerts.store import ledger
from alerts.store.chain import append
from alerts.store.knowledge import Knowledge, load_of
from alerts.store.revisions import held, take_turn
from alerts.store.routing import Plan, Routed, write_down
from alerts.store.tables import ALERTS, FOLLOW_UPS, NOTIFICATIONS, chunks

#: Digests and the like that are made in one transaction.
SEVERAL_PER_ROUND_MAX = 20

Follow = Callable[[FollowUp, Matter, Load, datetime], Step]


def any_due(connection: Connection, now: datetime) -> bool:
    """Say whether anything is due, without taking a write lock for the answer."""
    reminder = select(FOLLOW_UPS.c.alert_id).where(FOLLOW_UPS.c.next_at <= now).limit(1)
    waiting = select(NOTIFICATIONS.c.key).where(
        NOTIFICATIONS.c.state == "gathered", NOTIFICATIONS.c.next_attempt_at <= now
    )
    return any(connection.execute(query).first() is not None for query in (reminder, waiting.limit(1)))


def remind(connection: Connection, plan: Plan, follow: Follow, now: datetime, limit: int) -> list[Routed]:
    """Take the next step with alerts that nobody has acknowledged; those that somebody has are forgotten here."""
    take_turn(connection, "route")
    query = select(FOLLOW_UPS).where(FOLLOW_UPS.c.next_at <= now).order_by(FOLLOW_UPS.c.next_at, FOLLOW_UPS.c.alert_id)
    rows = connection.execute(query.limit(limit)).all()
    if not rows:
        return []
    load = load_of(connection, plan.storm_per, plan.staff, now)
    alert_ids = sorted({row.alert_id for row in rows})
    knowledge = Knowledge.of(connection, alert_ids)
    alerts = {alert_id: ALERT.validate_json(row.payload) for alert_id, row in held(connection, alert_ids).items()}
    reminded, entries = [], []
    for row in rows:
        alert = alerts[row.alert_id]
        matter = knowledge.matter(alert, None, grew=False)
        step = follow(FollowUp(row.route, row.reminders), matter, load, now)
        this = (FOLLOW_UPS.c.route == row.route) & (FOLLOW_UPS.c.alert_id == row.alert_id)
        if step.next_at is None:
            connection.execute(delete(FOLLOW_UPS).where(this))
        else:
            connection.execute(update(FOLLOW_UPS).where(this).values(next_at=step.next_at, reminders=step.reminders))
        if step.telling is not None:
            occasion = f"reminder-{step.reminders}" if step.next_at is not None else "escalated"
            entries += write_down(connection, alert, [step.telling], plan, now, occasion=occasion)
            reminded.append(Routed(alert.alert_id, alert.revision, (step.telling,)))
    append(connection, entries)
    return reminded


def tell_several(connection: Connection, now: datetime) -> int:
    """Make the messages about several alerts that are due; give how many."""
    take_turn(connection, "route")
    table = NOTIFICATIONS.c
    due = select(table.route, table.occasion, func.min(table.next_attempt_at).label("due_at")).where(
        table.state == "gathered", table.next_attempt_at <= now
    )
    found = connection.execute(due.group_by(table.route, table.occasion).limit(SEVERAL_PER_ROUND_MAX)).all()
    for one in found:
        _tell_several(connection, one.route, one.occasion, one.due_at, now)
    return len(found)


def _tell_several(connection: Connection, route: str, occasion: Occasion, due_at: datetime, now: datetime) -> None:
    table = NOTIFICATIONS.c
    waiting = (
        (table.route == route) & (table.occasion == occasion) & (table.state == "gathered")
        & (table.next_attempt_at <= now)
    )  # fmt: skip
    rows = connection.execute(select(table.alert_id, table.channel, table.created_at).where(waiting)).all()
    alerts = [
        ALERT.validate_json(payload)
        for ids in chunks(sorted({row.alert_id for row in rows}))
        for payload in connection.execute(select(ALERTS.c.payload).where(ALERTS.c.alert_id.in_(ids))).scalars()
    ]
    several = bring_together(occasion, route, min(row.created_at for row in rows), now, alerts)
    key = f"{occasion}.{route}.{due_at:%Y%m%dT%H%M%SZ}"
    if several.new or occasion == "digest":
        content = orjson.dumps(several).decode()
        told = [
            ledger.row_of(f"{key}.{channel}", channel, occasion, "pending", now=now, due_at=now)
            | {"route": route, "content": content}
            for channel in sorted({row.channel for row in rows})
        ]
        ledger.add(connection, told)
    connection.execute(update(NOTIFICATIONS).where(waiting).values(state="summed", told_in=key))
