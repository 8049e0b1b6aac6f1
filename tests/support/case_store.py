"""A store of cases for tests: a real SQLite file with the schema of this release, people, and alerts in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alerts.alert import ClosedAs
from alerts.detection.registry import RULES
from alerts.grouping import HitRecord
from alerts.store.database import Database
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from cases.history_port import Row
from cases.people import Person, Role
from tests.support.records import staff

#: A Monday morning in New Zealand: 1 February 2027, 10:00 there.
NOW = datetime(2027, 1, 31, 21, 0, tzinfo=UTC)


def a_person(staff_id: str = "S-900", *roles: Role) -> Person:
    """Somebody with these roles; with none, one for whom nobody wrote any down."""
    return Person(staff_id, f"account-{staff_id}", frozenset(roles) if roles else None)


PRIVACY = a_person("S-900", "privacy")
INVESTIGATOR = a_person("S-901", "investigator")
LEAD = a_person("S-902", "lead")
OTHER_LEAD = a_person("S-903", "lead")
ER = a_person("S-904", "er")
REPORTER = a_person("S-905", "reporter")
OTHER_REPORTER = a_person("S-906", "reporter")


@contextmanager
def case_store(folder: Path) -> Iterator[Database]:
    """An empty store."""
    store = Database.open(url_of(folder), create=True)
    try:
        yield store
    finally:
        store.close()


def url_of(folder: Path) -> str:
    """The database's URL."""
    return f"sqlite:///{folder / 'alerts.sqlite3'}"


def alerts_from(folder: Path, *rows: Row) -> list[str]:
    """Put the hits of these accesses into the alert store, as the alert agent does; return the ids of its alerts."""
    store = Store.open(url_of(folder), RULES)
    try:
        hits = [
            HitRecord(row.assessment, int(row.assessment.occurred_at.timestamp() * 1000))
            for row in rows
            if row.assessment.answers
        ]
        store.take_hits(hits, NOW)
        events = [row.assessment.event_id for row in rows]
        return sorted({hit.alert_id for event_id in events for hit in store.hits_of_event(event_id)})
    finally:
        store.close()


def close_alert(folder: Path, alert_id: str, outcome: ClosedAs) -> None:
    """Close an alert."""
    store = Store.open(url_of(folder), RULES)
    try:
        store.close_alert(alert_id, outcome, because=None, by="S-900", now=NOW)
    finally:
        store.close()


def staff_register(folder: Path, **units: int) -> None:
    """Fill the staff register with so many people of each unit; ``_`` in a name stands for ``-``."""
    store = Store.open(url_of(folder), RULES)
    try:
        store.take_staff(
            [
                StaffChange(f"{unit}.{number}", staff(f"{unit}.{number}", org_unit=unit.replace("_", "-")))
                for unit, size in units.items()
                for number in range(size)
            ]
        )
    finally:
        store.close()
