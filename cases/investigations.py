"""Investigations of Internal Integrity: a question about accesses, who works on it, what belongs to it, its result.

A case links alerts, accesses and people: nothing is merged or copied, and an alert's history stays its own. Whom a case
is about, and who is kept from it, does not learn that it exists: not in lists, counts or searches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, false, func, not_, or_, select

from alerts.store.database import NotPossible
from alerts.store.queries import may_see as may_see_alerts
from alerts.store.tables import ALERTS, HISTORY, STAFF, chunks
from cases.nz_calendar import Period
from cases.people import NotAllowed, Person
from cases.record import Change, Entry, entries_of, held, next_number, write
from cases.tables import HOLDS, INVESTIGATIONS, KEPT_FROM, LINKS, MEMBERS, NOTES
from enrichment.errors import UserError
from enrichment.nz_time import nz_date

Origin = Literal[
    "data_mining", "complaint", "footprint_request", "manager_concern", "self_report", "protected_disclosure", "other",
]  # fmt: skip
Status = Literal["open", "waiting", "closed"]
Result = Literal["substantiated", "partly", "not_substantiated", "explained", "no_further_action"]
LinkKind = Literal["alert", "access", "staff", "client", "case"]
Because = Literal["manager", "unit", "owner", "other"]
ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)
RESULTS: Final[tuple[Result, ...]] = get_args(Result)
LINK_KINDS: Final[tuple[LinkKind, ...]] = get_args(LinkKind)
#: What a report counts as found: the accesses of such a case count as confirmed.
SUBSTANTIATED: Final = "substantiated"
QUESTION_CHARACTERS_MAX: Final = 2_000
NOTE_CHARACTERS_MAX: Final = 10_000
#: Alerts, accesses and people of one case.
LINKS_MAX: Final = 100_000
_SERIES: Final = "IC"
#: Who writes what nobody did: an alert of a closed case that was opened again.
SERVICE: Final = Person("accesswatch", "service")


@dataclass(frozen=True, slots=True)
class Opening:
    """What an investigation begins with: a client id and dates are enough."""

    origin: Origin
    question: str
    lead: str
    staff_id: str | None = None
    client_id: str | None = None
    period: Period | None = None
    alerts: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    keep_from: tuple[tuple[str, Because], ...] = ()
    is_covert: bool = False


@dataclass(frozen=True, slots=True)
class Investigation:
    """An investigation as it stands."""

    number: str
    opened_at: datetime
    opened_on: date
    origin: Origin
    staff_id: str | None
    client_id: str | None
    first: date | None
    last: date | None
    question: str
    lead: str
    status: Status
    result: Result | None
    closed_at: datetime | None
    is_covert: bool


@dataclass(frozen=True, slots=True)
class Link:
    """Something that belongs to a case."""

    kind: LinkKind
    id: str
    occurred_at: datetime | None
    added_at: datetime
    added_by: str


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down; the text is None where it was removed after its time."""

    note_id: str
    at: datetime
    by: str
    text: str | None


def subject_of(number: str) -> str:
    """Return how the chain calls a case."""
    return f"case:{number}"


def open_case(connection: Connection, person: Person, opening: Opening, now: datetime) -> str:
    """Open an investigation; return its number.

    Raises:
        UserError: it does not say what it must, or its lead is whom it is about.
    """
    person.require("investigator", "lead")
    _check(opening)
    number = next_number(connection, _SERIES, nz_date(now).year)
    row = {
        "number": number,
        "opened_at": now,
        "opened_on": nz_date(now),
        "origin": opening.origin,
        "staff_id": opening.staff_id,
        "client_id": opening.client_id,
        "first": None if opening.period is None else opening.period.first,
        "last": None if opening.period is None else opening.period.last,
        "question": opening.question,
        "lead": opening.lead,
        "status": "open",
        "result": None,
        "closed_at": None,
        "is_covert": opening.is_covert,
    }
    rows: list[tuple[Any, dict[str, Any]]] = [(INVESTIGATIONS, row)]
    rows += [
        (LINKS, _link(number, "alert", one, occurred_at=None, person=person, now=now))
        for one in dict.fromkeys(opening.alerts)
    ]
    rows += [(MEMBERS, _member(number, one, now)) for one in dict.fromkeys((opening.lead, *opening.members))]
    rows += [
        (KEPT_FROM, {"case_number": number, "staff_id": one, "because": because}) for one, because in opening.keep_from
    ]
    write(connection, person, now, Change(subject_of(number), "opened", tuple(rows)))
    return number


def _check(opening: Opening) -> None:
    if (opening.staff_id is None) == (opening.client_id is None):
        raise UserError("An investigation is about a staff member or about a client's record: name one of them.")
    if not opening.question.strip() or len(opening.question) > QUESTION_CHARACTERS_MAX:
        raise UserError(f"An investigation asks a question, in at most {QUESTION_CHARACTERS_MAX:,} characters.")
    if opening.staff_id in {opening.lead, *opening.members}:
        raise UserError("Whom an investigation is about does not work on it.")
    if {one for one, _ in opening.keep_from} & {opening.lead, *opening.members}:
        raise UserError("Who is kept from an investigation does not work on it.")


def visible(person: Person, now: datetime, *, keep_from_unit: bool) -> ColumnElement[bool]:
    """Return the condition under which an investigation exists for a person.

    Not for its subject, who is kept from it, a colleague of the subject's unit, or who is kept from one of its alerts.
    An investigation that came from a protected disclosure exists for its lead and members only; any other for role lead
    too.
    """
    me, case = person.staff_id, INVESTIGATIONS.c
    mine = or_(case.lead == me, _is_member(me, now))
    hidden_alerts = select(ALERTS.c.alert_id).where(not_(and_(*may_see_alerts(me))))
    linked = select(LINKS.c.case_number).where(LINKS.c.kind == "alert", LINKS.c.id.in_(hidden_alerts))
    kept = select(KEPT_FROM.c.case_number).where(KEPT_FROM.c.staff_id == me)
    conditions = [
        or_(case.staff_id.is_(None), case.staff_id != me),
        case.number.not_in(kept),
        case.number.not_in(linked),
    ]
    if keep_from_unit:
        unit = select(STAFF.c.org_unit).where(STAFF.c.staff_id == me).scalar_subquery()
        same = exists().where(STAFF.c.staff_id == case.staff_id, STAFF.c.org_unit == unit)
        conditions.append(not_(same))
    see_all = or_(case.origin != "protected_disclosure", mine) if person.may("lead") else false()
    conditions.append(or_(mine, see_all))
    return and_(*conditions)


def _is_member(staff_id: str, now: datetime) -> ColumnElement[bool]:
    mine = and_(MEMBERS.c.staff_id == staff_id, MEMBERS.c.removed_at.is_(None))
    until = or_(MEMBERS.c.until.is_(None), MEMBERS.c.until > now)
    return INVESTIGATIONS.c.number.in_(select(MEMBERS.c.case_number).where(mine, until))


class Desk:
    """What one person sees and does with investigations, in one transaction."""

    def __init__(self, connection: Connection, person: Person, now: datetime, *, keep_from_unit: bool = True) -> None:
        self._connection = connection
        self._person = person
        self._now = now
        self._visible = visible(person, now, keep_from_unit=keep_from_unit)

    def listed(
        self,
        *,
        status: Status | None = None,
        staff_id: str | None = None,
        alert_id: str | None = None,
        limit: int = 1000,
    ) -> list[Investigation]:
        """Return investigations, the newest first."""
        query = select(INVESTIGATIONS).where(self._visible).order_by(INVESTIGATIONS.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(INVESTIGATIONS.c.status == status)
        if staff_id is not None:
            query = query.where(INVESTIGATIONS.c.staff_id == staff_id)
        if alert_id is not None:
            of_alert = select(LINKS.c.case_number).where(LINKS.c.kind == "alert", LINKS.c.id == alert_id)
            query = query.where(INVESTIGATIONS.c.number.in_(of_alert))
        return [Investigation(**row) for row in self._connection.execute(query).mappings()]

    def get(self, number: str) -> Investigation:
        """Return an investigation.

        Raises:
            NotPossible: there is none, or none for this person: the sentence is the same.
        """
        query = select(INVESTIGATIONS).where(INVESTIGATIONS.c.number == number, self._visible)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            raise NotPossible(f"There is no case {number}.")
        return Investigation(**row)

    def links(self, number: str) -> list[Link]:
        """Return what belongs to it, in the order in which it was added."""
        self.get(number)
        query = select(LINKS).where(LINKS.c.case_number == number).order_by(LINKS.c.added_at, LINKS.c.kind, LINKS.c.id)
        return [
            Link(row.kind, row.id, row.occurred_at, row.added_at, row.added_by)
            for row in self._connection.execute(query)
        ]

    def members(self, number: str) -> list[str]:
        """Return who works on it today."""
        self.get(number)
        query = select(MEMBERS.c.staff_id).where(MEMBERS.c.case_number == number, MEMBERS.c.removed_at.is_(None))
        return list(self._connection.execute(query.order_by(MEMBERS.c.staff_id)).scalars())

    def notes(self, number: str) -> list[Note]:
        """Return what was written down, the oldest first."""
        self.get(number)
        query = select(NOTES).where(NOTES.c.case_number == number).order_by(NOTES.c.at, NOTES.c.note_id)
        return [Note(row.note_id, row.at, row.by, row.text) for row in self._connection.execute(query)]

    def entries(self, number: str) -> list[Entry]:
        """Return what was done, the oldest first."""
        self.get(number)
        return entries_of(self._connection, subject_of(number))

    # What is done

    def link(self, number: str, kind: LinkKind, id_: str, *, occurred_at: datetime | None = None) -> bool:
        """Link something to it; return whether that is new.

        Raises:
            NotPossible: there is no such alert, or the case has ``LINKS_MAX`` links.
        """
        self._work_on(number)
        query = select(LINKS.c.id).where(LINKS.c.case_number == number, LINKS.c.kind == kind, LINKS.c.id == id_)
        if self._connection.execute(query).first() is not None:
            return False
        if kind == "alert":
            seen = select(ALERTS.c.alert_id).where(ALERTS.c.alert_id == id_, *may_see_alerts(self._person.staff_id))
            if self._connection.execute(seen).first() is None:
                raise NotPossible(f"There is no alert {id_}.")
        if kind == "access" and occurred_at is None:
            raise UserError("An access is linked with the time at which it was made.")
        count = select(func.count()).select_from(LINKS).where(LINKS.c.case_number == number)
        if self._connection.execute(count).scalar_one() >= LINKS_MAX:
            raise NotPossible(f"A case has at most {LINKS_MAX:,} links.")
        row = _link(number, kind, id_, occurred_at=occurred_at, person=self._person, now=self._now)
        write(self._connection, self._person, self._now, Change(subject_of(number), "linked", ((LINKS, row),)))
        return True

    def add_member(self, number: str, staff_id: str, *, until: datetime | None = None) -> None:
        """Let somebody work on it, for a time or until it ends.

        Raises:
            NotAllowed: the acting person is not its lead; the case is about the new member, or kept from them.
        """
        case = self._lead(number)
        kept = select(KEPT_FROM.c.staff_id).where(KEPT_FROM.c.case_number == number, KEPT_FROM.c.staff_id == staff_id)
        if staff_id == case["staff_id"] or self._connection.execute(kept).first() is not None:
            raise NotAllowed(f"Case {number} is kept from this person.")
        row = _member(number, staff_id, self._now) | {"until": until}
        write(self._connection, self._person, self._now, Change(subject_of(number), "member_added", ((MEMBERS, row),)))

    def remove_member(self, number: str, staff_id: str) -> None:
        """Let somebody work on it no more.

        Raises:
            NotAllowed: the acting person is not its lead, or the member is: hand it over first.
        """
        case = self._lead(number)
        if staff_id == case["lead"]:
            raise NotAllowed(f"The lead of case {number} hands it over first.")
        row = held(self._connection, MEMBERS, "member", case_number=number, staff_id=staff_id)
        gone = {**row, "removed_at": self._now}
        write(
            self._connection, self._person, self._now, Change(subject_of(number), "member_removed", ((MEMBERS, gone),))
        )

    def hand_over(self, number: str, to: str, because: str) -> None:
        """Hand it to another lead: theirs to do, and anybody's with role lead, as where the lead becomes its subject.

        What the one before has read stays in the reading log.
        """
        case = self._lead(number)
        if to == case["staff_id"]:
            raise NotAllowed(f"Case {number} is kept from this person.")
        rows = ((INVESTIGATIONS, {**case, "lead": to}), (MEMBERS, _member(number, to, self._now)))
        write(self._connection, self._person, self._now, Change(subject_of(number), "handed_over", rows, because))

    def keep_from(self, number: str, staff_id: str, because: Because) -> None:
        """Let a case not exist for somebody from now on; who works on it leaves it.

        Raises:
            NotAllowed: it is its lead, who hands it over first.
        """
        case = self._lead(number)
        if staff_id == case["lead"]:
            raise NotAllowed(f"The lead of case {number} hands it over first.")
        rows: list[tuple[Any, dict[str, Any]]] = [
            (KEPT_FROM, {"case_number": number, "staff_id": staff_id, "because": because})
        ]
        mine = MEMBERS.c.case_number == number, MEMBERS.c.staff_id == staff_id, MEMBERS.c.removed_at.is_(None)
        member = self._connection.execute(select(MEMBERS).where(*mine)).mappings().first()
        if member is not None:
            rows.append((MEMBERS, {**member, "removed_at": self._now}))
        write(self._connection, self._person, self._now, Change(subject_of(number), "kept_from", tuple(rows)))

    def note(self, number: str, text: str) -> None:
        """Write something down about it."""
        self._work_on(number, closed_too=True)
        if not text.strip() or len(text) > NOTE_CHARACTERS_MAX:
            raise UserError(f"A note is a text of at most {NOTE_CHARACTERS_MAX:,} characters.")
        row = {
            "note_id": str(uuid4()),
            "case_number": number,
            "at": self._now,
            "by": self._person.staff_id,
            "text": text,
        }
        write(self._connection, self._person, self._now, Change(subject_of(number), "noted", ((NOTES, row),)))

    def wait(self, number: str, because: str) -> None:
        """Write down that it waits for something, or goes on where it waited."""
        case = self._work_on(number)
        status = "open" if case["status"] == "waiting" else "waiting"
        row = ((INVESTIGATIONS, {**case, "status": status}),)
        write(self._connection, self._person, self._now, Change(subject_of(number), status, row, because))

    def close(self, number: str, result: Result, because: str) -> None:
        """Close it with its result; another result on a closed one corrects it."""
        case = self._work_on(number, closed_too=True)
        if case["status"] == "closed" and case["result"] == result:
            return
        what = "corrected" if case["status"] == "closed" else "closed"
        row = {**case, "status": "closed", "result": result, "closed_at": case["closed_at"] or self._now}
        detail = {"result": result, "before": case["result"]}
        write(
            self._connection,
            self._person,
            self._now,
            Change(subject_of(number), what, ((INVESTIGATIONS, row),), because, detail),
        )

    def reopen(self, number: str, because: str) -> None:
        """Open a closed one again."""
        case = self._work_on(number, closed_too=True)
        if case["status"] != "closed":
            raise NotPossible(f"Case {number} is not closed.")
        row = {**case, "status": "open", "result": None, "closed_at": None}
        change = Change(subject_of(number), "reopened", ((INVESTIGATIONS, row),), because, {"before": case["result"]})
        write(self._connection, self._person, self._now, change)

    def _work_on(self, number: str, *, closed_too: bool = False) -> RowMapping:
        """Return the row, held, if the person may work on it."""
        self._person.require("investigator", "lead")
        self.get(number)
        row = held(self._connection, INVESTIGATIONS, "case", number=number)
        if row["status"] == "closed" and not closed_too:
            raise NotPossible(f"Case {number} is closed ({row['result']}).")
        return row

    def _lead(self, number: str) -> RowMapping:
        row = self._work_on(number, closed_too=True)
        if self._person.staff_id != row["lead"] and not self._person.may("lead"):
            raise NotAllowed(f"Only the lead of case {number} may do this.")
        return row


def _link(
    number: str, kind: LinkKind, id_: str, *, occurred_at: datetime | None, person: Person, now: datetime
) -> dict[str, Any]:
    added = {"added_at": now, "added_by": person.staff_id}
    return {"case_number": number, "kind": kind, "id": id_, "occurred_at": occurred_at, **added}


def _member(number: str, staff_id: str, now: datetime) -> dict[str, Any]:
    return {"case_number": number, "staff_id": staff_id, "added_at": now, "until": None, "removed_at": None}


def note_reopened_alerts(connection: Connection, now: datetime) -> int:
    """Write into closed cases which of their alerts were opened again; return how many that were.

    The case keeps its status: whether it is opened again too is a person's to say.
    """
    opened = (
        select(LINKS.c.case_number, LINKS.c.id, func.max(HISTORY.c.id).label("entry"))
        .join(INVESTIGATIONS, INVESTIGATIONS.c.number == LINKS.c.case_number)
        .join(HISTORY, HISTORY.c.alert_id == LINKS.c.id)
        .where(
            LINKS.c.kind == "alert",
            INVESTIGATIONS.c.status == "closed",
            HISTORY.c.what == "reopened",
            HISTORY.c.at > INVESTIGATIONS.c.closed_at,
        )
        .group_by(LINKS.c.case_number, LINKS.c.id)
    )
    written = 0
    for row in connection.execute(opened).all():
        told = {
            (entry.detail.get("alert"), entry.detail.get("entry"))
            for entry in entries_of(connection, subject_of(row.case_number))
        }
        if (row.id, row.entry) not in told:
            change = Change(subject_of(row.case_number), "alert_reopened", detail={"alert": row.id, "entry": row.entry})
            write(connection, SERVICE, now, change)
            written += 1
    return written


def others_about(
    connection: Connection, person: Person, case: Investigation, now: datetime, *, keep_from_unit: bool
) -> Sequence[str]:
    """Return the numbers of other investigations about the same person or record."""
    about = (
        INVESTIGATIONS.c.staff_id == case.staff_id
        if case.staff_id is not None
        else INVESTIGATIONS.c.client_id == case.client_id
    )
    query = select(INVESTIGATIONS.c.number).where(
        about, INVESTIGATIONS.c.number != case.number, visible(person, now, keep_from_unit=keep_from_unit)
    )
    return connection.execute(query.order_by(INVESTIGATIONS.c.number)).scalars().all()


def purge_notes(connection: Connection, kept_years: int, now: datetime) -> int:
    """Remove the text of notes of cases that were closed long ago and are under no hold; return of how many notes."""
    before = now - timedelta(days=365 * kept_years + kept_years // 4)
    holds = {(row.kind, row.id) for row in connection.execute(
        select(HOLDS.c.kind, HOLDS.c.id).where(HOLDS.c.released_at.is_(None))
    )}  # fmt: skip
    query = select(INVESTIGATIONS).where(INVESTIGATIONS.c.status == "closed", INVESTIGATIONS.c.closed_at < before)
    purged = 0
    for case in connection.execute(query).mappings().all():
        own = {("case", case["number"]), ("staff", case["staff_id"]), ("client", case["client_id"])}
        if own & holds:
            continue
        mine = NOTES.c.case_number == case["number"], NOTES.c.text.is_not(None)
        notes = [dict(row) | {"text": None} for row in connection.execute(select(NOTES).where(*mine)).mappings()]
        if notes:
            change = Change(subject_of(case["number"]), "notes_removed", tuple((NOTES, note) for note in notes))
            write(connection, SERVICE, now, change)
            purged += len(notes)
    return purged


def staff_under_investigation(connection: Connection, staff_ids: Sequence[str]) -> set[str]:
    """Return those of some staff ids about whom an investigation is open."""
    found: set[str] = set()
    for some in chunks(staff_ids):
        query = select(INVESTIGATIONS.c.staff_id).where(
            INVESTIGATIONS.c.staff_id.in_(some), INVESTIGATIONS.c.status != "closed"
        )
        found |= set(connection.execute(query).scalars())
    return found
