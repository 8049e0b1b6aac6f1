"""Investigations: numbers, links, members, notes, results; and for whom they do not exist."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from alerts.store.database import Database, NotPossible
from cases import er_cases, holds
from cases.config import load
from cases.investigations import (
    Desk,
    Opening,
    note_reopened_alerts,
    open_case,
    others_about,
    purge_notes,
)
from cases.nz_calendar import Period
from cases.people import NotAllowed, Person
from cases.record import verify
from enrichment.errors import UserError
from tests.support.case_store import (
    ER,
    INVESTIGATOR,
    LEAD,
    NOW,
    OTHER_LEAD,
    PRIVACY,
    REPORTER,
    a_person,
    alerts_from,
    close_alert,
    staff_register,
)
from tests.support.history_rows import a_row

OPENING = Opening("data_mining", "Why was this record opened?", INVESTIGATOR.staff_id, staff_id="S-1")
CONFIG = load()


def opened(store: Database, opening: Opening = OPENING, person: Person = INVESTIGATOR, now: datetime = NOW) -> str:
    """A case that was opened."""
    with store.writing() as connection:
        return open_case(connection, person, opening, now)


def numbers(store: Database, person: Person, now: datetime = NOW, *, keep_from_unit: bool = True) -> list[str]:
    """The cases that exist for a person."""
    with store.reading() as connection:
        desk = Desk(connection, person, now, keep_from_unit=keep_from_unit)
        found = [case.number for case in desk.listed()]
        for number in found:
            assert desk.get(number).number == number
        return found


def test_from_an_alert(store: Database, tmp_path: Path) -> None:
    """One alert may be in several cases; added twice it is there once, and its own history is untouched."""
    (alert_id,) = alerts_from(tmp_path, a_row("EV-1", work=None, hits=("own-record",)))
    number = opened(store, replace(OPENING, alerts=(alert_id,)))
    second = opened(store)
    with store.writing() as connection:
        desk = Desk(connection, INVESTIGATOR, NOW)
        assert desk.link(number, "alert", alert_id) is False
        assert desk.link(second, "alert", alert_id) is True
        assert [(link.kind, link.id) for link in desk.links(number)] == [("alert", alert_id)]
        assert {case.number for case in desk.listed(alert_id=alert_id)} == {number, second}
        assert [entry.what for entry in desk.entries(number)] == ["opened"]
        with pytest.raises(NotPossible, match="There is no alert al-none"):
            desk.link(number, "alert", "al-none")
        assert verify(connection) == []


def test_from_a_complaint_with_nothing_but_a_client_and_dates(store: Database) -> None:
    """No staff member is named; accesses are linked with their time."""
    period = Period(date(2026, 5, 1), date(2026, 6, 30))
    number = opened(store, Opening("complaint", "Who?", INVESTIGATOR.staff_id, client_id="C-1", period=period))
    with store.writing() as connection:
        desk = Desk(connection, INVESTIGATOR, NOW)
        case = desk.get(number)
        assert (case.client_id, case.staff_id, case.first, case.last) == ("C-1", None, period.first, period.last)
        assert desk.link(number, "access", "EV-1", occurred_at=NOW)
        with pytest.raises(UserError, match="with the time"):
            desk.link(number, "access", "EV-2")


def test_unknown_staff_and_two_cases_on_one_person(store: Database) -> None:
    """An id that is in no staff record is a subject as any; the other case is named."""
    first = opened(store, replace(OPENING, staff_id="S-UNKNOWN"))
    second = opened(store, replace(OPENING, staff_id="S-UNKNOWN"))
    assert (first, second) == ("IC-2027-0001", "IC-2027-0002")
    with store.reading() as connection:
        case = Desk(connection, INVESTIGATOR, NOW).get(second)
        assert others_about(connection, INVESTIGATOR, case, NOW, keep_from_unit=True) == [first]


MISTAKES = [
    pytest.param(replace(OPENING, client_id="C-1"), "name one of them", id="two subjects"),
    pytest.param(replace(OPENING, staff_id=None), "name one of them", id="no subject"),
    pytest.param(replace(OPENING, question=" "), "asks a question", id="no question"),
    pytest.param(replace(OPENING, lead="S-1"), "does not work on it", id="led by its subject"),
    pytest.param(replace(OPENING, members=("S-1",)), "does not work on it", id="its subject among the members"),
    pytest.param(
        replace(OPENING, members=("S-5",), keep_from=(("S-5", "manager"),)), "kept from", id="a member kept from it"
    ),
]


@pytest.mark.parametrize(("opening", "expected"), MISTAKES)
def test_what_a_case_must_say(store: Database, opening: Opening, expected: str) -> None:
    """Each mistake is one sentence."""
    with store.writing() as connection, pytest.raises(UserError, match=expected):
        open_case(connection, INVESTIGATOR, opening, NOW)


EXISTS = [
    pytest.param(INVESTIGATOR, True, id="its lead"),
    pytest.param(a_person("S-910", "investigator"), True, id="a member"),
    pytest.param(a_person("S-911", "investigator"), False, id="an investigator who is no member"),
    pytest.param(LEAD, True, id="role lead"),
    pytest.param(a_person("S-1", "lead"), False, id="the subject, whatever their role"),
    pytest.param(a_person("S-912", "lead"), False, id="the subject's manager, kept from it"),
    pytest.param(a_person("U_1.3", "lead"), False, id="somebody of the subject's unit"),
    pytest.param(a_person("U_2.3", "lead"), True, id="somebody of another unit"),
    pytest.param(PRIVACY, False, id="privacy"),
    pytest.param(ER, False, id="er"),
    pytest.param(REPORTER, False, id="reporter"),
    pytest.param(a_person("S-913", "auditor"), False, id="auditor"),
    pytest.param(a_person("S-913", "admin"), False, id="admin"),
    pytest.param(a_person("S-913", "on_call"), False, id="on call"),
]


@pytest.mark.parametrize(("person", "expected"), EXISTS)
def test_for_whom_a_case_exists(store: Database, tmp_path: Path, person: Person, expected: bool) -> None:
    """The matrix of roles and conflicts: in the list, and by its number, it is there or it never was."""
    staff_register(tmp_path, U_1=5, U_2=5)
    subject = replace(OPENING, staff_id="U_1.1") if person.staff_id.startswith("U_") else OPENING
    number = opened(store, replace(subject, members=("S-910",), keep_from=(("S-912", "manager"),)))
    assert (numbers(store, person) == [number]) is expected
    with store.writing() as connection:
        desk = Desk(connection, person, NOW)
        if not expected:
            for attempt in (desk.get, desk.links, desk.members, desk.notes, desk.entries):
                with pytest.raises(NotPossible, match=f"There is no case {number}"):
                    attempt(number)
            with pytest.raises(UserError):
                desk.note(number, "hello")


def test_the_unit_is_kept_out_where_that_is_switched_on(store: Database, tmp_path: Path) -> None:
    """A ministry may decide otherwise."""
    staff_register(tmp_path, U_1=5)
    number = opened(store, replace(OPENING, staff_id="U_1.1"))
    colleague = a_person("U_1.2", "lead")
    assert numbers(store, colleague) == []
    assert numbers(store, colleague, keep_from_unit=False) == [number]


def test_who_is_kept_from_an_alert_is_kept_from_its_case(store: Database, tmp_path: Path) -> None:
    """A case tells nobody of an alert that is about them, though the case is about a client."""
    alerts = alerts_from(tmp_path, a_row("EV-1", staff="S-930", work=None, hits=("own-record",)))
    opened(store, Opening("complaint", "Who?", INVESTIGATOR.staff_id, client_id="C-1", alerts=tuple(alerts)))
    assert numbers(store, LEAD) == ["IC-2027-0001"]
    assert numbers(store, a_person("S-930", "lead")) == []


def test_a_protected_disclosure_is_its_lead_s_alone(store: Database) -> None:
    """Not even of others with role lead; with members it is theirs too."""
    number = opened(store, replace(OPENING, origin="protected_disclosure", lead=LEAD.staff_id), LEAD)
    assert numbers(store, LEAD) == [number]
    assert numbers(store, OTHER_LEAD) == []
    assert numbers(store, INVESTIGATOR) == []
    with store.writing() as connection:
        Desk(connection, LEAD, NOW).add_member(number, OTHER_LEAD.staff_id)
    assert numbers(store, OTHER_LEAD) == [number]


def test_members_for_a_time(store: Database) -> None:
    """A temporary member sees it until then."""
    number = opened(store)
    guest = a_person("S-940", "investigator")
    with store.writing() as connection:
        Desk(connection, INVESTIGATOR, NOW).add_member(number, guest.staff_id, until=NOW + timedelta(days=7))
    assert numbers(store, guest, NOW + timedelta(days=6)) == [number]
    assert numbers(store, guest, NOW + timedelta(days=8)) == []


def test_who_may_change_who_works_on_it(store: Database) -> None:
    """Its lead, and role lead; the subject and who is kept from it never become members."""
    number = opened(store, replace(OPENING, members=("S-910",), keep_from=(("S-912", "manager"),)))
    with store.writing() as connection:
        member = Desk(connection, a_person("S-910", "investigator"), NOW)
        with pytest.raises(NotAllowed, match="Only the lead"):
            member.add_member(number, "S-950")
        desk = Desk(connection, LEAD, NOW)
        for kept in ("S-1", "S-912"):
            with pytest.raises(NotAllowed, match="kept from"):
                desk.add_member(number, kept)
        desk.add_member(number, "S-950")
        desk.remove_member(number, "S-950")
        assert desk.members(number) == ["S-901", "S-910"]
        with pytest.raises(NotAllowed, match="hands it over"):
            desk.remove_member(number, "S-901")


def test_the_lead_becomes_the_subject(store: Database) -> None:
    """Handed over by another with role lead; from then on it does not exist for them."""
    number = opened(store)
    with store.writing() as connection:
        desk = Desk(connection, LEAD, NOW)
        with pytest.raises(NotAllowed, match="hands it over"):
            desk.keep_from(number, INVESTIGATOR.staff_id, "other")
        with pytest.raises(NotAllowed, match="kept from"):
            desk.hand_over(number, "S-1", "no")
        desk.hand_over(number, LEAD.staff_id, "the lead is in its accesses")
        desk.keep_from(number, INVESTIGATOR.staff_id, "other")
        assert desk.get(number).lead == LEAD.staff_id
        assert [entry.what for entry in desk.entries(number)] == ["opened", "handed_over", "kept_from"]
        assert verify(connection) == []
    assert numbers(store, INVESTIGATOR) == []


def test_waiting_closing_correcting_reopening(store: Database) -> None:
    """Each is an entry; the same result again is none."""
    number = opened(store)
    with store.writing() as connection:
        desk = Desk(connection, INVESTIGATOR, NOW)
        desk.wait(number, "for the manager")
        assert desk.get(number).status == "waiting"
        desk.wait(number, "answered")
        desk.close(number, "not_substantiated", "work was found")
        desk.close(number, "not_substantiated", "again")
        desk.close(number, "explained", "the work item names them")
        with pytest.raises(NotPossible, match=r"is closed \(explained\)"):
            desk.link(number, "client", "C-9")
        desk.note(number, "A note may still be added.")
        desk.reopen(number, "a new alert")
        case = desk.get(number)
        assert (case.status, case.result, case.closed_at) == ("open", None, None)
        assert [entry.what for entry in desk.entries(number)] == [
            "opened", "waiting", "open", "closed", "corrected", "noted", "reopened",
        ]  # fmt: skip
        assert desk.entries(number)[4].detail["before"] == "not_substantiated"
        with pytest.raises(NotPossible, match="is not closed"):
            desk.reopen(number, "again")


def test_an_alert_that_is_opened_again_after_the_case_was_closed(store: Database, tmp_path: Path) -> None:
    """The case gets an entry, once, and no other status."""
    first = a_row("EV-1", work=None, hits=("own-record",))
    (alert_id,) = alerts_from(tmp_path, first)
    number = opened(store, replace(OPENING, alerts=(alert_id,)))
    close_alert(tmp_path, alert_id, "explained")
    with store.writing() as connection:
        Desk(connection, INVESTIGATOR, NOW - timedelta(seconds=1)).close(number, "explained", "work was found")
        assert note_reopened_alerts(connection, NOW) == 0
    alerts_from(tmp_path, a_row("EV-2", minutes=5, work=None, hits=("own-record",)))
    with store.writing() as connection:
        assert note_reopened_alerts(connection, NOW) == 1
        assert note_reopened_alerts(connection, NOW) == 0
        desk = Desk(connection, INVESTIGATOR, NOW)
        assert desk.get(number).status == "closed"
        assert desk.entries(number)[-1].what == "alert_reopened"


def test_notes(store: Database) -> None:
    """Text of at most 10,000 characters; removed after its time, but not under a hold, and the chain still holds."""
    number = opened(store)
    kept = opened(store, replace(OPENING, staff_id="S-2"))
    with store.writing() as connection:
        desk = Desk(connection, INVESTIGATOR, NOW)
        for one in (number, kept):
            desk.note(one, "Spoke to the manager.")
            desk.close(one, "explained", "work")
        with pytest.raises(UserError, match="10,000 characters"):
            desk.note(number, "x" * 10_001)
        hold = holds.place(connection, LEAD, "staff", "S-2", since=NOW.date(), authority="ERA 1/27", now=NOW)
        later = datetime(2034, 3, 1, tzinfo=UTC)
        assert purge_notes(connection, 7, datetime(2033, 12, 1, tzinfo=UTC)) == 0
        assert purge_notes(connection, 7, later) == 1
        assert [note.text for note in desk.notes(number)] == [None]
        assert [note.text for note in desk.notes(kept)] == ["Spoke to the manager."]
        assert verify(connection) == []
        holds.release(connection, OTHER_LEAD, hold, because="settled", now=later)
        assert purge_notes(connection, 7, later) == 1


def test_a_hold_is_released_by_another(store: Database) -> None:
    """Never by who placed it, nor by somebody who has not said who they are."""
    with store.writing() as connection:
        hold = holds.place(connection, LEAD, "client", "C-1", since=NOW.date(), authority="court order", now=NOW)
        assert holds.is_held(connection, "client", "C-1")
        with pytest.raises(NotAllowed, match="cannot be both"):
            holds.release(connection, LEAD, hold, because="mine", now=NOW)
        with pytest.raises(NotAllowed, match="ACCESSWATCH_ACTOR"):
            holds.release(connection, Person("root", "root", is_named=False), hold, because="x", now=NOW)
        with pytest.raises(UserError, match="authority"):
            holds.place(connection, LEAD, "client", "C-2", since=NOW.date(), authority=" ", now=NOW)
        holds.release(connection, OTHER_LEAD, hold, because="lifted", now=NOW)
        assert not holds.is_held(connection, "client", "C-1")
        assert [one.released_by for one in holds.listed(connection, in_force=False)] == [OTHER_LEAD.staff_id]
        with pytest.raises(NotPossible, match="released already"):
            holds.release(connection, OTHER_LEAD, hold, because="again", now=NOW)


# ER cases


def an_er_case(store: Database, **options: object) -> str:
    """An ER case that was opened."""
    given = {"staff_id": "S-1", "kind": "inappropriate_access_family", "now": NOW} | options
    with store.writing() as connection:
        return er_cases.open_case(connection, ER, CONFIG, **given)  # type: ignore[arg-type]  # a test's own words


def test_an_er_case_from_opening_to_completion(store: Database) -> None:
    """Completed, opened again, completed: counted where it was last completed, with each step written down."""
    number = an_er_case(store, investigation=opened(store))
    assert number == "ER-2027-0001"
    later = NOW + timedelta(days=100)
    day = date(2027, 2, 20)
    with store.writing() as connection:
        er_cases.complete(connection, ER, CONFIG, number, outcome="verbal_advice", on=day, now=later)
        with pytest.raises(NotPossible, match="is completed"):
            er_cases.complete(connection, ER, CONFIG, number, outcome="dismissed", on=day, now=later)
        quarter = Period(date(2027, 1, 1), date(2027, 3, 31))
        assert [case.number for case in er_cases.completed_in(connection, quarter)] == [number]
        er_cases.reopen(connection, ER, number, because="new facts", now=later)
        assert er_cases.completed_in(connection, quarter) == []
        er_cases.complete(connection, ER, CONFIG, number, outcome="written_warning", on=date(2027, 4, 2), now=later)
        assert er_cases.completed_in(connection, quarter) == []
        case = er_cases.get(connection, ER, number)
        assert (case.outcome, case.times_completed) == ("written_warning", 2)
        er_cases.correct(connection, ER, CONFIG, number, kind="inappropriate_access_own", because="misread", now=later)
        assert er_cases.get(connection, ER, number).type == "inappropriate_access_own"
        from cases.record import entries_of  # noqa: PLC0415 beside what it shows

        told = entries_of(connection, f"er:{number}")
        assert [entry.what for entry in told] == ["opened", "completed", "reopened", "completed", "corrected"]
        assert told[-1].detail["before"] == {"type": "inappropriate_access_family"}
        assert verify(connection) == []


WRONG: list[tuple[Callable[..., object], str]] = [
    (lambda c, n: er_cases.complete(c, ER, CONFIG, n, outcome="shot", on=NOW.date(), now=NOW), "no outcome shot"),
    (
        lambda c, n: er_cases.complete(c, ER, CONFIG, n, outcome="no_action", on=date(2020, 1, 1), now=NOW),
        "between its opening and today",
    ),
    (
        lambda c, n: er_cases.complete(c, ER, CONFIG, n, outcome="no_action", on=date(2027, 2, 9), now=NOW),
        "between its opening and today",
    ),
    (lambda c, n: er_cases.correct(c, ER, CONFIG, n, because=" ", now=NOW), "needs a reason"),
    (lambda c, n: er_cases.correct(c, ER, CONFIG, n, outcome="dismissed", because="x", now=NOW), "not completed"),
    (lambda c, n: er_cases.reopen(c, ER, n, because="x", now=NOW), "is not completed"),
    (lambda c, n: er_cases.get(c, a_person("S-1", "er"), n), "There is no ER case"),
    (lambda c, n: er_cases.get(c, INVESTIGATOR, n), "needs the role er"),
    (lambda c, _: er_cases.get(c, ER, "ER-1"), "There is no ER case ER-1"),
    (
        lambda c, _: er_cases.open_case(c, ER, CONFIG, staff_id=ER.staff_id, kind="inappropriate_access_own", now=NOW),
        "whom it is about",
    ),
    (
        lambda c, _: er_cases.open_case(c, ER, CONFIG, staff_id="S-1", kind="sleeping", now=NOW),
        "no type sleeping",
    ),
    (
        lambda c, _: er_cases.open_case(
            c, ER, CONFIG, staff_id="S-1", kind="inappropriate_access_own", now=NOW, investigation="IC-1"
        ),
        "no case IC-1",
    ),
]


@pytest.mark.parametrize(("attempt", "expected"), WRONG)
def test_what_an_er_case_refuses(store: Database, attempt: Callable[..., object], expected: str) -> None:
    """Each in one sentence."""
    number = an_er_case(store)
    with store.writing() as connection, pytest.raises(UserError, match=expected):
        attempt(connection, number)


def test_whom_an_er_case_is_about_does_not_see_it(store: Database) -> None:
    """In the list neither."""
    number = an_er_case(store)
    with store.reading() as connection:
        assert [case.number for case in er_cases.listed(connection, ER)] == [number]
        assert er_cases.listed(connection, a_person("S-1", "er")) == []
