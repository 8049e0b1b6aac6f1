"""Builders of input records: they supply everything that a test is not about, and decode like any other record."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from enrichment.decode import decode
from enrichment.schemas import Access, Agreement, Client, Record, Relationship, SelfReport, Staff, WatchlistEntry, Work

#: Friday noon in Auckland (NZDT), as every builder's access has it.
NOON = "2026-11-20T12:00:00+13:00"
#: Another day's noon, long before.
LONG_BEFORE = "2026-06-01T12:00:00+12:00"

Document = dict[str, Any]
M = TypeVar("M", bound=Record)

#: The least that is valid of each kind: its required fields.
LEAST: Mapping[type[Record], Document] = {
    Access: {"event_id": "E-1", "occurred_at": NOON, "staff_id": "S-1", "action": "view"},
    Staff: {"staff_id": "S-1", "kind": "employee", "status": "active", "org_unit": "U-1"},
    Client: {"client_id": "C-1", "status": "active"},
    Relationship: {
        "relationship_id": "R-1", "a": "staff:S-1", "b": "client:C-1", "kind": "partner", "source": "declared",
    },
    Work: {
        "work_id": "W-1", "client_id": "C-1", "kind": "case_management", "opened_at": LONG_BEFORE, "staff_id": "S-1",
    },
    WatchlistEntry: {"entry_id": "M-1", "client_ids": ["C-1"], "label": "In the news", "published_at": NOON},
    SelfReport: {
        "report_id": "P-1", "staff_id": "S-1", "client_id": "C-1", "reported_at": NOON,
        "accessed_from": NOON, "accessed_to": NOON,
    },
    Agreement: {
        "agreement_id": "A-1", "party": "P-1", "records_max": 1_000, "valid_from": "2026-01-01", "owner": "S-9",
    },
}  # fmt: skip


def as_json(document: Any) -> bytes:
    """Write a document as a source would."""
    return json.dumps(document, ensure_ascii=False).encode()


def _read(model: type[M], fields: Document) -> M:
    return decode(model, as_json({**LEAST[model], **fields}))


def an_access(**fields: Any) -> Access:
    """S-1 viewed C-1 at noon."""
    return _read(Access, {"client_id": "C-1", **fields})


def staff(staff_id: str = "S-1", **fields: Any) -> Staff:
    """An active employee of unit U-1 without roles."""
    return _read(Staff, {"staff_id": staff_id, **fields})


def agreement(agreement_id: str = "A-1", **fields: Any) -> Agreement:
    """An agreement with party P-1 about 1,000 records at once."""
    return _read(Agreement, {"agreement_id": agreement_id, **fields})


def client(client_id: str = "C-1", **fields: Any) -> Client:
    """An active client."""
    return _read(Client, {"client_id": client_id, **fields})


def related(a: str, b: str, kind: str = "partner", **fields: Any) -> Relationship:
    """A relationship between two nodes, named after them."""
    return _read(Relationship, {"relationship_id": f"{a}={b}", "a": a, "b": b, "kind": kind, **fields})


def work(work_id: str = "W-1", **fields: Any) -> Work:
    """Case management of C-1, open since long before; S-1's unless it is said whose it is."""
    somebody = {} if fields.keys() & {"staff_id", "org_unit"} else {"staff_id": "S-1"}
    least = {name: value for name, value in LEAST[Work].items() if name != "staff_id"}
    return decode(Work, as_json({**least, **somebody, "work_id": work_id, **fields}))


def watched(entry_id: str = "M-1", **fields: Any) -> WatchlistEntry:
    """An entry that covers C-1, published at noon."""
    return _read(WatchlistEntry, {"entry_id": entry_id, **fields})


def a_self_report(report_id: str = "P-1", **fields: Any) -> SelfReport:
    """S-1 opened C-1 by mistake at noon."""
    return _read(SelfReport, {"report_id": report_id, **fields})
