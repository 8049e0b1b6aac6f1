"""A footprint as a FHIR R4 Bundle of AuditEvents after IHE's Basic Audit, profile PatientRead: one event a visit.

The record is named by an identifier and no address, since there is no FHIR server to ask. A visit that changed
something or copied something out is an update, or an execution, and then follows the base resource alone.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from cases.footprint import Footprint, ShownVisit
from cases.render.footprint_texts import who
from cases.words import Words
from enrichment.errors import UserError

#: What ids of our own entries are made from, so that the same footprint gives the same ones.
_NAMESPACE: Final = UUID("0f0f7f6e-3a6e-5d1c-9b84-6c0b7a5f5b8e")
_PATIENT_READ: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_OUTCOME: Final = "0"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
_CLIENTS: Final = "urn:accesswatch:client"
_STAFF: Final = "urn:accesswatch:staff"
_REASONS: Final = "urn:accesswatch:reason"
_UNITS: Final = "urn:accesswatch:unit"


def render(footprint: Footprint) -> bytes:
    """Return the bundle as JSON.

    Raises:
        UserError: the profile has no times, which an AuditEvent cannot be without.
    """
    return orjson.dumps(bundle(footprint), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def bundle(footprint: Footprint) -> dict[str, Any]:
    """Return the bundle; raises as ``render``."""
    if footprint.profile == "date_only":
        raise UserError("FHIR's AuditEvent needs a time, which the profile date_only does not show.")
    if any(visit.first is None for visit in footprint.visits):
        raise UserError("FHIR's AuditEvent needs a time, and that of a visit is withheld.")
    words = Words(footprint.language)
    tags = [{"system": "urn:accesswatch:state", "code": "preview" if footprint.is_preview else "released"}]
    entries = [
        {"fullUrl": f"urn:uuid:{_uuid(footprint, visit)}", "resource": _event(footprint, visit, words)}
        for visit in footprint.visits
    ]
    return {"resourceType": "Bundle", "type": "collection", "meta": {"tag": tags}, "entry": entries}


def _event(footprint: Footprint, visit: ShownVisit, words: Words) -> dict[str, Any]:
    action, interaction = _action(visit)
    label, office = who(visit, words)
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(_uuid(footprint, visit)),
        "type": _coding(_TYPE, "rest", "Restful Operation"),
        "subtype": [_coding(_INTERACTION, interaction, interaction)],
        "action": action,
        "period": {"start": _instant(visit.first), "end": _instant(visit.last)},
        "recorded": _instant(visit.first),
        "outcome": _OUTCOME,
        "agent": [_user(visit, label, office), *_systems()],
        "source": {"observer": {"display": "accesswatch"}, "type": [_coding(_SOURCE_TYPE, "4", "Application Server")]},
        "entity": [
            {
                "type": _coding(_ENTITY_TYPE, "1", "Person"),
                "role": _coding(_ROLE, "1", "Patient"),
                "what": {"type": "Patient", "identifier": {"system": _CLIENTS, "value": footprint.clients[0]}},
            },
            {
                "type": _coding(_ENTITY_TYPE, "2", "System Object"),
                "role": _coding(_ROLE, "4", "Domain Resource"),
                "what": {"display": "client record"},
                "detail": [
                    {"type": "screens", "valueString": str(visit.screens)},
                    *({"type": "section", "valueString": one} for one in visit.sections or ()),
                ],
            },
        ],
    }
    if visit.reason is not None:
        coding = {"system": _REASONS, "code": visit.reason.code}
        event["purposeOfEvent"] = [{"coding": [coding], "text": visit.reason.text}]
    if action == "R":
        event["meta"] = {"profile": [_PATIENT_READ]}
    return event


def _user(visit: ShownVisit, label: str, office: str) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "type": {"coding": [_coding(_PARTICIPATION, "IRCP", "information recipient")]},
        "requestor": True,
        "who": {"display": label},
    }
    if visit.staff_id is not None:
        agent["who"]["identifier"] = {"system": _STAFF, "value": visit.staff_id}
    if office:
        agent["role"] = [{"text": office}]
        if visit.unit is not None:
            agent["role"].append({"coding": [{"system": _UNITS, "code": visit.unit}]})
    return agent


def _systems() -> list[dict[str, Any]]:
    """Return the two ends: the profile wants both, with an address of some kind."""
    ends = (("110153", "Source Role ID", "client management system"), ("110152", "Destination Role ID", "workstation"))
    return [
        {
            "type": {"coding": [_coding(_DICOM, code, display)]},
            "requestor": False,
            "who": {"display": name},
            "network": {"address": name, "type": "1"},
        }
        for code, display, name in ends
    ]


def _action(visit: ShownVisit) -> tuple[str, str]:
    done = set(visit.actions)
    if done & {"print", "export"}:
        return "E", "operation"
    if "update" in done or "create" in done:
        return "U", "update"
    return "R", "read"


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _instant(at: datetime | date | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else None


def _uuid(footprint: Footprint, visit: ShownVisit) -> UUID:
    named = (footprint.clients[0], footprint.period.first, footprint.period.last, visit.number, _instant(visit.first))
    return uuid5(_NAMESPACE, "|".join(map(str, named)))
