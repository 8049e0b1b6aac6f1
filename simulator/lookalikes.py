"""Accesses that look like the planted ones and are innocent: no rule may ask about them.

Every function here sets one scene: it writes the facts into the agency and says who opens what.
"""

from collections.abc import Callable

from simulator.agency import Document
from simulator.scene import Cast, Label, Scene, client_node, staff_node

#: More records than ``shared-contact`` takes for one home: a motel, a hostel.
_MOTEL_RECORDS = 12


def _scene(name: str, actor: Document, client_id: str, work_id: str | None = None, channel: str = "desktop") -> Scene:
    return Scene(Label("look-alike", name), actor["staff_id"], client_id, actor["site"], work_id, channel)


def _with_case(name: str, cast: Cast, actor: Document, client_id: str) -> Scene:
    return _scene(name, actor, client_id, cast.case_for(actor, client_id))


def _same_address(cast: Cast) -> Scene:
    actor = cast.actor()
    client_id = cast.client_with({"address": actor["links"]["address"]})
    return _with_case("same address, no relationship, own case", cast, actor, client_id)


def _motel(cast: Cast) -> Scene:
    actor = cast.actor()
    guests = [cast.client_with({"address": actor["links"]["address"]}) for _ in range(_MOTEL_RECORDS)]
    return _scene("same motel as a dozen clients", actor, guests[0])


def _ended_yesterday(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(client_id), "partner", valid_to=cast.timetable.date(-1))
    return _scene("relationship ended yesterday", actor, client_id)


def _begins_tomorrow(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(client_id), "household", valid_from=cast.timetable.date(1))
    return _with_case("relationship begins tomorrow", cast, actor, client_id)


def _unsure(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(client_id), "sibling", "social_media", confidence=0.3)
    return _scene("relationship of confidence 0.3", actor, client_id)


def _unsure_path(cast: Cast) -> Scene:
    actor, between, client_id = cast.actor(), cast.client(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(between), "sibling", "cms", confidence=0.7)
    cast.agency.relate(client_node(between), client_node(client_id), "child", "cms", confidence=0.7)
    return _scene("two relationships of confidence 0.7", actor, client_id)


def _three_hops(cast: Cast) -> Scene:
    actor, first, second, client_id = cast.actor(), cast.client(), cast.client(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(first), "parent")
    cast.agency.relate(client_node(first), client_node(second), "sibling", "cms")
    cast.agency.relate(client_node(second), client_node(client_id), "child", "cms")
    return _scene("cousin, three hops away", actor, client_id)


def _friend_of_partner(cast: Cast) -> Scene:
    actor, between, client_id = cast.actor(), cast.client(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(between), "partner")
    cast.agency.relate(client_node(between), client_node(client_id), "friend", "social_media", confidence=0.9)
    return _scene("partner's friend", actor, client_id)


def _former_colleague(cast: Cast) -> Scene:
    actor, client_id = cast.actor("contact_centre"), cast.client()
    cast.agency.relate(staff_node(actor), client_node(client_id), "colleague", "hr")
    return _with_case("former colleague who is a client", cast, actor, client_id)


def _assistance_by_name(cast: Cast) -> Scene:
    client_id, actor = cast.own_record(cast.actor()), cast.actor("staff_assistance")
    work_id = cast.case_for(actor, client_id, "staff_assistance")
    return _scene("staff assistance, named in the work item", actor, client_id, work_id)


def _assistance_by_unit(cast: Cast) -> Scene:
    client_id, actor = cast.own_record(cast.actor("contact_centre")), cast.actor("staff_assistance")
    opened_at = cast.timetable.at(8)
    cast.agency.open_work(client_id, "staff_assistance", opened_at, org_unit=actor["org_unit"])
    return _scene("staff assistance, their unit's work item", actor, client_id)


def _former_staff(cast: Cast) -> Scene:
    owner, actor = cast.actor(), cast.actor()
    owner["status"], owner["end_date"] = "ended", cast.timetable.date(-40)
    return _with_case("record of somebody who left the agency", cast, actor, cast.own_record(owner))


def _news_with_case(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.watch([client_id], "named in a news story", cast.timetable.at(6))
    return _with_case("in the news, own case", cast, actor, client_id)


def _news_with_call(cast: Cast) -> Scene:
    actor, client_id = cast.actor("contact_centre"), cast.client()
    cast.agency.watch([client_id], "named in a news story", cast.timetable.at(20, days=-1))
    cast.agency.open_work(client_id, "call", cast.timetable.at(8), org_unit=actor["org_unit"])
    return _scene("in the news, a call to their unit", actor, client_id, channel="phone")


def _news_expired(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    published, expired = cast.timetable.at(8, days=-2), cast.timetable.at(6)
    cast.agency.watch([client_id], "named by mistake", published, expires_at=expired)
    return _scene("watchlist entry expired", actor, client_id)


def _news_decayed(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.watch([client_id], "an old story", cast.timetable.at(8, days=-12))
    return _scene("watchlist entry decayed", actor, client_id)


def _news_not_yet(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.watch([client_id], "a story of that evening", cast.timetable.at(18.5))
    return _scene("news published after the access", actor, client_id)


def _no_longer_own(cast: Cast) -> Scene:
    actor = cast.actor()
    client_id = cast.client()
    cast.agency.corrected_staff.append({**actor, "client_ids": [client_id]})
    return _with_case("record once linked to the actor by mistake", cast, actor, client_id)


def _first_day(cast: Cast) -> Scene:
    actor = cast.actor()
    actor["start_date"] = cast.timetable.date()
    return _with_case("first day at work", cast, actor, cast.client())


def _service(cast: Cast) -> Scene:
    service = next(record for record in cast.agency.staff if record["kind"] == "service")
    return _scene("service account in a batch", service, cast.client(), channel="batch")


LOOK_ALIKES: tuple[Callable[[Cast], Scene], ...] = (
    _same_address, _ended_yesterday, _assistance_by_name, _news_with_case, _three_hops, _unsure, _first_day,
    _motel, _begins_tomorrow, _former_staff, _news_expired, _friend_of_partner, _service, _no_longer_own,
    _unsure_path, _assistance_by_unit, _news_decayed, _news_not_yet, _former_colleague, _news_with_call,
)  # fmt: skip
