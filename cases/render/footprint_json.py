"""A footprint as JSON (``docs/contract.md`` section 8), and the schema that it follows."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from cases.footprint import Footprint, Reason, ShownAccess, ShownVisit
from cases.history_port import Gap
from cases.nz_calendar import Period
from enrichment.nz_time import nz_time

#: Published beside the code; a test holds every footprint to it.
SCHEMA_FILE: Final = Path(__file__).with_name("footprint.schema.json")


def document(footprint: Footprint) -> dict[str, Any]:
    """Return the footprint as a JSON object: times with New Zealand's offset, dates alone under ``date_only``."""
    found: dict[str, Any] = {
        "clients": list(footprint.clients),
        "from": footprint.period.first.isoformat(),
        "to": footprint.period.last.isoformat(),
        "profile": footprint.profile,
        "language": footprint.language,
        "preview": footprint.is_preview,
        "complete_to": _text(_local(footprint.complete_to)),
        "gaps": [_gap(gap, footprint) for gap in footprint.gaps],
        "history_begins": _text(footprint.begins),
        "visits": [_visit(visit, footprint) for visit in footprint.visits],
        "totals": {"visits": len(footprint.visits), "screens": footprint.screens},
        "notes": list(footprint.notes),
    }
    if footprint.request is not None:
        found["request"] = footprint.request
    if footprint.headings_also is not None:
        found["headings_also"] = footprint.headings_also
    if footprint.part[1] > 1:
        found["part"] = {"number": footprint.part[0], "of": footprint.part[1]}
    return found


def read(document: Mapping[str, Any]) -> Footprint:
    """Return the footprint that a document was made from, so that what was released can be rendered again.

    Gaps are told of in its notes; what they were is not needed for any other form.
    """
    part = document.get("part", {"number": 1, "of": 1})
    visits = tuple(_read_visit(visit) for visit in document["visits"])
    return Footprint(
        clients=tuple(document["clients"]),
        period=Period(date.fromisoformat(document["from"]), date.fromisoformat(document["to"])),
        profile=document["profile"],
        language=document["language"],
        is_preview=document["preview"],
        complete_to=_moment(document["complete_to"]),
        gaps=(),
        begins=None if document["history_begins"] is None else date.fromisoformat(document["history_begins"]),
        visits=visits,
        notes=tuple(document["notes"]),
        request=document.get("request"),
        is_raw=any(visit.accesses for visit in visits),
        headings_also=document.get("headings_also"),
        part=(part["number"], part["of"]),
    )


def _read_visit(visit: Mapping[str, Any]) -> ShownVisit:
    reason = visit["reason"]
    return ShownVisit(
        number=visit["number"],
        first=_moment(visit["from"]),
        last=_moment(visit["to"]),
        actor=visit["actor"],
        kind=visit["kind"],
        roles=tuple(visit["roles"]),
        unit=visit["unit"],
        staff_id=visit.get("staff_id"),
        actions=tuple(visit["actions"]),
        sections=None if visit["sections"] is None else tuple(visit["sections"]),
        reason=None if reason is None else Reason(reason["code"], reason["text"]),
        screens=visit["screens"],
        withheld=tuple(visit.get("withheld", ())),
        accesses=tuple(
            ShownAccess(_moment(one["at"]), one["action"], tuple(one["sections"])) for one in visit.get("accesses", ())
        ),
    )


def _moment(text: str | None) -> datetime | date | None:
    """Return a date or an instant; an instant again on New Zealand's clock, by which it is shown."""
    if text is None:
        return None
    if "T" not in text:
        return date.fromisoformat(text)
    return nz_time(datetime.fromisoformat(text))


def render(footprint: Footprint) -> bytes:
    """Return the footprint as JSON text: the same footprint always gives the same bytes."""
    return orjson.dumps(document(footprint), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@cache
def schema() -> dict[str, Any]:
    """Return the published JSON schema."""
    found: dict[str, Any] = orjson.loads(SCHEMA_FILE.read_bytes())
    return found


def _visit(visit: ShownVisit, footprint: Footprint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": visit.number,
        "from": _text(visit.first),
        "to": _text(visit.last),
        "actor": visit.actor,
        "kind": visit.kind,
        "roles": list(visit.roles),
        "unit": visit.unit,
        "actions": list(visit.actions),
        "sections": None if visit.sections is None else list(visit.sections),
        "reason": None if visit.reason is None else {"code": visit.reason.code, "text": visit.reason.text},
        "screens": visit.screens,
    }
    if footprint.profile in {"named", "internal"}:
        found["staff_id"] = visit.staff_id
    if visit.withheld:
        found["withheld"] = list(visit.withheld)
    if footprint.profile == "internal":
        found["flags"] = list(visit.flags)
    if visit.accesses:
        found["accesses"] = [_access(access) for access in visit.accesses]
    return found


def _access(access: ShownAccess) -> dict[str, Any]:
    found: dict[str, Any] = {"at": _text(access.at), "action": access.action, "sections": list(access.sections)}
    if access.details is not None:
        found["details"] = orjson.loads(orjson.dumps(access.details))
    return found


def _gap(gap: Gap, footprint: Footprint) -> dict[str, Any]:
    """Return how many records are lost and since when that is known; inside, also which, and what was written of it."""
    found: dict[str, Any] = {"records": gap.last_offset - gap.first_offset + 1}
    if footprint.profile == "date_only":
        found["accepted_on"] = gap.accepted_at.date().isoformat()
    else:
        found["accepted_at"] = gap.accepted_at.isoformat()
    if footprint.profile == "internal":
        found |= {
            "partition": gap.partition,
            "first_offset": gap.first_offset,
            "last_offset": gap.last_offset,
            "because": gap.because,
        }
    return found


def _local(at: datetime | date | None) -> datetime | date | None:
    return nz_time(at) if isinstance(at, datetime) else at


def _text(at: datetime | date | None) -> str | None:
    return None if at is None else at.isoformat()
