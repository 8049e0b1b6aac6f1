"""Requests for a footprint: their clock, decisions, the one release, and what changed since."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.store.database import Database, NotPossible
from cases import requests
from cases.footprint import ROWS_MAX, Undecided
from cases.history_port import TooManyRows
from cases.nz_calendar import Period
from cases.people import NotAllowed
from cases.record import verify
from cases.render import footprint_html, footprint_json, footprint_pdf
from cases.requests import Request, Wanted
from enrichment.errors import UserError
from tests.support.case_store import (
    INVESTIGATOR,
    PRIVACY,
    a_person,
    alerts_from,
    close_alert,
    staff_register,
)
from tests.support.history_rows import READS, YEAR, MemoryHistory, a_row

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
ASKED = Request("self", "passport seen", ("C-1",), YEAR, date(2026, 12, 1))
ROWS = [
    a_row("EV-1", unit="U-BIG"),
    a_row("EV-2", staff="S-2", minutes=60, work=None, hits=("relative-record",)),
    a_row("EV-3", client="C-9"),
]


def opened(store: Database, request: Request = ASKED) -> str:
    """A request that was opened."""
    with store.writing() as connection:
        return requests.open_request(connection, PRIVACY, request, NOW)


def released(store: Database, number: str, rows: list[Any] | None = None, **options: Any) -> requests.Release:
    """What is released of these rows."""
    history = MemoryHistory(list(rows or ROWS))
    with store.writing() as connection:
        kept = requests.get(connection, number)
        read = requests.read_accesses(history, kept.request.clients, kept.request.period, READS)
        person = options.pop("person", PRIVACY)
        wanted = options.pop("wanted", Wanted())
        return requests.release(connection, person, number, read=read, wanted=wanted, now=options.pop("now", NOW))


def test_the_clock(store: Database) -> None:
    """Twenty working days, over the summer; more once, with a reason."""
    number = opened(store)
    with store.writing() as connection:
        assert number == "FR-2026-0001"
        assert requests.get(connection, number).due_on == date(2027, 1, 20)
        due = requests.extend(connection, PRIVACY, number, working_days=10, because="many records", now=NOW)
        assert due == date(2027, 2, 3)
        kept = requests.get(connection, number)
        assert kept.extended_because == "many records"
        assert not kept.is_overdue(date(2027, 2, 3))
        assert kept.is_overdue(date(2027, 2, 4))
        with pytest.raises(NotPossible, match="extended already"):
            requests.extend(connection, PRIVACY, number, working_days=10, because="more", now=NOW)


def test_what_is_overdue_is_not_extended(store: Database) -> None:
    """The law has an extension told within the time."""
    number = opened(store)
    late = datetime(2027, 1, 21, 1, 0, tzinfo=UTC)
    with store.writing() as connection, pytest.raises(NotPossible, match="overdue"):
        requests.extend(connection, PRIVACY, number, working_days=10, because="late", now=late)


MISTAKES = [
    pytest.param({"clients": ("C-1", "C-2")}, "one person's", id="two clients of one household"),
    pytest.param({"clients": ()}, "names each record", id="no record"),
    pytest.param({"clients": ("C-1", "C-1")}, "names each record", id="the same record twice"),
    pytest.param({"identity_checked": " "}, "who they say", id="nobody checked who it is"),
    pytest.param({"requester": "agent"}, "what they act on", id="an agent without authority"),
    pytest.param({"requester": "estate"}, "what they act on", id="for a deceased person, without a will"),
    pytest.param({"requester": "guardian", "authority": "birth record"}, "turns 16", id="a guardian of no age"),
    pytest.param({"child_turns_16_on": date(2030, 1, 1)}, "no other", id="an age for somebody else"),
    pytest.param(
        {"requester": "guardian", "authority": "birth record", "child_turns_16_on": date(2026, 12, 1)},
        "ask the young person",
        id="a child who is 16 today",
    ),
    pytest.param({"received_on": date(2026, 12, 2)}, "still to come", id="received tomorrow"),
    pytest.param({"period": Period(date(1990, 1, 1), date(2026, 1, 1))}, "at most 30 years", id="too long"),
]


@pytest.mark.parametrize(("changed", "expected"), MISTAKES)
def test_what_a_request_must_say(store: Database, changed: dict[str, Any], expected: str) -> None:
    """Each mistake is one sentence, and no number is used up."""
    with store.writing() as connection, pytest.raises(UserError, match=expected):
        requests.open_request(connection, PRIVACY, replace(ASKED, **changed), NOW)
    assert opened(store) == "FR-2026-0001"


def test_two_records_of_one_person(store: Database) -> None:
    """With a reason they stand in one footprint."""
    request = replace(ASKED, clients=("C-1", "C-9"), one_person_because="merged in the CMS on 3 May")
    number = opened(store, request)
    release = released(store, number, [ROWS[0], ROWS[2]])
    assert release.parts[0]["clients"] == ["C-1", "C-9"]
    assert release.parts[0]["totals"]["screens"] == 2


def test_a_release_stays_as_it_was(store: Database, tmp_path: Path) -> None:
    """Its bytes are the same in every form, whatever comes later; what changed is said beside it."""
    staff_register(tmp_path, U_BIG=10)
    number = opened(store)
    first = released(store, number)
    assert first.parts[0]["visits"][0]["unit"] == "U-BIG"
    assert first.parts[0]["preview"] is False
    with store.reading() as connection:
        again = requests.released_of(connection, number)
        assert again == first
        later = MemoryHistory([ROWS[0], a_row("EV-8", minutes=5)])
        read = requests.read_accesses(later, ("C-1",), YEAR, READS)
    footprint = footprint_json.read(again.parts[0])
    assert footprint_json.document(footprint) == again.parts[0]
    assert footprint_pdf.render(footprint) == footprint_pdf.render(footprint_json.read(first.parts[0]))
    assert "FR-2026-0001" in footprint_html.render(footprint).decode()
    changes = requests.changed_since(again, read)
    assert (changes.added, changes.gone) == (("EV-8",), ("EV-2",))


def test_the_same_rows_give_the_same_digest(tmp_path: Path) -> None:
    """In another store, at another time, released by another person."""
    from tests.support.case_store import case_store  # noqa: PLC0415 a second store

    digests = []
    for name, now in (("a", NOW), ("b", datetime(2027, 1, 5, tzinfo=UTC))):
        (tmp_path / name).mkdir()
        with case_store(tmp_path / name) as store:
            digests.append(released(store, opened(store), now=now).sha256)
    assert digests[0] == digests[1]


def test_released_once(store: Database) -> None:
    """Not again, and nothing else happens to it."""
    number = opened(store)
    released(store, number)
    with pytest.raises(NotPossible, match="released already"):
        released(store, number)
    with store.writing() as connection, pytest.raises(NotPossible, match="released already"):
        requests.withdraw(connection, PRIVACY, number, because="no more", now=NOW)


def test_not_released(store: Database) -> None:
    """A request without a release gives none."""
    number = opened(store)
    with store.reading() as connection, pytest.raises(NotPossible, match="is not released"):
        requests.released_of(connection, number)
    with store.reading() as connection, pytest.raises(NotPossible, match="no request FR-1"):
        requests.get(connection, "FR-1")


def test_an_open_alert_waits_for_a_decision(store: Database, tmp_path: Path) -> None:
    """The visit is flagged; withheld on a ground it is not there; closed, the alert flags nothing."""
    (alert_id,) = alerts_from(tmp_path, *ROWS)
    number = opened(store)
    with pytest.raises(Undecided, match=r"No\. 2"):
        released(store, number)
    with store.writing() as connection:
        read = requests.read_accesses(MemoryHistory(list(ROWS)), ("C-1",), YEAR, READS)
        assert requests.facts_for(connection, [read[0][1]], ("C-1",)).flags == {"EV-2": frozenset({"open_alert"})}
        with pytest.raises(UserError, match="needs a reason"):
            requests.decide(connection, PRIVACY, number, ["EV-2"], ground="53(c)", now=NOW)
        with pytest.raises(UserError, match="needs a ground"):
            requests.decide(connection, PRIVACY, number, ["EV-2"], fields=["time"], now=NOW)
        with pytest.raises(UserError, match="left out of the letter"):
            requests.decide(connection, PRIVACY, number, ["EV-2"], ground="53(b)", because="x", is_said=False, now=NOW)
        requests.decide(connection, PRIVACY, number, ["EV-2"], ground="53(c)", because="IC open", now=NOW)
    assert len(released(store, number).parts[0]["visits"]) == 1
    close_alert(tmp_path, alert_id, "explained")
    with store.reading() as connection:
        assert requests.facts_for(connection, [read[0][1]], ("C-1",)).flags == {}


def test_who_may_not_release(store: Database) -> None:
    """Who stands in it, who asked for it, who has another role."""
    number = opened(store, replace(ASKED, staff_id="S-77"))
    for person in (a_person("S-2", "privacy"), a_person("S-77", "lead")):
        with pytest.raises(NotAllowed, match="another person"):
            released(store, number, person=person)
    with pytest.raises(NotAllowed, match="needs the role"):
        released(store, number, person=INVESTIGATOR)
    with pytest.raises(UserError, match="internal is for us"):
        released(store, number, wanted=Wanted(profile="internal"))


def test_their_own_visits_are_theirs(store: Database) -> None:
    """A requester who is staff."""
    number = opened(store, replace(ASKED, staff_id="S-1"))
    assert released(store, number).parts[0]["visits"][0]["actor"] == "You"


def test_a_child_who_turns_16_before_the_release(store: Database) -> None:
    """From that day on the guardian is answered no more."""
    guardian = replace(ASKED, requester="guardian", authority="birth record", child_turns_16_on=date(2026, 12, 10))
    number = opened(store, guardian)
    with pytest.raises(UserError, match="ask the young person"):
        released(store, number, now=datetime(2026, 12, 10, 0, 0, tzinfo=UTC))
    assert released(store, number, now=datetime(2026, 12, 9, 0, 0, tzinfo=UTC)).sha256


def test_more_than_one_footprint_holds_comes_in_years(store: Database) -> None:
    """Each a part of its own; a year that is too large itself is refused."""

    class Bounded(MemoryHistory):
        """A history that answers with at most two rows."""

        def of_clients(self, *arguments: Any, rows_max: int, **options: Any) -> Any:
            assert rows_max == ROWS_MAX
            return super().of_clients(*arguments, rows_max=2, **options)

    rows = [a_row(f"EV-{year}-{n}", at=datetime(year, 5, 5, n, tzinfo=UTC)) for year in (2025, 2026) for n in (1, 2)]
    period = Period(date(2025, 1, 1), date(2026, 12, 31))
    read = requests.read_accesses(Bounded(rows), ("C-1",), period, READS)
    with store.reading() as connection:
        made = requests.footprints(connection, read, ("C-1",), Wanted(), kept=None, preview=True)
    assert [one.part for one in made] == [(1, 2), (2, 2)]
    assert sum(one.screens for one in made) == 4
    with pytest.raises(TooManyRows):
        requests.read_accesses(
            Bounded([*rows, a_row("EV-X", at=datetime(2025, 5, 6, tzinfo=UTC))]), ("C-1",), period, READS
        )


def test_figures(store: Database) -> None:
    """Received, decided in how many working days, overdue."""
    released(store, opened(store), now=datetime(2026, 12, 8, 1, 0, tzinfo=UTC))
    second = opened(store)
    opened(store)
    with store.writing() as connection:
        requests.refuse(connection, PRIVACY, second, ground="18(e)", because="none kept", now=NOW)
        found = requests.figures(connection, YEAR, date(2027, 3, 1))
        assert [one.number for one in requests.listed(connection, status="open")] == ["FR-2026-0003"]
    assert (found.received, found.decided, found.days, found.overdue) == (3, 2, (0, 5), 1)


def test_the_chain_holds_it_all(store: Database) -> None:
    """Nothing was changed; and what is changed by hand is found."""
    number = opened(store)
    released(store, number)
    with store.writing() as connection:
        assert verify(connection) == []
        connection.exec_driver_sql("UPDATE footprint_releases SET profile = 'named'")
        assert verify(connection) == ['A row of footprint_releases is not as it was written: ["FR-2026-0001"].']
