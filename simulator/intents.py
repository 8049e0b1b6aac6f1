"""The ways people look who should not: one function sets the scenes of one intent.

What is ``known`` follows from what the reference data hold at that moment, never from what a rule says.
"""

from collections.abc import Sequence

from simulator import rates
from simulator.days import Day
from simulator.episodes import ADDRESS, LOOKED_AT, Episode, Setter
from simulator.habits import search_step, view_step
from simulator.staffing import Member

#: How often somebody comes back on further days of the week, and on how many.
_COMES_BACK, _KEEPS_WATCHING = 0.25, 0.6
_WEEK = 6
_LETTER_SEARCHES, _FEW_LETTER_SEARCHES = (36, 70), (18, 28)
#: How often a colleague who is looked up is of the own unit, and somebody searches before asking a favour.
_OF_OWN_UNIT, _SEARCHES_FIRST = 0.6, 0.7
#: How often a collection is hasty, first letters stay few, a list is printed in parts.
_HASTY, _FEW, _IN_PARTS = 0.4, 0.25, 0.5
_HOUR = 3600.0
#: How long somebody keeps watch, and days between two looks.
SERIES_DAYS, _DAYS_BETWEEN = 90, (6, 15)


def _close(*kinds: str, comes_back: float = _COMES_BACK, steps: Sequence[tuple[str, list[str]]] = LOOKED_AT) -> Setter:
    """Somebody opens the record of a person close to them, and perhaps again later in the week."""

    def setter(episode: Episode) -> None:
        tie = episode.tie(kinds)
        if tie is None:
            return
        member, label = episode.setting.staff[tie.staff], episode.label(known=tie.state == "known")
        episode.look(member, tie.client, label, steps=steps)
        while episode.rng.random() < comes_back and (day := episode.later(_WEEK)) is not None:
            if member.at_work(day):
                episode.look(member, tie.client, label, day=day, steps=steps)

    return setter


def _keeps_watch(episode: Episode) -> None:
    """Somebody opens the record of a person close to them every one to two weeks, for up to ninety days."""
    tie = episode.tie(("former partner", "partner", "child", "sibling", "friend"))
    if tie is None:
        return
    member, label = episode.setting.staff[tie.staff], episode.label(known=tie.state == "known")
    number = 0
    while number < SERIES_DAYS:
        day = episode.setting.day(episode.day.number + number)
        if member.at_work(day) and day.working:
            episode.look(member, tie.client, label, day=day)
        number += episode.rng.randint(*_DAYS_BETWEEN)


def _colleague(episode: Episode) -> None:
    """Somebody opens the record of another staff member, most often one of the own unit."""
    tie = episode.tie(("self",))
    if tie is None:
        return
    owner = episode.setting.staff[tie.staff]
    member = episode.setting.colleague(episode.rng, owner) if episode.rng.random() < _OF_OWN_UNIT else episode.worker()
    if member is not None and member is not owner and member.at_work(episode.day) and member.kind != "service":
        # Once somebody has left for good, the record is a former colleague's; the register says so.
        known = tie.state == "known" and owner.employed(episode.day.number)
        episode.look(member, tie.client, episode.label(known=known))


def _favour(episode: Episode) -> None:
    """Somebody cannot find a person they know, or does not dare to, and a colleague does the looking."""
    tie = episode.tie(("partner", "sibling", "former partner", "friend", "whanau"))
    if tie is None:
        return
    asking = episode.setting.staff[tie.staff]
    member = episode.setting.colleague(episode.rng, asking)
    if member is None or not member.at_work(episode.day) or member.kind == "service":
        return
    label, at = episode.label(known=tie.state == "known"), episode.moment(asking)
    if episode.plain or episode.rng.random() < _SEARCHES_FIRST:
        episode.add(at, search_step(asking, ["name", "date_of_birth"], 0), label)
    episode.look(member, tie.client, label, at + episode.rng.uniform(120, 2_400))


def _in_the_news(episode: Episode) -> None:
    """A story breaks; three to nine people look, some of them before it is out or on the watchlist."""
    rng, client = episode.rng, episode.somebody()
    published = rng.uniform(6, 15) * _HOUR
    known_at = published + rng.random() * rates.NEWS_LATE_HOURS * _HOUR
    if episode.plain:
        published, known_at = 6 * _HOUR, 7 * _HOUR
    for _ in range(rng.randint(3, 9)):
        member = episode.worker()
        if member is None:
            continue
        at = episode.moment(member)
        if at > published - 3 * _HOUR:
            episode.look(member, client, episode.label(known=at >= known_at), at)
    episode.watch(client, published, known_at)


def _slow_collection(episode: Episode) -> None:
    """Somebody takes one address a day, never two within 24 hours of a third."""
    member = episode.worker()
    if member is None:
        return
    label = episode.label(known=False)
    for number in range(_WEEK):
        day = episode.setting.day(episode.day.number + number)
        if member.at_work(day) and day.working:
            episode.look(member, episode.somebody(), label, day=day, steps=ADDRESS, times=1)


def _collection(episode: Episode) -> None:
    """Somebody takes many addresses in a day, or goes through dozens of files in an hour."""
    member, rng = episode.worker(), episode.rng
    if member is None:
        return
    label, hasty = episode.label(known=False), rng.random() < _HASTY
    at = episode.moment(member)
    for _ in range(rng.randint(45, 90) if hasty else rng.randint(4, 12)):
        action, sections = rng.choice(LOOKED_AT[:4] if hasty else ADDRESS)
        episode.add(at, view_step(member, episode.somebody(), sections, action), label)
        at += rng.uniform(10, 40) if hasty else rng.uniform(60, 400)


def _first_letters(episode: Episode) -> None:
    """Somebody goes through names by their first letters, in an hour; one in four stays under the limit."""
    member, rng = episode.worker("case_manager"), episode.rng
    if member is None:
        return
    few = not episode.plain and rng.random() < _FEW
    number = rng.randint(*(_FEW_LETTER_SEARCHES if few else _LETTER_SEARCHES))
    at = episode.moment(member)
    for _ in range(number):
        episode.add(at, search_step(member, ["name"], rng.randrange(5, 50)), episode.label(known=False))
        at += rng.uniform(8, 40)


def _mass_print(episode: Episode) -> None:
    """Somebody who is going to resign takes lists with them."""
    member, rng = episode.worker(), episode.rng
    if member is None:
        return
    at, label = episode.moment(member), episode.label(known=False)
    sizes = [rng.choice((250, 400, 900, 6_000))]
    if not episode.plain and rng.random() < _IN_PARTS:
        sizes = [rng.randint(20, 90) for _ in range(rng.randint(2, 12))]
    for size in sizes:
        step = view_step(member, 0, ["identity", "address", "contact"], rng.choice(("print", "export")))
        episode.add(at, {**step, "client_id": None, "record_count": size}, label)
        at += rng.uniform(60, 600)


def _shared_password(episode: Episode) -> None:
    """Somebody at another site works under the account of a person who is at work, or away."""
    member, other = episode.worker("case_manager"), episode.worker("case_manager")
    if member is None or other is None or member.unit.site == other.unit.site:
        return
    rng, label = episode.rng, episode.label(known=False)
    at = episode.moment(member)
    for number in range(rng.randint(3, 8)):
        step = view_step(member, episode.somebody(), rng.choice(LOOKED_AT)[1])
        episode.add(at, {**step, "site": other.unit.site}, label)
        if episode.plain and number == 0:
            episode.add(at + 5, search_step(member, ["client_id"], 1), label)
        at += rng.uniform(30, 300)


def _outside_the_contract(episode: Episode) -> None:
    """A contractor or third party opens clients that the contract does not cover, or has none on record."""
    bound = [member for member in episode.setting.staff if member.employer is not None and member.at_work(episode.day)]
    if not bound:
        return
    member, population = episode.rng.choice(bound), episode.setting.population
    known = bool(member.sites or member.programmes)
    if episode.plain and not known:
        return
    for _ in range(episode.rng.randint(1, 4)):
        client = episode.somebody()
        if not known or not member.covers(population.site(client), population.programme(client)):
            episode.look(member, client, episode.label(known=known))


def _left(member: Member, day: Day) -> bool:
    return member.left is not None and member.left < day.number


def _leaver(episode: Episode) -> None:
    """An account that was not closed is used after its owner left."""
    left = [member for member in episode.setting.staff if _left(member, episode.day)]
    if left:
        member = episode.rng.choice(left)
        for _ in range(episode.rng.randint(1, 4)):
            episode.look(member, episode.somebody(), episode.label(known=not member.left_unrecorded))


def _restricted(episode: Episode) -> None:
    """Somebody is curious about a file that is restricted."""
    member, restricted = episode.worker(), episode.setting.population.restricted
    if member is not None and restricted:
        client = episode.rng.choice(sorted(restricted))
        held = episode.setting.caseloads.of_staff.get(member.index)
        if held is None or client not in held:
            episode.look(member, client, episode.label(known=True))


def _of_the_dead(episode: Episode) -> None:
    """Somebody goes through the files of people who died, or who are long gone."""
    member, population, rng = episode.worker(), episode.setting.population, episode.rng
    if member is None:
        return
    at, wanted = episode.moment(member), rng.randint(3, 8)
    for _ in range(400):
        client = rng.randrange(population.count)
        if wanted and population.status(client) != "active" and client not in population.restricted:
            episode.look(member, client, episode.label(known=True), at, times=1)
            at, wanted = at + rng.uniform(60, 600), wanted - 1


def _service_at_a_desk(episode: Episode) -> None:
    """A person signs in with the account of a program."""
    services = [member for member in episode.setting.staff if member.kind == "service"]
    if services:
        member = episode.rng.choice(services)
        for _ in range(episode.rng.randint(1, 4)):
            episode.look(member, episode.somebody(), episode.label(known=True))


def _nobody(episode: Episode) -> None:
    """An account of an old system, or a made-up one, is used."""
    host = episode.worker()
    if host is not None:
        before = len(episode.scenes)
        episode.look(host, episode.somebody(), episode.label(known=True))
        for scene in episode.scenes[before:]:
            if isinstance(scene.what, dict):
                scene.what["staff_id"] = f"old-{host.staff_id[1:]}"


#: Those whose episodes go on for longer than a week.
LONG: frozenset[str] = frozenset({"keeps watch"})
INTENTS: dict[str, Setter] = {
    "self": _close("self"),
    "colleague": _colleague,
    "close family": _close("partner", "parent", "child"),
    "sibling's new flat": _close("sibling", steps=ADDRESS),
    "grandparent's file": _close("grandparent"),
    "whānau": _close("whanau"),
    "partner's ex": _close("partner's ex", comes_back=_KEEPS_WATCHING),
    "former partner": _close("former partner", comes_back=_KEEPS_WATCHING),
    "keeps watch": _keeps_watch,
    "friend": _close("friend"),
    "friend's friend": _close("friend's friend"),
    "player of the club": _close("club"),
    "own business": _close("business"),
    "neighbour": _close("neighbour"),
    "favour": _favour,
    "face in the news": _in_the_news,
    "slow collection": _slow_collection,
    "collection": _collection,
    "first letters": _first_letters,
    "mass print": _mass_print,
    "shared password": _shared_password,
    "outside the contract": _outside_the_contract,
    "account of a leaver": _leaver,
    "restricted file": _restricted,
    "files of the dead": _of_the_dead,
    "service account at a desk": _service_at_a_desk,
    "account of nobody": _nobody,
}
