"""Visits: accesses that belong together, as the contract has it."""

from datetime import UTC, datetime

import pytest

from cases.history_port import Row
from cases.visits import reason_code, visits_of
from tests.support.history_rows import a_row

CASES = [
    pytest.param([a_row("E-1"), a_row("E-2", minutes=30)], ["E-1 E-2"], id="30 minutes apart: one visit"),
    pytest.param([a_row("E-1"), a_row("E-2", minutes=30.01)], ["E-1", "E-2"], id="more than 30 minutes: two"),
    pytest.param(
        [a_row("E-1"), a_row("E-2", minutes=20), a_row("E-3", minutes=40)],
        ["E-1 E-2 E-3"],
        id="the gap counts, not the length",
    ),
    pytest.param([a_row("E-1"), a_row("E-2", staff="S-2")], ["E-1", "E-2"], id="two people: two"),
    pytest.param(
        [a_row("E-1"), a_row("E-2", minutes=1, work=None), a_row("E-3", minutes=2)],
        ["E-1", "E-2", "E-3"],
        id="another reason begins another visit, and so does the one before when it comes again",
    ),
    pytest.param(
        [a_row("E-1"), a_row("E-2", minutes=1, staff="S-2"), a_row("E-3", minutes=2)],
        ["E-1 E-3", "E-2"],
        id="somebody else between them parts nothing",
    ),
    pytest.param(
        [a_row("E-1", channel="batch", work=None), a_row("E-2", minutes=600, channel="batch", work=None)],
        ["E-1 E-2"],
        id="a batch is one visit a day",
    ),
    pytest.param(
        [a_row("E-1", channel="batch", work=None), a_row("E-2", minutes=900, channel="batch", work=None)],
        ["E-1", "E-2"],
        id="and another the day after",
    ),
    pytest.param(
        [a_row("E-1", channel="batch", work="review"), a_row("E-2", minutes=600, channel="batch", work="review")],
        ["E-1", "E-2"],
        id="a batch that work explains is a visit as any other",
    ),
    pytest.param(
        [a_row("E-1"), a_row("E-2", minutes=5, client="C-2")],
        ["E-1 E-2"],
        id="two records of one person: one visit",
    ),
    pytest.param([a_row("E-2"), a_row("E-1")], ["E-1 E-2"], id="at the same time: by event id"),
    pytest.param([a_row("E-1"), a_row("E-1")], ["E-1"], id="an access counts once"),
    pytest.param([], [], id="none"),
]


@pytest.mark.parametrize(("rows", "expected"), CASES)
def test_visits(rows: list[Row], expected: list[str]) -> None:
    """Each visit as the event ids in it."""
    assert expected == [" ".join(visit.event_ids) for visit in visits_of(rows)]


def test_order_of_the_rows_does_not_matter() -> None:
    """Rows that come in another order make the same visits."""
    rows = [a_row(f"E-{number}", minutes=number * 7, staff=f"S-{number % 3}") for number in range(30)]
    assert [v.event_ids for v in visits_of(rows)] == [v.event_ids for v in visits_of(reversed(rows))]


def test_a_visit_over_the_repeated_hour() -> None:
    """When clocks go back, the hour that comes twice is two hours: 02:50 NZDT and 02:10 NZST are 20 minutes apart."""
    first = datetime(2026, 4, 4, 13, 50, tzinfo=UTC)
    second = datetime(2026, 4, 4, 14, 10, tzinfo=UTC)
    (visit,) = visits_of([a_row("E-2", at=second), a_row("E-1", at=first)])
    assert visit.event_ids == ("E-1", "E-2")


def test_sections_and_actions_are_united_in_one_order() -> None:
    """What was shown and done, each once, as the contract lists it."""
    (visit,) = visits_of(
        [
            a_row("E-1", sections=("medical", "identity"), action="print"),
            a_row("E-2", minutes=1, sections=("address", "identity")),
        ]
    )
    assert visit.sections == ("identity", "address", "medical")
    assert visit.actions == ("view", "print")


def test_without_details_of_the_access() -> None:
    """An assessment of an older release has no channel: it is unexplained, and nothing is known to have been shown."""
    row = a_row("E-1", work=None)
    row.assessment.access = None
    row.assessment.actor = None
    (visit,) = visits_of([row])
    assert (visit.code, visit.sections, visit.actor) == ("unexplained", (), None)
    assert reason_code(row.assessment) == "unexplained"
