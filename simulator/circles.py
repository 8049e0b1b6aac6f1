"""The people around the staff and around the clients, as the agency knows them.

Circles never touch each other: whoever is near one staff member is near no other, so that who
may do a client's work can be told at once.
"""

from random import Random

from simulator.agency import Agency, Document
from simulator.scene import Cast, client_node, staff_node

_OWN_RECORD_SHARE = 0.06
_SECOND_OWN_RECORD_SHARE = 0.1
_CIRCLE_SHARE = 0.25
_CIRCLE_PEOPLE_MAX = 4
_SECOND_HOP_SHARE = 0.3
_COLLEAGUE_SHARE = 0.05
_HOUSEHOLD_PEOPLE = (1, 1, 1, 2, 2, 3, 4, 5)
_RELATED_HOUSEHOLD_SHARE = 0.15

#: Kinds of relationship around a staff member, as often as they stand here.
_KINDS = (
    "partner", "partner", "child", "child", "parent", "parent", "sibling", "sibling", "grandparent", "whanau",
    "household", "household", "friend", "friend", "acquaintance", "former_partner", "club", "business",
)  # fmt: skip
_KIN = ("partner", "child", "parent", "sibling", "whanau", "household")
_SOURCES = (("declared", 1.0), ("declared", 1.0), ("coi_register", 1.0), ("cms", 0.9), ("reported", 0.7))


def draw_circles(rng: Random, agency: Agency, cast: Cast) -> dict[str, str]:
    """Draw everybody's circle; give for each client near a staff member the id of that staff member."""
    near: dict[str, str] = {}
    free = [
        record
        for record in agency.staff
        if record["staff_id"] not in cast.staff_ids
        and record["kind"] != "service"
        and "staff_assistance" not in record["roles"]
    ]
    for record in free:
        if rng.random() < _OWN_RECORD_SHARE:
            _own_records(rng, cast, record, near)
        if rng.random() < _CIRCLE_SHARE:
            _circle(rng, cast, record, near)
        if rng.random() < _COLLEAGUE_SHARE:
            colleague = rng.choice(free)
            if colleague is not record:
                agency.relate(staff_node(record), staff_node(colleague), "colleague", "hr")
    _households(rng, agency, cast.remaining_clients())
    return near


def _own_records(rng: Random, cast: Cast, record: Document, near: dict[str, str]) -> None:
    for _ in range(1 + (rng.random() < _SECOND_OWN_RECORD_SHARE)):
        near[cast.own_record(record)] = record["staff_id"]


def _circle(rng: Random, cast: Cast, record: Document, near: dict[str, str]) -> None:
    for _ in range(rng.randint(1, _CIRCLE_PEOPLE_MAX)):
        kind = rng.choice(_KINDS)
        source, confidence = rng.choice(_SOURCES)
        # A flatmate shares the address; the others have contact details of their own.
        links = {"address": record["links"]["address"]} if kind in {"household", "partner"} else {}
        client_id = cast.client_with(links)
        near[client_id] = record["staff_id"]
        cast.agency.relate(staff_node(record), client_node(client_id), kind, source, confidence=confidence)
        if rng.random() < _SECOND_HOP_SHARE:
            further = cast.client()
            near[further] = record["staff_id"]
            cast.agency.relate(client_node(client_id), client_node(further), rng.choice(_KIN), "cms", confidence=0.9)


def _households(rng: Random, agency: Agency, clients: list[Document]) -> None:
    start = 0
    while start < len(clients):
        people = clients[start : start + rng.choice(_HOUSEHOLD_PEOPLE)]
        start += len(people)
        first = people[0]
        related = rng.random() < _RELATED_HOUSEHOLD_SHARE
        for other in people[1:]:
            other["links"]["address"] = first["links"]["address"]
            other["site"] = first["site"]
            if related:
                ends = client_node(first["client_id"]), client_node(other["client_id"])
                agency.relate(*ends, rng.choice(_KIN), "cms", confidence=0.9)
