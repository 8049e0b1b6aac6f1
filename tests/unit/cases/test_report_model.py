"""Reports: what they count, and that they say what their definitions say."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from alerts.store.database import Database
from cases import access_totals, er_cases, oia_tables, releases
from cases.config import CasesConfig, load
from cases.history_port import Gap, Purpose
from cases.investigations import Desk, Opening, open_case
from cases.nz_calendar import Period
from cases.people import NotAllowed
from cases.record import verify
from cases.releases import NotReleased
from cases.report_model import HIDDEN, MUST_NOT_LEAVE, Report, all_notes, changes_between, document
from enrichment.errors import UserError
from tests.support.case_store import (
    ER,
    INVESTIGATOR,
    LEAD,
    OTHER_LEAD,
    OTHER_REPORTER,
    REPORTER,
    alerts_from,
    close_alert,
)
from tests.support.history_rows import MORNING, MemoryHistory, a_row

CONFIG = load()
YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
AS_OF = datetime(2027, 1, 31, tzinfo=UTC)
READS = Purpose("S-905", "reporter", "report", "OIA 2027/15")
TYPES = [kind.id for kind in CONFIG.er_types]
OUTCOMES = [kind.id for kind in CONFIG.er_outcomes]


def completed(store: Database, day: date, kind: int = 0, outcome: int = 0, count: int = 1) -> list[str]:
    """ER cases that were opened before and completed on a day."""
    opened_at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=20)
    numbers = []
    with store.writing() as connection:
        for _ in range(count):
            number = er_cases.open_case(connection, ER, CONFIG, staff_id="S-1", kind=TYPES[kind], now=opened_at)
            er_cases.complete(connection, ER, CONFIG, number, outcome=OUTCOMES[outcome], on=day, now=AS_OF)
            numbers.append(number)
    return numbers


def the_tables(
    store: Database, period: Period = YEAR, *, config: CasesConfig = CONFIG, begins: date | None = None
) -> Report:
    """Tables one to three."""
    with store.reading() as connection:
        return oia_tables.report(connection, config, period, as_of=AS_OF, version="1", begins=begins)


def released(store: Database, report: Report, **options: Any) -> Report:
    """The report as it leaves."""
    with store.writing() as connection:
        return releases.release(connection, REPORTER, report, options.pop("config", CONFIG), now=AS_OF, **options)


def cells(report: Report, number: int) -> dict[str, list[Any]]:
    """The rows of a table."""
    (table,) = [table for table in document(report)["tables"] if table["number"] == number]
    return {row["label"]: row["cells"] for row in table["rows"]} | {"totals": table["totals"]}


def test_table_one_counts_openings_from_data_mining(store: Database) -> None:
    """By the New Zealand date of opening: 11 p.m. UTC on 31 March is 1 April there; a complaint is not in it."""
    for at, origin in (
        (datetime(2026, 3, 31, 10, 0, tzinfo=UTC), "data_mining"),
        (datetime(2026, 3, 31, 23, 0, tzinfo=UTC), "data_mining"),
        (datetime(2026, 5, 1, tzinfo=UTC), "complaint"),
    ):
        with store.writing() as connection:
            open_case(connection, INVESTIGATOR, Opening(origin, "Why?", "S-901", staff_id="S-1"), at)  # type: ignore[arg-type]  # words of the list
    assert cells(the_tables(store), 1) == {"Investigations opened": [1, 1, 0, 0], "totals": [1, 1, 0, 0]}


def test_two_and_three_have_the_same_totals(store: Database) -> None:
    """Each case is in both, once."""
    completed(store, date(2026, 3, 31), 0, 0, 2)
    completed(store, date(2026, 4, 1), 1, 3, 7)
    completed(store, date(2026, 12, 31), 1, 4)
    completed(store, date(2025, 12, 31), 1, 4)
    report = the_tables(store)
    two, three = cells(report, 2), cells(report, 3)
    assert two["totals"] == three["totals"] == [2, 7, 0, 1]
    assert two["Record of family"] == [0, 7, 0, 1]
    assert three["Dismissed"] == [0, 0, 0, 1]
    assert document(report)["tables"][1]["total"] == document(report)["tables"][2]["total"] == 10
    assert list(report.numbers.wrong()) == []


def test_a_period_without_a_case(store: Database) -> None:
    """Rows of zeros, for every type and outcome."""
    two = cells(the_tables(store), 2)
    assert len(two) == len(TYPES) + 1
    assert {tuple(row) for row in two.values()} == {(0, 0, 0, 0)}


def test_completed_reopened_completed(store: Database) -> None:
    """Counted where it was last completed; in between it is in no table."""
    (number,) = completed(store, date(2026, 2, 2))
    with store.writing() as connection:
        er_cases.reopen(connection, ER, number, because="new facts", now=AS_OF)
    assert cells(the_tables(store), 2)["totals"] == [0, 0, 0, 0]
    with store.writing() as connection:
        er_cases.complete(connection, ER, CONFIG, number, outcome=OUTCOMES[2], on=date(2026, 8, 8), now=AS_OF)
    report = the_tables(store)
    assert cells(report, 2)["totals"] == [0, 0, 1, 0]
    assert any("last completed" in note for note in report.tables[1].notes)


def test_a_type_that_was_renamed(store: Database, tmp_path: Path) -> None:
    """One row, called as at the end of the period, with a note; one that ended before has none."""
    file = tmp_path / "cases.yaml"
    file.write_text(
        "er_types:\n"
        "  - {id: inappropriate_access_own, labels: [{text: Own file}, {text: Own record, from: 2026-07-01}]}\n"
        "  - {id: ended, labels: [{text: Ended}], to: 2025-06-30}\n"
        f"er_outcomes: [{{id: {OUTCOMES[0]}, labels: [{{text: No action}}]}}]\n"
    )
    completed(store, date(2026, 2, 2))
    report = the_tables(store, config=load(file))
    assert cells(report, 2) == {"Own record": [1, 0, 0, 0], "totals": [1, 0, 0, 0]}
    assert "Own record was called Own file at the beginning of the period." in report.tables[1].notes


def test_a_type_that_the_file_has_lost_is_still_counted(store: Database, tmp_path: Path) -> None:
    """By its id, so that the totals hold."""
    completed(store, date(2026, 2, 2), kind=3)
    file = tmp_path / "cases.yaml"
    file.write_text(
        "er_types: [{id: other, labels: [{text: Other}]}]\ner_outcomes: [{id: no_action, labels: [{text: None}]}]\n"
    )
    assert cells(the_tables(store, config=load(file)), 2)[TYPES[3]] == [1, 0, 0, 0]


def test_a_part_of_a_quarter_says_so(store: Database) -> None:
    """In its column, and as another number than the whole quarter's."""
    report = the_tables(store, Period(date(2026, 8, 15), date(2026, 11, 14)))
    assert document(report)["tables"][0]["columns"] == ["30 Sep 2026 (from 15 Aug)", "31 Dec 2026 (to 14 Nov)"]
    assert not set(report.numbers.values) & set(the_tables(store).numbers.values)


def test_a_history_that_is_younger_than_the_period(store: Database) -> None:
    """Table one says from when data mining could point to anything."""
    report = the_tables(store, begins=date(2026, 5, 1))
    assert any("2026-05-01" in note for note in report.tables[0].notes)
    assert the_tables(store, begins=date(2025, 5, 1)).tables[0].notes == ()


def test_what_is_not_released_says_that_it_must_not_leave(store: Database) -> None:
    """And its digest is in it: the same figures give the same."""
    completed(store, date(2026, 3, 31), count=2)
    counted = the_tables(store)
    assert MUST_NOT_LEAVE in all_notes(counted)
    assert document(counted)["must_not_leave"] is True
    assert document(counted)["sha256"] == document(the_tables(store))["sha256"]
    completed(store, date(2026, 3, 31))
    assert document(counted)["sha256"] != document(the_tables(store))["sha256"]


# Releases


def test_a_release_shows_no_small_number(store: Database) -> None:
    """Cells of 1 to 5 are not there, zeros are, and the note is gone."""
    for outcome in range(4):
        completed(store, date(2026, 2, 2), 0, outcome, 7)
        completed(store, date(2026, 8, 8), 1, outcome, 3 + outcome)
    report = released(store, the_tables(store))
    text = orjson.dumps(document(report)["tables"][1]["rows"]).decode()
    shown = [cell for row in document(report)["tables"] for line in row["rows"] for cell in line["cells"]]
    assert HIDDEN in shown
    assert 0 in shown
    assert not {1, 2, 3, 4, 5} & {cell for cell in shown if isinstance(cell, int)}
    assert MUST_NOT_LEAVE not in all_notes(report)
    assert "S-1" not in text
    with store.writing() as connection:
        (kept,) = releases.listed(connection)
        assert kept.sha256 == document(report)["sha256"]
        assert kept.number == "RR-2027-0001"
        assert verify(connection) == []


def test_nothing_is_left(store: Database) -> None:
    """A report whose every number is small says that it tells nothing else."""
    completed(store, date(2026, 2, 2))
    report = released(store, the_tables(store))
    assert any("too small to be shown" in note for note in all_notes(report))


def test_the_same_release_again_changes_nothing(store: Database) -> None:
    """It leaves again, hides the same, and the audit over both finds nothing."""
    completed(store, date(2026, 2, 2), 0, 0, 9)
    completed(store, date(2026, 2, 2), 1, 1, 2)
    first = released(store, the_tables(store))
    assert released(store, the_tables(store)).hidden == first.hidden


def test_one_case_more_in_a_republished_quarter(store: Database) -> None:
    """Refused, with the cells named; nothing is written into the register."""
    for kind in range(2):
        completed(store, date(2026, 2, 2), kind, kind, 10)
    released(store, the_tables(store))
    completed(store, date(2026, 2, 3), 0, 0)
    with pytest.raises(NotReleased) as refused:
        released(store, the_tables(store))
    assert any("two|inappropriate_access_own|2026-03-31" in finding.key for finding in refused.value.findings)
    assert "difference tells of a few" in str(refused.value)
    with store.reading() as connection:
        assert len(releases.listed(connection)) == 1


def test_two_persons_release_it_all_the_same(store: Database) -> None:
    """One asks with a reason, another grants; neither alone, and for these numbers only."""
    for kind in range(2):
        completed(store, date(2026, 2, 2), kind, kind, 10)
    released(store, the_tables(store))
    completed(store, date(2026, 2, 3), 0, 0)
    report = the_tables(store)
    digest = releases.digest_of(report)
    with store.writing() as connection:
        with pytest.raises(UserError, match="needs a reason"):
            releases.ask_override(connection, LEAD, digest, " ", AS_OF)
        number = releases.ask_override(connection, LEAD, digest, "corrected in public already", AS_OF)
        with pytest.raises(NotAllowed, match="cannot be both"):
            releases.grant_override(connection, LEAD, number, "me again", AS_OF)
        with pytest.raises(NotAllowed, match="role lead"):
            releases.grant_override(connection, OTHER_REPORTER, number, "no lead", AS_OF)
    with pytest.raises(NotReleased):
        released(store, report)
    with store.writing() as connection:
        releases.grant_override(connection, OTHER_LEAD, number, "agreed", AS_OF)
    released(store, report)
    with store.reading() as connection:
        assert releases.listed(connection)[0].overridden_by == OTHER_LEAD.staff_id
    completed(store, date(2026, 2, 4), 0, 0)
    with pytest.raises(NotReleased):
        released(store, the_tables(store))


def test_who_may_release(store: Database) -> None:
    """Not an investigator."""
    with store.writing() as connection, pytest.raises(NotAllowed, match="role reporter"):
        releases.release(connection, INVESTIGATOR, the_tables(store), CONFIG, now=AS_OF)


def test_random_rounding_in_the_place_of_hiding(store: Database) -> None:
    """Every number a multiple of 3, the same when asked twice; without a key nothing leaves."""
    completed(store, date(2026, 2, 2), 0, 0, 10)
    rounding = CONFIG.model_copy(update={"small_numbers": "rr3"})
    with pytest.raises(UserError, match="ACCESSWATCH_CASES_KEY"):
        released(store, the_tables(store), config=rounding)
    first = released(store, the_tables(store), config=rounding, key=b"key")
    shown = [cell for table in document(first)["tables"] for row in table["rows"] for cell in row["cells"]]
    assert all(cell % 3 == 0 for cell in shown)
    assert (
        document(released(store, the_tables(store), config=rounding, key=b"key"))["tables"] == document(first)["tables"]
    )
    assert any("rounded to base 3" in note for note in all_notes(first))


def test_what_changed_since_the_last_release(store: Database) -> None:
    """Each cell that differs, in a sentence."""
    (number,) = completed(store, date(2026, 2, 2))
    before = document(the_tables(store))
    with store.writing() as connection:
        er_cases.correct(connection, ER, CONFIG, number, kind=TYPES[1], because="misread", now=AS_OF)
    assert changes_between(before, document(the_tables(store))) == [
        "Table 2, Own record, quarter ending 2026-03-31: 1 before, 0 now.",
        "Table 2, Record of family, quarter ending 2026-03-31: 0 before, 1 now.",
    ]
    assert changes_between(before, before) == []


def test_a_table_that_is_too_large(store: Database) -> None:
    """More than forty quarters are not proven in time."""
    with pytest.raises(UserError, match="larger than 40 by 40"):
        released(store, the_tables(store, Period(date(2016, 1, 1), date(2026, 12, 31))))


# The total


ROWS = [
    a_row("EV-1"),
    a_row("EV-2", minutes=1, work=None, hits=("own-record",)),
    a_row("EV-3", staff="S-2", minutes=2, work=None, hits=("own-record", "relative-record")),
    a_row("EV-4", staff="S-3", minutes=3, work=None, hits=("relative-record",)),
    a_row("EV-5", staff="S-4", minutes=4, work=None),
    a_row("EV-6", staff="S-5", at=MORNING - timedelta(days=120)),
]


def the_total(store: Database, history: MemoryHistory, period: Period = YEAR) -> dict[str, Any]:
    """The total in the contract's form."""
    with store.reading() as connection:
        report = access_totals.report(connection, history, period, purpose=READS, as_of=AS_OF, version="1")
    return access_totals.contract_document(report)


def test_the_total(store: Database, tmp_path: Path) -> None:
    """Four numbers side by side, by quarter and by rule; an access of two rules counts once."""
    alerts = {one: alerts_from(tmp_path, row)[0] for row in ROWS[1:4] for one in (row.assessment.event_id,)}
    close_alert(tmp_path, alerts["EV-2"], "confirmed")
    close_alert(tmp_path, alerts["EV-3"], "explained")
    found = the_total(store, MemoryHistory(list(ROWS)))
    assert (found["accesses"], found["asked_about"], found["confirmed"], found["explained"], found["open"]) == (
        6, 3, 1, 2, 1,
    )  # fmt: skip
    assert found["by_rule"] == {"own-record": 2, "relative-record": 2}
    assert [quarter["accesses"] for quarter in found["by_quarter"]] == [0, 0, 1, 5]
    assert found["by_quarter"][3]["quarter_ending"] == "2026-12-31"


def test_what_a_substantiated_investigation_confirms(store: Database, tmp_path: Path) -> None:
    """The accesses of its alerts and those linked to it, each once; no other result does."""
    (alert_id,) = alerts_from(tmp_path, ROWS[1])
    with store.writing() as connection:
        opening = Opening("data_mining", "Why?", "S-901", staff_id="S-1", alerts=(alert_id,))
        number = open_case(connection, INVESTIGATOR, opening, AS_OF)
        desk = Desk(connection, INVESTIGATOR, AS_OF)
        desk.link(number, "access", "EV-5", occurred_at=MORNING)
        desk.link(number, "access", "EV-2", occurred_at=MORNING)
        assert access_totals.confirmed_in(connection, YEAR) == {}
        desk.close(number, "partly", "half of it")
        assert access_totals.confirmed_in(connection, YEAR) == {}
        desk.close(number, "substantiated", "admitted")
        assert access_totals.confirmed_in(connection, YEAR) == {date(2026, 12, 31): 2}


def test_how_far_the_total_may_be_trusted(store: Database) -> None:
    """When the history begins, and what of it was lost."""
    history = MemoryHistory(list(ROWS), gaps=(Gap(0, 10, 19, MORNING, "disk"),), begins=date(2026, 6, 1))
    with store.reading() as connection:
        report = access_totals.report(connection, history, YEAR, purpose=READS, as_of=AS_OF, version="1")
    assert any("2026-06-01" in note for note in report.notes)
    assert any("10 records of accesses were lost" in note for note in report.notes)
    assert history.log[0][0] == READS


def test_a_release_of_the_total_hides_small_numbers(store: Database, tmp_path: Path) -> None:
    """In quarters, rules and sums."""
    rows = [a_row(f"EV-{n}", minutes=n, work=None, hits=("own-record",) if n < 3 else ()) for n in range(30)]
    alerts_from(tmp_path, *rows[:3])
    with store.reading() as connection:
        report = access_totals.report(connection, MemoryHistory(rows), YEAR, purpose=READS, as_of=AS_OF, version="1")
    found = access_totals.contract_document(released(store, report))
    assert found["accesses"] == 30
    assert found["asked_about"] == HIDDEN
    assert found["by_rule"] == {"own-record": HIDDEN}
