"""A small agency whose hits are obvious, and the plain re-computation of what each access must be answered with.

Only rules that look at one access and the reference data are live: what they say of an access depends on nothing that
was judged before it, so that it can be said again, here, in a few lines that share no code with the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

STAFF = [f"s{number:02}" for number in range(40)]
#: In no staff record.
GHOSTS = [f"ghost-{number}" for number in range(4)]
SERVICE = "svc-1"
NEUTRAL = [f"n{number:03}" for number in range(200)]
RESTRICTED = [f"r{number}" for number in range(10)]
#: Staff members who have a sibling among the clients.
SIBLINGS = {staff: f"sib-{staff}" for staff in STAFF[:10]}
OWN = {staff: f"own-{staff}" for staff in STAFF}
#: The clients that a staff member has work for, beside which everything else of theirs is unexplained.
WORK = {staff: [*NEUTRAL[number::80], RESTRICTED[number % 10]] for number, staff in enumerate(STAFF[:20])}

#: Windows are noted and answered all the same; what a shadow rule says raises nothing. What is live settles in no time
#: and is Internal Integrity's: every alert is told.
LIMITS: dict[str, Any] = {
    "rules": {
        rule: {"stage": "shadow"}
        for rule in (
            "media-surge", "repeat-visits", "contact-lookup", "search-browsing",
            "volume", "dormant-record", "bulk-extract", "two-places", "proxy-lookup",
        )
    }
    | {
        rule: {"settle_minutes": 0, "audience": "integrity"}
        for rule in ("restricted-record", "shared-contact", "colleague-circle")
    }
    | {"scope": {"settle_minutes": 0, "slip_audience": "integrity"}}
}  # fmt: skip

Document = dict[str, Any]
_ZONE = ZoneInfo("Pacific/Auckland")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an access must be answered with."""

    outcome: str
    #: (rule, client of the alert or None): each live hit, with whom its alert is about.
    hits: frozenset[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an alert is: one for each of these."""

    staff_id: str
    client_id: str | None
    day: date


def answered(access: Mapping[str, Any]) -> Answer:
    """Return what an access must be answered with."""
    staff, client = access["staff_id"], access.get("client_id")
    works = client in WORK.get(staff, ())
    hits: set[tuple[str, str | None]] = set()
    if staff in GHOSTS:
        hits.add(("unknown-staff", None))
    if staff == SERVICE and access.get("channel") == "desktop":
        hits.add(("service-account", None))
    if client is not None and OWN.get(staff) == client:
        hits.add(("own-record", client))
    if client is not None and SIBLINGS.get(staff) == client:
        hits.add(("relative-record", client))
    if client in RESTRICTED and not works:
        hits.add(("restricted-record", client))
    if hits:
        return Answer("hit", frozenset(hits))
    if works:
        return Answer("explained", frozenset())
    return Answer("no_subject" if client is None else "unexplained", frozenset())


def identities(access: Mapping[str, Any]) -> dict[Identity, set[str]]:
    """Return the alerts that an access belongs to, each with the rules that hit."""
    day = datetime.fromisoformat(access["occurred_at"]).astimezone(_ZONE).date()
    found: dict[Identity, set[str]] = {}
    for rule, client in answered(access).hits:
        found.setdefault(Identity(access["staff_id"], client, day), set()).add(rule)
    return found


def crowd(size: int) -> tuple[list[str], list[str]]:
    """Return so many more staff members, and as many clients: nobody's own, nobody's work."""
    return [f"c{number:05}" for number in range(size)], [f"k{number:05}" for number in range(size)]


def reference(crowded: int = 0) -> dict[str, list[tuple[str, Document]]]:
    """Return the records of each reference topic, with a crowd of so many staff members beside the others."""
    more_staff, more_clients = crowd(crowded)
    people = [_staff(staff, client_ids=[OWN[staff]]) for staff in STAFF] + [_staff(staff) for staff in more_staff]
    people.append(_staff(SERVICE, kind="service"))
    clients = [_client(client) for client in (*NEUTRAL, *OWN.values(), *SIBLINGS.values(), *more_clients)]
    clients += [_client(client, restricted=True) for client in RESTRICTED]
    related = [
        (f"rel-{staff}", {
            "relationship_id": f"rel-{staff}", "a": f"staff:{staff}", "b": f"client:{client}",
            "kind": "sibling", "source": "declared",
        })
        for staff, client in SIBLINGS.items()
    ]  # fmt: skip
    work = [
        (f"w-{staff}-{client}", {
            "work_id": f"w-{staff}-{client}", "client_id": client, "kind": "case_management",
            "staff_id": staff, "opened_at": "2025-01-06T09:00:00+13:00",
        })
        for staff, clients_ in WORK.items() for client in clients_
    ]  # fmt: skip
    return {"ref.staff.v1": people, "ref.client.v1": clients, "ref.relationship.v1": related, "ref.work.v1": work}


def _staff(staff_id: str, **more: Any) -> tuple[str, Document]:
    # A unit of one's own: nobody is anybody's colleague.
    least = {"staff_id": staff_id, "kind": "employee", "status": "active", "org_unit": f"unit-{staff_id}"}
    return staff_id, least | more


def _client(client_id: str, **more: Any) -> tuple[str, Document]:
    return client_id, {"client_id": client_id, "status": "active"} | more
