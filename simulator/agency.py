"""The agency's reference data while it is being written down, and as it goes onto the six topics.

Documents are plain dicts: a hundred thousand of them are made in the second before a demo.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from simulator.organisation import Unit
from simulator.timetable import Timetable

Document = dict[str, Any]


class Reference(NamedTuple):
    """One reference record: which ``ref.<kind>.v1`` topic, its key, its JSON."""

    kind: str
    id: str
    value: bytes


class Agency:
    """Everything that is known of the agency's people and their work."""

    def __init__(self, timetable: Timetable, units: list[Unit], staff: list[Document], clients: list[Document]) -> None:
        self.timetable = timetable
        self.units = units
        self.staff = staff
        self.clients = clients
        #: Staff records as they stood before a correction; each is published before the one in force.
        self.corrected_staff: list[Document] = []
        self._relationships: list[Document] = []
        self._work: list[Document] = []
        self._watchlist: list[Document] = []
        self._self_reports: list[Document] = []

    def relate(self, a: str, b: str, kind: str, source: str = "declared", **known: object) -> None:
        """Record that two people (``staff:...`` or ``client:...``) know each other."""
        number = len(self._relationships) + 1
        self._relationships.append(
            {"relationship_id": f"R{number:06d}", "a": a, "b": b, "kind": kind, "source": source, **known}
        )

    def open_work(self, client_id: str, kind: str, opened_at: str, **given: object) -> str:
        """Record a work item for a client; *given* names its ``staff_id`` or ``org_unit``. Its id is returned."""
        work_id = f"W{len(self._work) + 1:07d}"
        self._work.append({"work_id": work_id, "client_id": client_id, "kind": kind, "opened_at": opened_at, **given})
        return work_id

    def watch(self, client_ids: list[str], label: str, published_at: str, **given: object) -> None:
        """Record that these clients are in the news."""
        entry_id = f"N{len(self._watchlist) + 1:03d}"
        self._watchlist.append(
            {"entry_id": entry_id, "client_ids": client_ids, "label": label, "published_at": published_at, **given}
        )

    def report_mistake(self, staff_id: str, client_id: str) -> None:
        """Record that the staff member reported, in the afternoon, having opened this record by mistake that day."""
        at = self.timetable.at
        self._self_reports.append(
            {
                "report_id": f"M{len(self._self_reports) + 1:03d}",
                "staff_id": staff_id,
                "client_id": client_id,
                "reported_at": at(hours=17),
                "accessed_from": at(hours=7),
                "accessed_to": at(hours=18.5),
            }
        )

    def numbers(self) -> dict[str, int]:
        """Count the relationships, the open work items and the watchlist entries."""
        return {
            "relationship": len(self._relationships),
            "open work": sum("closed_at" not in item for item in self._work),
            "watchlist": len(self._watchlist),
        }

    def records(self) -> Iterator[Reference]:
        """Give every record; what is most often asked for comes first."""
        parts: list[tuple[str, str, list[Document]]] = [
            ("staff", "staff_id", self.corrected_staff),
            ("staff", "staff_id", self.staff),
            ("watchlist", "entry_id", self._watchlist),
            ("self_report", "report_id", self._self_reports),
            ("relationship", "relationship_id", self._relationships),
            ("client", "client_id", self.clients),
            ("work", "work_id", self._work),
        ]
        for kind, id_field, documents in parts:
            for document in documents:
                yield Reference(kind, document[id_field], orjson.dumps(document))
