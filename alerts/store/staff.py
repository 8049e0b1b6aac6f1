"""What the store knows that decides who is told: the staff register, and what is known of alerts and of routes.

Of the staff register it keeps each member's org_unit, and who is Internal Integrity's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, select

from alerts.alert import Alert
from alerts.detection.work_reasons import INTEGRITY_ROLE
from alerts.notify.routing import Before, LastNotified, RateState, RoutingInput, SendDecision
from alerts.store.database import insert_into
from alerts.store.late_evidence import settled
from alerts.store.tables import ALERTS, HITS, NOTIFICATIONS, STAFF, TOLD, chunks
from enrichment.schemas import Staff


@dataclass(frozen=True, slots=True)
class StaffChange:
    """One record of ``ref.staff.v1``: a staff member, or None for a deletion; ``instead`` as in ``WorkChange``."""

    staff_id: str
    staff: Staff | None
    instead: str | None = None


def take(connection: Connection, changes: Sequence[StaffChange]) -> None:
    """Keep the newest of each staff member; forget those that were deleted."""
    ids = settled(connection, STAFF.c.staff_id, [(one.staff_id, one.staff is not None, one.instead) for one in changes])
    newest = {staff_id: change.staff for staff_id, change in zip(ids, changes, strict=True)}
    for some in chunks(sorted(staff_id for staff_id, staff in newest.items() if staff is None)):
        connection.execute(delete(STAFF).where(STAFF.c.staff_id.in_(some)))
    rows = [
        {
            "staff_id": staff_id,
            "org_unit": staff.org_unit,
            "internal_integrity": INTEGRITY_ROLE in staff.roles,
            "manager_id": staff.manager_id,
            "leave": orjson.dumps([(one.first, one.last) for one in staff.leave]).decode() if staff.leave else None,
        }
        for staff_id, staff in sorted(newest.items())
        if staff is not None
    ]
    if rows:
        added = insert_into(connection, STAFF)
        changed = {name: added.excluded[name] for name in ("org_unit", "internal_integrity", "manager_id", "leave")}
        connection.execute(added.on_conflict_do_update(index_elements=["staff_id"], set_=changed), rows)


@dataclass(frozen=True, slots=True)
class RoutingContext:
    """What the store knows of some alerts that decides who is told."""

    units: dict[str, set[str]]
    people: dict[str, dict[str, set[str]]]
    last_notified: dict[str, dict[str, LastNotified]]
    #: Of each alert's staff member.
    managers: dict[str, str]

    @classmethod
    def of(cls, connection: Connection, alert_ids: Sequence[str]) -> "RoutingContext":
        """Read it."""
        found = cls({}, {}, {}, {})
        for ids in chunks(alert_ids):
            columns = (HITS.c.alert_id, HITS.c.actor, HITS.c.owners)
            for row in connection.execute(select(*columns).where(HITS.c.alert_id.in_(ids)).distinct()):
                if row.actor is not None:
                    found.units.setdefault(row.alert_id, set()).add(orjson.loads(row.actor)["org_unit"])
                for owner in orjson.loads(row.owners or "[]"):
                    people = found.people.setdefault(row.alert_id, {})
                    people.setdefault(owner["staff_id"], set()).add(owner["org_unit"])
            whose = select(ALERTS.c.alert_id, STAFF.c.manager_id).join(STAFF, STAFF.c.staff_id == ALERTS.c.staff_id)
            managed = whose.where(ALERTS.c.alert_id.in_(ids), STAFF.c.manager_id.is_not(None))
            found.managers.update({row.alert_id: row.manager_id for row in connection.execute(managed)})
            for row in connection.execute(_heard(ids)):
                alone = row.occasion == TOLD or row.state not in {"gathered", "summed"}
                heard = LastNotified(row.route, row.due_at, alone=alone, waits=row.state in {"pending", "gathered"})
                found.last_notified.setdefault(row.alert_id, {})[row.channel] = heard
        return found

    def routing_input(self, alert: Alert, before: Before | None, *, grew: bool) -> RoutingInput:
        """Bring together what is known of one of them."""
        units = frozenset(self.units.get(alert.alert_id, ()))
        owners = self.people.get(alert.alert_id, {}) if alert.client_id is not None else {}
        people = {staff_id: frozenset(found) for staff_id, found in owners.items()}
        people[alert.staff_id] = units | people.get(alert.staff_id, frozenset())
        heard = dict(self.last_notified.get(alert.alert_id, {}))
        manager = self.managers.get(alert.alert_id)
        return RoutingInput(
            alert, before, grew=grew, org_units=units, people=people, last_notified=heard, manager_id=manager
        )

    def note(self, alert: Alert, decisions: Sequence[SendDecision]) -> None:
        """Take in what was just decided, for the alert's next revision."""
        heard = self.last_notified.setdefault(alert.alert_id, {})
        for decision in decisions:
            if decision.how in {"alone", "digest", "storm"}:
                alone = decision.how == "alone"
                heard |= dict.fromkeys(
                    decision.channels, LastNotified(decision.route, decision.at, alone=alone, waits=True)
                )


def rate_state_of(
    connection: Connection, storm_per: Mapping[str, timedelta], staff: Iterable[str], now: datetime
) -> RateState:
    """Read how many messages each route has sent within its storm guard's interval, and what else decides."""
    rates = RateState()
    table = NOTIFICATIONS.c
    counted = table.state.in_(("pending", "sent", "parked")) & table.alert_id.is_not(None)
    for name, per in storm_per.items():
        recent = select(table.alert_id, table.revision, table.occasion).where(
            table.route == name, table.created_at > now - per, counted
        )
        number = connection.execute(select(func.count()).select_from(recent.distinct().subquery())).scalar_one()
        rates.messages[name] = number
    waiting = select(table.route, func.min(table.next_attempt_at).label("due_at")).where(
        table.state == "gathered", table.occasion == "storm"
    )
    rates.storms = {row.route: row.due_at for row in connection.execute(waiting.group_by(table.route))}
    units: dict[str, str] = {}
    for ids in chunks(sorted(set(staff))):
        query = select(STAFF.c.staff_id, STAFF.c.org_unit).where(STAFF.c.staff_id.in_(ids))
        units |= {row.staff_id: row.org_unit for row in connection.execute(query)}
    rates.units = units
    return rates


def _heard(ids: Sequence[str]) -> Any:
    """What each channel was told, or is to be told, of these alerts; the newest last."""
    table = NOTIFICATIONS.c
    return (
        select(table.alert_id, table.channel, table.route, table.occasion, table.state, table.due_at)
        .where(table.alert_id.in_(ids), table.state.in_(("pending", "sent", "gathered", "summed")))
        .order_by(table.due_at, table.key)
    )
