"""Accesses that look like the wrong ones and are innocent: at least one for each intent."""

from simulator.episodes import Episode, Setter
from simulator.habits import search_step, view_step
from simulator.population import client_id
from simulator.ties import TieState

_HOUR = 3600.0
#: The agreement under which lists leave.
AGREEMENT = "A-tax-match"


def _with_work(kind: str = "case_management", role: str | None = "case_manager") -> Setter:
    """Somebody opens a stranger's record for a work item: a namesake of kin, a neighbour's neighbour."""

    def setter(episode: Episode) -> None:
        member = episode.worker(role)
        if member is not None:
            client, at = episode.setting.caseloads.somebody(episode.rng, member), episode.moment(member)
            work_id = episode.work(member, client, kind, at)
            episode.look(member, client, episode.label(known=None), at, work_id=work_id)

    return setter


def _no_longer_close(state: TieState) -> Setter:
    """Work for somebody whom one used to be close to, is said to be close to, or is a cousin of, far away."""

    def setter(episode: Episode) -> None:
        tie = episode.tie(("partner", "sibling", "friend", "club", "business"), state)
        if tie is not None:
            member = episode.setting.staff[tie.staff]
            at = episode.moment(member)
            work_id = episode.work(member, tie.client, "case_management", at)
            episode.look(member, tie.client, episode.label(known=None), at, work_id=work_id)

    return setter


def _staff_assistance(episode: Episode) -> None:
    """The Staff Assistance Unit works with a colleague's record."""
    member, assisted = episode.worker("staff_assistance"), episode.setting.caseloads.assisted
    if member is not None and assisted:
        client = episode.rng.choice(assisted)
        episode.look(member, client, episode.label(known=None), work_id=f"WA{client + 1:07d}")


def _same_motel(episode: Episode) -> None:
    """Work for somebody in a motel or a prison, whose address dozens have."""
    member, population = episode.worker("case_manager"), episode.setting.population
    for _ in range(400 if member is not None else 0):
        client = episode.rng.randrange(population.count)
        shared = population.links(client, 0)["address"].startswith("am-")
        if shared and member is not None and episode.setting.caseloads.may_work_on(member, client):
            at = episode.moment(member)
            work_id = episode.work(member, client, "application", at)
            episode.look(member, client, episode.label(known=None), at, work_id=work_id)
            return


def _quality_review(episode: Episode) -> None:
    """A reviewer checks dozens of files in an hour, each on the list."""
    member, rng = episode.worker("quality_assurance"), episode.rng
    if member is None:
        return
    at, label = episode.moment(member), episode.label(known=None)
    for _ in range(rng.randint(42, 60)):
        client = episode.setting.caseloads.somebody(rng, member)
        work_id = episode.work(member, client, "quality_check", at)
        episode.add(at, view_step(member, client, ["notes", "payments"]) | {"work_id": work_id}, label)
        at += rng.uniform(20, 50)


def _busy_reception(episode: Episode) -> None:
    """A counter on a busy morning: a search for everybody, and then the record, for their appointment."""
    member, rng = episode.worker("contact_centre"), episode.rng
    if member is None:
        return
    at, label = episode.moment(member), episode.label(known=None)
    for _ in range(rng.randint(32, 40)):
        client = episode.setting.caseloads.somebody(rng, member)
        work_id = episode.work(member, client, "appointment", at)
        episode.add(at, view_step(member, client, ["identity", "notes"]) | {"work_id": work_id}, label)
        episode.add(at + 30, search_step(member, ["name"], rng.randrange(1, 9)), label)
        at += rng.uniform(60, 85)


def _media_team(episode: Episode) -> None:
    """A story breaks, and the media team and the case manager work with the record."""
    client, rng = episode.somebody(), episode.rng
    published = rng.uniform(6, 9) * _HOUR
    episode.watch(client, published, published + _HOUR)
    for role, kind in (("media", "review"), ("case_manager", "case_management"), ("contact_centre", "call")):
        member = episode.worker(role)
        if member is not None and episode.setting.caseloads.may_work_on(member, client):
            at = max(episode.moment(member), published + _HOUR)
            work_id = episode.work(member, client, kind, at)
            episode.look(member, client, episode.label(known=None), at, work_id=work_id)


def _leader_covers(episode: Episode) -> None:
    """A colleague takes over the client whom somebody may not work with: the handover that the rules ask for."""
    tie = episode.tie(("partner", "sibling", "friend", "whanau"), "known")
    member = None if tie is None else episode.setting.colleague(episode.rng, episode.setting.staff[tie.staff])
    if tie is None or member is None or not member.at_work(episode.day) or member.kind == "service":
        return
    if episode.setting.caseloads.may_work_on(member, tie.client):
        at = episode.moment(member)
        work_id = episode.work(member, tie.client, "case_management", at)
        episode.look(member, tie.client, episode.label(known=None), at, work_id=work_id)


def _investigation_print(episode: Episode) -> None:
    """An investigator prints a whole file with everybody in it, for the investigation."""
    member = episode.worker("fraud_investigation")
    if member is not None:
        client, at = episode.somebody(), episode.moment(member)
        work_id = episode.work(member, client, "investigation", at)
        step = view_step(member, client, ["whole_file"], "print")
        step |= {"work_id": work_id, "record_count": episode.rng.randint(200, 400)}
        episode.add(at, step, episode.label(known=None))


def _analyst(episode: Episode) -> None:
    """An analyst exports the list that a weekly report is made of; no work item is for a list."""
    member = episode.worker("")
    if member is not None:
        step = view_step(member, 0, ["payments"], "export")
        step |= {"client_id": None, "record_count": episode.rng.choice((60, 120, 240, 800))}
        episode.add(episode.moment(member), step, episode.label(known=None))


def _agreed_match(episode: Episode) -> None:
    """A monthly list goes to another agency under an information-sharing agreement, by a service account or by hand."""
    member = episode.worker("")
    if member is not None:
        step = view_step(member, 0, ["identity", "payments"], "export")
        step |= {"client_id": None, "record_count": episode.rng.choice((400, 1_500, 4_000)), "agreement_id": AGREEMENT}
        episode.add(episode.moment(member), step, episode.label(known=None))


def _two_sites(episode: Episode) -> None:
    """Somebody drives from one site to another, and works at both."""
    member, other = episode.worker("case_manager"), episode.worker("case_manager")
    if member is not None and other is not None and member.unit.site != other.unit.site:
        client = episode.setting.caseloads.somebody(episode.rng, member)
        # After the working day: nothing of the own site comes near it.
        at = min(member.starts + member.hours + 1_500, 19 * _HOUR)
        work_id = episode.work(member, client, "appointment", at)
        step = view_step(member, client, ["notes", "payments"]) | {"site": other.unit.site, "work_id": work_id}
        episode.add(at, step, episode.label(known=None))


def _contractor_inside(episode: Episode) -> None:
    """A contractor works on what the contract covers."""
    # For the demo those whose record is right.
    bound = [
        member
        for member in episode.setting.staff
        if member.sites and member.at_work(episode.day) and (member.sites_on_record is None or not episode.plain)
    ]
    if bound:
        member = episode.rng.choice(bound)
        client, at = episode.setting.caseloads.somebody(episode.rng, member), episode.moment(member)
        if member.covers(episode.setting.population.site(client), episode.setting.population.programme(client)):
            work_id = episode.work(member, client, "application", at)
            episode.look(member, client, episode.label(known=None), at, work_id=work_id)


def _last_day(episode: Episode) -> None:
    """Somebody's last day at work, at a case of their own."""
    for member in episode.setting.staff:
        held = episode.setting.caseloads.of_staff.get(member.index)
        if member.left == episode.day.number and member.at_work(episode.day) and held:
            client = episode.rng.choice(held)
            episode.look(member, client, episode.label(known=None), work_id=f"WC{client + 1:07d}")
            return


def _specialist(episode: Episode) -> None:
    """The one who has a restricted client's case works on it."""
    population, held = episode.setting.population, episode.setting.caseloads.of_staff
    for index in episode.rng.sample(sorted(held), min(40, len(held))):
        member = episode.setting.staff[index]
        mine = [client for client in held[index] if client in population.restricted]
        if mine and member.at_work(episode.day):
            episode.look(member, mine[0], episode.label(known=None), work_id=f"WC{mine[0] + 1:07d}")
            return


def _letter_run(episode: Episode) -> None:
    """A service account goes over clients in a batch, one by one."""
    services = [member for member in episode.setting.staff if member.kind == "service"]
    if services:
        member, label = episode.rng.choice(services), episode.label(known=None)
        at = 5 * _HOUR + episode.rng.uniform(0, 1_800)
        for _ in range(episode.rng.randint(20, 60)):
            step = view_step(member, episode.somebody(), ["payments"], channel="batch")
            episode.add(at, step, label)
            at += episode.rng.uniform(120, 240)


def _returns_to_estate(episode: Episode) -> None:
    """Somebody settles what an estate owes: a deceased client's file, with a work item."""
    member, population = episode.worker("case_manager"), episode.setting.population
    for _ in range(400 if member is not None else 0):
        client = episode.rng.randrange(population.count)
        mine = member is not None and episode.setting.caseloads.may_work_on(member, client)
        if member is not None and mine and population.status(client) == "deceased":
            at = episode.moment(member)
            work_id = episode.work(member, client, "review", at)
            episode.look(member, client, episode.label(known=None), at, work_id=work_id)
            return


def _new_client(episode: Episode) -> None:
    """A client who is in no client record yet, because the record comes late: an application at the counter."""
    member = episode.worker("case_manager")
    if member is not None:
        at, number = episode.moment(member), episode.setting.population.count + episode.rng.randrange(1_000_000)
        work_id = episode.work(member, number, "application", at)
        step = view_step(member, number, ["identity", "contact", "notes"], "create")
        episode.add(at, {**step, "client_id": client_id(number), "work_id": work_id}, episode.label(known=None))


LOOK_ALIKES: dict[str, Setter] = {
    "namesake of kin, own case": _with_work(),
    "call of a neighbour's neighbour": _with_work("call", "contact_centre"),
    "staff assistance": _staff_assistance,
    "relationship ended": _no_longer_close("ended"),
    "relationship of confidence 0.3": _no_longer_close("unsure"),
    "cousin three steps away": _no_longer_close("distant"),
    "motel or prison": _same_motel,
    "quality review": _quality_review,
    "busy counter": _busy_reception,
    "media team and case manager": _media_team,
    "handover to a colleague": _leader_covers,
    "print for an investigation": _investigation_print,
    "analyst's list": _analyst,
    "list under an agreement": _agreed_match,
    "two sites in a day": _two_sites,
    "contractor inside the contract": _contractor_inside,
    "last day at work": _last_day,
    "restricted, own case": _specialist,
    "batch over clients": _letter_run,
    "estate": _returns_to_estate,
    "new client, record late": _new_client,
}
