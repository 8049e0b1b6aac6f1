"""Accesses that must be asked about: for each of the five rules, the different ways it comes to be.

Every function here sets one scene: it writes the facts into the agency and says who opens what.
"""

from collections.abc import Callable

from simulator.agency import Document
from simulator.scene import Cast, Label, Scene, client_node, staff_node

Setting = Callable[[Cast], Scene]


def _scene(
    name: str, rules: tuple[str, ...], actor: Document, client_id: str, work_id: str | None = None, *, visits: int = 1
) -> Scene:
    label = Label("planted", name, rules)
    return Scene(label, actor["staff_id"], client_id, actor["site"], work_id, visits=visits)


def _own(cast: Cast) -> Scene:
    actor = cast.actor()
    return _scene("own record", ("own-record",), actor, cast.own_record(actor), visits=2)


def _own_with_work(cast: Cast) -> Scene:
    actor = cast.actor("contact_centre")
    client_id = cast.own_record(actor)
    return _scene("own record, with a work item", ("own-record",), actor, client_id, cast.case_for(actor, client_id))


def _own_reported(cast: Cast) -> Scene:
    actor = cast.actor()
    client_id = cast.own_record(actor)
    cast.agency.report_mistake(actor["staff_id"], client_id)
    return _scene("own record, reported as a mistake", ("own-record",), actor, client_id)


def _own_of_integrity(cast: Cast) -> Scene:
    actor = cast.actor("internal_integrity")
    return _scene("own record of internal integrity", ("own-record",), actor, cast.own_record(actor))


def _staff(cast: Cast) -> Scene:
    client_id = cast.own_record(cast.actor())
    return _scene("record of another staff member", ("staff-record",), cast.actor(), client_id)


def _staff_with_case(cast: Cast) -> Scene:
    client_id, actor = cast.own_record(cast.actor("contact_centre")), cast.actor()
    work_id = cast.case_for(actor, client_id)
    return _scene("record of another staff member, ordinary case", ("staff-record",), actor, client_id, work_id)


def _staff_by_assistance(cast: Cast) -> Scene:
    client_id, actor = cast.own_record(cast.actor()), cast.actor("staff_assistance")
    return _scene("staff assistance without a work item", ("staff-record",), actor, client_id, visits=2)


def _staff_on_leave(cast: Cast) -> Scene:
    owner, actor = cast.actor(), cast.actor("contact_centre")
    owner["status"] = "on_leave"
    return _scene("record of a staff member on leave", ("staff-record",), actor, cast.own_record(owner))


def _partner(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(client_id), "partner")
    return _scene("partner", ("relative-record",), actor, client_id, visits=2)


def _child_with_case(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(client_node(client_id), staff_node(actor), "parent", "coi_register")
    work_id = cast.case_for(actor, client_id)
    return _scene("parent, with a work item", ("relative-record",), actor, client_id, work_id)


def _in_law(cast: Cast) -> Scene:
    actor, between, client_id = cast.actor("contact_centre"), cast.client(), cast.client()
    cast.agency.relate(staff_node(actor), client_node(between), "partner", confidence=0.8)
    cast.agency.relate(client_node(client_id), client_node(between), "parent", "cms", confidence=0.7)
    return _scene("partner's parent", ("relative-record",), actor, client_id)


def _sibling_of_own_record(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    own = cast.own_record(actor)
    cast.agency.relate(client_node(own), client_node(client_id), "sibling", "cms", confidence=0.9)
    return _scene("sibling, through the own record", ("relative-record",), actor, client_id)


def _nephew_of_own_record(cast: Cast) -> Scene:
    actor, between, client_id = cast.actor(), cast.client(), cast.client()
    own = cast.own_record(actor)
    cast.agency.relate(client_node(between), client_node(own), "sibling", "cms", confidence=0.9)
    cast.agency.relate(client_node(between), client_node(client_id), "child", "cms", confidence=0.9)
    return _scene("sibling's child, through the own record", ("relative-record",), actor, client_id)


def _partner_at_work(cast: Cast) -> Scene:
    actor, partner = cast.actor(), cast.actor()
    cast.agency.relate(staff_node(partner), staff_node(actor), "partner", "hr")
    rules = ("relative-record", "staff-record")
    return _scene("partner who works here too", rules, actor, cast.own_record(partner))


def _household_until_today(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.relate(
        staff_node(actor), client_node(client_id), "household", "reported",
        confidence=0.5, valid_from=cast.timetable.date(), valid_to=cast.timetable.date(),
    )  # fmt: skip
    return _scene("household, on its only day", ("relative-record",), actor, client_id)


def _in_the_news(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.watch([client_id, cast.client()], "named in a news story", cast.timetable.at(6.5), source="news desk")
    return _scene("in this morning's news", ("media-watchlist",), actor, client_id, visits=2)


def _older_news(cast: Cast) -> Scene:
    actor, client_id = cast.actor("contact_centre"), cast.client()
    cast.agency.watch([client_id], "named in a court report", cast.timetable.at(8, days=-5), expires_at=None)
    return _scene("in last week's news", ("media-watchlist",), actor, client_id)


def _news_with_somebody_elses_work(cast: Cast) -> Scene:
    actor, client_id = cast.actor(), cast.client()
    cast.agency.watch([client_id], "spoke to the press", cast.timetable.at(18, days=-1), half_life_hours=24)
    work_id = cast.case_for(cast.actor(), client_id)
    return _scene("in the news, another's work item open", ("media-watchlist",), actor, client_id, work_id)


def _unknown(staff_id_form: str, name: str) -> Setting:
    def setting(cast: Cast) -> Scene:
        # The number of another scene's actor makes the id unique, and the form makes it nobody's.
        host, client_id = cast.actor(), cast.client()
        staff_id = staff_id_form.format(host["staff_id"][1:])
        label = Label("planted", name, ("unknown-staff",))
        return Scene(label, staff_id, client_id, host["site"], cast.case_for(host, client_id), visits=2)

    return setting


PLANTED: dict[str, tuple[Setting, ...]] = {
    "own-record": (_own, _own_with_work, _own_reported, _own, _own_of_integrity),
    "staff-record": (_staff, _staff_with_case, _staff_by_assistance, _staff_on_leave),
    "relative-record": (
        _partner, _in_law, _sibling_of_own_record, _child_with_case,
        _nephew_of_own_record, _partner_at_work, _household_until_today,
    ),
    "media-watchlist": (_in_the_news, _older_news, _news_with_somebody_elses_work),
    "unknown-staff": (_unknown("S9{}", "staff id in no record"), _unknown("old-{}", "account of an old system")),
}  # fmt: skip
