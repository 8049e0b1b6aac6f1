"""Requests for a footprint: a clock of working days, decisions about flagged visits, one release that stays as it was.

What is released is kept as it was, with its digest: rendering it again gives the same bytes, and what the history says
differently since is said beside it, never put into it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal, get_args

import orjson
from sqlalchemy import Connection, RowMapping, func, select

from alerts.store.database import NotPossible
from alerts.store.tables import ALERTS, HITS, STAFF
from cases.footprint import (
    ROWS_MAX,
    Changes,
    Decision,
    Facts,
    Field,
    Footprint,
    Ground,
    Profile,
    build,
    changes_since,
    in_parts,
    reasons_by_access,
)
from cases.history_port import Answer, HistoryReader, Purpose, TooManyRows
from cases.nz_calendar import DECISION_WORKING_DAYS, Period, add_working_days, working_days_between
from cases.people import NotAllowed, Person
from cases.record import Change, held, next_number, write
from cases.render import footprint_json
from cases.tables import DECISIONS, HOLDS, INVESTIGATIONS, LINKS, RELEASES, REQUESTS
from cases.words import Language
from enrichment.errors import UserError
from enrichment.nz_time import nz_date

Requester = Literal["self", "agent", "guardian", "estate"]
REQUESTERS: Final[tuple[Requester, ...]] = get_args(Requester)
#: Records of one person in one request.
CLIENTS_MAX: Final = 20
#: Years of one request: what a person may ask for at once.
YEARS_MAX: Final = 30
_SERIES: Final = "FR"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, on what authority."""

    requester: Requester
    #: How it was checked that they are who they say.
    identity_checked: str
    clients: tuple[str, ...]
    period: Period
    received_on: date
    #: Of an agent, a guardian, an estate: what they act on.
    authority: str | None = None
    child_turns_16_on: date | None = None
    #: The requester's own staff id, where they are staff.
    staff_id: str | None = None
    #: Why several records are one person's.
    one_person_because: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A request as it stands."""

    number: str
    request: Request
    due_on: date
    status: str
    extended_because: str | None
    decided_on: date | None
    decided_by: str | None
    refused_ground: str | None

    def is_overdue(self, today: date) -> bool:
        """Return whether it should have been decided."""
        return self.status == "open" and today > self.due_on

    @property
    def working_days(self) -> int | None:
        """Return in how many working days it was decided."""
        return None if self.decided_on is None else working_days_between(self.request.received_on, self.decided_on)


@dataclass(frozen=True, slots=True)
class Release:
    """What was released, as it was."""

    request: str
    at: datetime
    by: str
    profile: Profile
    language: Language
    #: The JSON document of each part.
    parts: tuple[Mapping[str, Any], ...]
    accesses: Mapping[str, str] = field(repr=False)
    sha256: str = ""


def open_request(connection: Connection, person: Person, request: Request, now: datetime) -> str:
    """Write down a request; return its number.

    Raises:
        UserError: it does not say what it must.
    """
    person.require("privacy", "lead")
    _check(request, nz_date(now))
    number = next_number(connection, _SERIES, request.received_on.year)
    row = {
        "number": number,
        "requester": request.requester,
        "requester_staff_id": request.staff_id,
        "identity_checked": request.identity_checked,
        "authority": request.authority,
        "child_turns_16_on": request.child_turns_16_on,
        "clients": orjson.dumps(request.clients).decode(),
        "one_person_because": request.one_person_because,
        "first": request.period.first,
        "last": request.period.last,
        "received_on": request.received_on,
        "due_on": add_working_days(request.received_on, DECISION_WORKING_DAYS),
        "extended_because": None,
        "status": "open",
        "decided_on": None,
        "decided_by": None,
        "refused_ground": None,
    }
    write(connection, person, now, Change(f"request:{number}", "opened", ((REQUESTS, row),)))
    return number


def _check(request: Request, today: date) -> None:
    if not request.clients or len(set(request.clients)) != len(request.clients):
        raise UserError("A request names each record once.")
    if len(request.clients) > CLIENTS_MAX:
        raise UserError(f"A request is for at most {CLIENTS_MAX} records of one person.")
    if len(request.clients) > 1 and not request.one_person_because:
        raise UserError(
            "Several records stand in one footprint only where they are one person's: say how that is known."
        )
    if not request.identity_checked.strip():
        raise UserError("Say how it was checked that the requester is who they say.")
    if request.requester != "self" and not (request.authority or "").strip():
        raise UserError(f"A request by {request.requester} needs what they act on: a mandate, an order, a will.")
    if (request.requester == "guardian") != (request.child_turns_16_on is not None):
        raise UserError("A guardian's request says on which day the child turns 16, and no other does.")
    if request.received_on > today:
        raise UserError("It was received on a day that is still to come.")
    if request.period.last.year - request.period.first.year >= YEARS_MAX:
        raise UserError(f"A request is for at most {YEARS_MAX} years.")
    _check_guardian(request, today)


def _check_guardian(request: Request, today: date) -> None:
    if request.child_turns_16_on is not None and today >= request.child_turns_16_on:
        raise UserError(f"The child is 16 since {request.child_turns_16_on}: ask the young person.")


def get(connection: Connection, number: str) -> Kept:
    """Return a request.

    Raises:
        NotPossible: there is none.
    """
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.number == number)).mappings().first()
    if row is None:
        raise NotPossible(f"There is no request {number}.")
    return _kept(row)


def listed(connection: Connection, *, status: str | None = None, limit: int = 1000) -> list[Kept]:
    """Return requests, those that are due first."""
    query = select(REQUESTS).order_by(REQUESTS.c.due_on, REQUESTS.c.number).limit(limit)
    if status is not None:
        query = query.where(REQUESTS.c.status == status)
    return [_kept(row) for row in connection.execute(query).mappings()]


def _kept(row: RowMapping) -> Kept:
    request = Request(
        requester=row["requester"],
        identity_checked=row["identity_checked"],
        clients=tuple(orjson.loads(row["clients"])),
        period=Period(row["first"], row["last"]),
        received_on=row["received_on"],
        authority=row["authority"],
        child_turns_16_on=row["child_turns_16_on"],
        staff_id=row["requester_staff_id"],
        one_person_because=row["one_person_because"],
    )
    names = ("number", "due_on", "status", "extended_because", "decided_on", "decided_by", "refused_ground")
    return Kept(request=request, **{name: row[name] for name in names})


def extend(
    connection: Connection, person: Person, number: str, *, working_days: int, because: str, now: datetime
) -> date:
    """Return the decision more time, once and before it is due; return when it is due then.

    Raises:
        NotPossible: it is decided, was extended already, or is overdue.
    """
    person.require("privacy", "lead")
    row = _open(connection, number)
    if row["extended_because"] is not None:
        raise NotPossible(f"Request {number} was extended already.")
    if nz_date(now) > row["due_on"]:
        raise NotPossible(f"Request {number} is overdue: it was to be extended by {row['due_on']}.")
    due_on = add_working_days(row["due_on"], working_days)
    changed = {**row, "due_on": due_on, "extended_because": because}
    write(connection, person, now, Change(f"request:{number}", "extended", ((REQUESTS, changed),), because))
    return due_on


def decide(
    connection: Connection,
    person: Person,
    number: str,
    event_ids: Sequence[str],
    *,
    now: datetime,
    ground: Ground | None = None,
    fields: Sequence[Field] = (),
    because: str = "",
    is_said: bool = True,
) -> None:
    """Decide about the accesses of a flagged visit: release them, or withhold them or a part of them on a ground.

    Raises:
        UserError: something is withheld without a reason, or is kept quiet on another ground than 53(c).
    """
    person.require("privacy", "lead")
    _open(connection, number)
    if ground is not None and not because.strip():
        raise UserError("What is withheld needs a reason, for the file.")
    if ground is None and fields:
        raise UserError("What is withheld needs a ground.")
    if not is_said and ground != "53(c)":
        raise UserError("Only what is withheld under 53(c) may be left out of the letter.")
    last = connection.execute(select(func.max(DECISIONS.c.number)).where(DECISIONS.c.request == number)).scalar()
    row = {
        "request": number,
        "number": (last or 0) + 1,
        "event_ids": orjson.dumps(sorted(event_ids)).decode(),
        "ground": ground,
        "fields": orjson.dumps(sorted(fields)).decode(),
        "because": because,
        "is_said": is_said,
        "by": person.staff_id,
        "at": now,
    }
    what = "withheld" if ground is not None else "released_visit"
    write(connection, person, now, Change(f"request:{number}", what, ((DECISIONS, row),), because or None))


def refuse(connection: Connection, person: Person, number: str, *, ground: str, because: str, now: datetime) -> None:
    """Refuse a request as a whole."""
    _end(connection, person, number, ("refused", ground, because), now)


def withdraw(connection: Connection, person: Person, number: str, *, because: str, now: datetime) -> None:
    """Write down that the requester wants it no more."""
    _end(connection, person, number, ("withdrawn", None, because), now)


def _end(connection: Connection, person: Person, number: str, end: tuple[str, str | None, str], now: datetime) -> None:
    status, ground, because = end
    person.require("privacy", "lead")
    row = _open(connection, number)
    decided = {"status": status, "decided_on": nz_date(now), "decided_by": person.staff_id, "refused_ground": ground}
    write(connection, person, now, Change(f"request:{number}", status, ((REQUESTS, {**row, **decided}),), because))


def _open(connection: Connection, number: str) -> RowMapping:
    row = held(connection, REQUESTS, "request", number=number)
    if row["status"] != "open":
        raise NotPossible(f"Request {number} is {row['status']} already.")
    return row


# What a footprint is made with


def facts_for(connection: Connection, answers: Sequence[Answer], clients: Sequence[str]) -> Facts:
    """Return the units' sizes, and which accesses a person has to decide about."""
    sizes = {
        row.org_unit: row.number
        for row in connection.execute(select(STAFF.c.org_unit, func.count().label("number")).group_by(STAFF.c.org_unit))
    }
    return Facts(unit_sizes=sizes, flags=flags_for(connection, answers, clients))


def flags_for(connection: Connection, answers: Sequence[Answer], clients: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return by event id why somebody has to decide: an open alert, an open case, a hold."""
    in_alerts = _events_of_alerts(connection, clients)
    in_cases, held_ones = _in_open_cases(connection), _on_hold(connection)
    found: dict[str, frozenset[str]] = {}
    for one in (row.assessment for answer in answers for row in answer.rows):
        alerts = in_alerts.get(one.event_id, {})
        own = {("access", one.event_id), ("staff", one.staff_id), ("client", one.client_id or "")}
        own |= {("alert", alert_id) for alert_id in alerts}
        flags = {"open_alert"} if "open" in alerts.values() else set()
        flags |= {"open_case"} if own & in_cases else set()
        flags |= {"hold"} if own & held_ones else set()
        if flags:
            found[one.event_id] = frozenset(flags)
    return found


def _in_open_cases(connection: Connection) -> set[tuple[str, str]]:
    """Return what open investigations are about, and what is linked to them."""
    is_open = INVESTIGATIONS.c.status != "closed"
    numbers = select(INVESTIGATIONS.c.number).where(is_open)
    links = select(LINKS.c.kind, LINKS.c.id).where(LINKS.c.case_number.in_(numbers))
    found = {(row.kind, row.id) for row in connection.execute(links)}
    for row in connection.execute(select(INVESTIGATIONS.c.staff_id, INVESTIGATIONS.c.client_id).where(is_open)):
        found |= {("staff", row.staff_id)} if row.staff_id else {("client", row.client_id)}
    return found


def _on_hold(connection: Connection) -> set[tuple[str, str]]:
    """Return the staff members and clients that a hold is on, and what belongs to a case that one is on."""
    holds = select(HOLDS.c.kind, HOLDS.c.id).where(HOLDS.c.released_at.is_(None))
    found = {(row.kind, row.id) for row in connection.execute(holds)}
    cases = [one for kind, one in found if kind == "case"]
    if cases:
        links = select(LINKS.c.kind, LINKS.c.id).where(LINKS.c.case_number.in_(cases))
        found |= {(row.kind, row.id) for row in connection.execute(links)}
    return found


def _events_of_alerts(connection: Connection, clients: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return by event id the alerts that it is in, each as ``open`` or ``closed``."""
    query = (
        select(HITS.c.event_id, ALERTS.c.alert_id, ALERTS.c.status)
        .join(ALERTS, ALERTS.c.alert_id == HITS.c.alert_id)
        .where(HITS.c.client_id.in_(clients) | ALERTS.c.client_id.in_(clients))
    )
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.event_id, {})[row.alert_id] = "closed" if row.status == "closed" else "open"
    return found


def decisions_of(connection: Connection, number: str) -> tuple[Decision, ...]:
    """Return what was decided about visits of a request, in order."""
    query = select(DECISIONS).where(DECISIONS.c.request == number).order_by(DECISIONS.c.number)
    return tuple(
        Decision(
            event_ids=frozenset(orjson.loads(row.event_ids)),
            ground=row.ground,
            fields=frozenset(orjson.loads(row.fields)),
            because=row.because,
            is_said=row.is_said,
        )
        for row in connection.execute(query)
    )


def read_accesses(
    history: HistoryReader, clients: Sequence[str], period: Period, purpose: Purpose
) -> list[tuple[Period, Answer, int]]:
    """Return what the history says of these records: in one part, or by years where that would be too much.

    Raises:
        TooManyRows: a single year has more than ``ROWS_MAX`` accesses.
    """
    try:
        parts = [(period, history.of_clients(clients, period.first, period.last, rows_max=ROWS_MAX, purpose=purpose))]
    except TooManyRows:
        if period.first.year == period.last.year:
            raise
        parts = [
            (year, history.of_clients(clients, year.first, year.last, rows_max=ROWS_MAX, purpose=purpose))
            for year in period.years()
        ]
    return [
        (one, answer, history.exports_without_client(one.first, one.last, purpose=purpose)) for one, answer in parts
    ]


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which form a footprint is wanted."""

    profile: Profile = "office"
    language: Language = "en-NZ"
    headings_also: Language | None = None
    raw: bool = False


def footprints(
    connection: Connection,
    read: Sequence[tuple[Period, Answer, int]],
    clients: Sequence[str],
    wanted: Wanted,
    *,
    kept: Kept | None,
    preview: bool,
) -> tuple[Footprint, ...]:
    """Return the footprint of what was read, in its parts.

    Raises:
        Undecided: it is no preview, and flagged visits are undecided.
    """
    facts = facts_for(connection, [answer for _, answer, _ in read], clients)
    decisions = () if kept is None else decisions_of(connection, kept.number)
    made = [
        build(
            clients,
            period,
            answer,
            Facts(
                unit_sizes=facts.unit_sizes,
                exports_without_client=exports,
                flags=facts.flags,
                decisions=decisions,
                requester_staff_id=None if kept is None else kept.request.staff_id,
            ),
            profile=wanted.profile,
            language=wanted.language,
            headings_also=wanted.headings_also,
            raw=wanted.raw,
            preview=preview,
            request=None if kept is None else kept.number,
        )
        for period, answer, exports in read
    ]
    return tuple(made) if len(made) == 1 else in_parts(made)


def release(
    connection: Connection,
    person: Person,
    number: str,
    *,
    read: Sequence[tuple[Period, Answer, int]],
    wanted: Wanted,
    now: datetime,
) -> Release:
    """Release what was read, once. From then on the request gives this, whatever the history says later.

    Raises:
        NotPossible: it was released, refused or withdrawn already.
        NotAllowed: the acting person is in it, or is who asks.
        Undecided: flagged visits are undecided.
        UserError: the child of a guardian's request is 16 by now; the profile is ``internal``.
    """
    person.require("privacy", "lead")
    row = _open(connection, number)
    kept = _kept(row)
    if wanted.profile == "internal":
        raise UserError("The profile internal is for us: a client gets office, named or date_only.")
    _check_guardian(kept.request, nz_date(now))
    actors = {each.assessment.staff_id for _, answer, _ in read for each in answer.rows}
    if person.staff_id in actors | {kept.request.staff_id}:
        raise NotAllowed(f"Request {number} is another person's to release: you stand in it, or asked for it.")
    made = footprints(connection, read, kept.request.clients, wanted, kept=kept, preview=False)
    content = orjson.dumps([footprint_json.document(one) for one in made])
    accesses = {key: code for _, answer, _ in read for key, code in reasons_by_access(answer).items()}
    complete_to = [answer.complete_to for _, answer, _ in read if answer.complete_to is not None]
    released = {
        "request": number,
        "at": now,
        "by": person.staff_id,
        "profile": wanted.profile,
        "language": wanted.language,
        "content": content.decode(),
        "accesses": orjson.dumps(accesses, option=orjson.OPT_SORT_KEYS).decode(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "complete_to": min(complete_to, default=None),
    }
    decided = {**row, "status": "released", "decided_on": nz_date(now), "decided_by": person.staff_id}
    change = Change(
        f"request:{number}",
        "released",
        ((REQUESTS, decided), (RELEASES, released)),
        detail={"sha256": released["sha256"], "profile": wanted.profile},
    )
    write(connection, person, now, change)
    return released_of(connection, number)


def released_of(connection: Connection, number: str) -> Release:
    """Return what was released.

    Raises:
        NotPossible: nothing was.
    """
    row = connection.execute(select(RELEASES).where(RELEASES.c.request == number)).mappings().first()
    if row is None:
        raise NotPossible(f"Request {number} is not released.")
    return Release(
        request=number,
        at=row["at"],
        by=row["by"],
        profile=row["profile"],
        language=row["language"],
        parts=tuple(orjson.loads(row["content"])),
        accesses=orjson.loads(row["accesses"]),
        sha256=row["sha256"],
    )


def changed_since(release: Release, read: Sequence[tuple[Period, Answer, int]]) -> Changes:
    """Return what the history says differently from what was released."""
    rows = tuple(row for _, answer, _ in read for row in answer.rows)
    return changes_since(release.accesses, Answer(rows, None))


@dataclass(frozen=True, slots=True)
class Figures:
    """How requests were dealt with, for the quarter's report and for operations."""

    received: int
    decided: int
    #: Working days from receipt to decision, of each decided one.
    days: tuple[int, ...]
    overdue: int


def figures(connection: Connection, period: Period, today: date) -> Figures:
    """Return what came in and what was decided in a period, and what is overdue today."""
    rows = [_kept(row) for row in connection.execute(select(REQUESTS)).mappings()]
    decided = [one for one in rows if one.decided_on is not None and one.decided_on in period]
    return Figures(
        received=sum(one.request.received_on in period for one in rows),
        decided=len(decided),
        days=tuple(sorted(one.working_days for one in decided if one.working_days is not None)),
        overdue=sum(one.is_overdue(today) for one in rows),
    )
