"""What of the staff register decides whom not to tell: each member's org_unit, and who is Internal Integrity's."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from alerts.judging import INTEGRITY_ROLE
from alerts.store.tables import STAFF, chunks
from enrichment.wire import Staff


@dataclass(frozen=True, slots=True)
class StaffChange:
    """One record of ``ref.staff.v1``: a staff member, or None for a deletion."""

    staff_id: str
    staff: Staff | None


def take(connection: Connection, changes: Sequence[StaffChange]) -> None:
    """Keep the newest of each staff member; forget those that were deleted."""
    newest = {change.staff_id: change.staff for change in changes}
    for ids in chunks(sorted(staff_id for staff_id, staff in newest.items() if staff is None)):
        connection.execute(delete(STAFF).where(STAFF.c.staff_id.in_(ids)))
    rows = [
        {"staff_id": staff_id, "org_unit": staff.org_unit, "internal_integrity": INTEGRITY_ROLE in staff.roles}
        for staff_id, staff in sorted(newest.items())
        if staff is not None
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        added = dialect.insert(STAFF)
        changed = {name: added.excluded[name] for name in ("org_unit", "internal_integrity")}
        connection.execute(added.on_conflict_do_update(index_elements=["staff_id"], set_=changed), rows)
