"""Asking by lot: who is drawn, that it is fair, and what follows from the answers."""

from datetime import date
from math import comb

import pytest

from alerts.store.database import Database
from cases.nz_calendar import Period
from cases.sampling import Estimate, draw, drawn_from, estimate, is_drawn
from tests.support.case_store import NOW
from tests.support.history_rows import a_row

DAY = date(2026, 11, 20)


def test_a_draw_is_the_same_for_ever() -> None:
    """A hash of the event id alone."""
    drawn = [number for number in range(20_000) if is_drawn(f"EV-{number}", 2)]
    assert drawn[:3] == [number for number in range(drawn[2] + 1) if is_drawn(f"EV-{number}", 2)]
    assert 20 <= len(drawn) <= 60
    assert not any(is_drawn(f"EV-{number}", 0) for number in range(1_000))
    assert all(is_drawn(f"EV-{number}", 1_000) for number in range(1_000))


def test_only_unexplained_visits_are_drawn() -> None:
    """A visit is drawn by its first access, once, whatever comes after it."""
    rows = [
        a_row("EV-1"),
        a_row("EV-2", staff="S-2", work=None),
        a_row("EV-3", staff="S-2", work=None, minutes=5),
        a_row("EV-4", staff="S-3", work=None, channel="batch"),
    ]
    visits, unexplained = drawn_from(rows, 1_000)
    assert [visit.event_ids for visit in visits] == [("EV-2", "EV-3")]
    assert unexplained == 1


def test_a_day_is_drawn_once(store: Database) -> None:
    """Asked again, it gives nobody."""
    rows = [a_row(f"EV-{number}", staff=f"S-{number}", work=None) for number in range(50)]
    with store.writing() as connection:
        assert len(draw(connection, DAY, rows, 1_000, NOW)) == 50
        assert draw(connection, DAY, rows, 1_000, NOW) == []
        found = estimate(connection, Period(DAY, DAY))
    assert (found.unexplained, found.drawn, found.answered) == (50, 50, 0)


def test_nobody_answered() -> None:
    """Then nothing is said."""
    found = Estimate(1_000, 2, 0, 0)
    assert (found.share, found.interval, found.visits) == (None, None, None)


@pytest.mark.parametrize(("no_work", "low", "high"), [(0, 0.0, 0.0370), (1, 0.0018, 0.0545), (50, 0.4038, 0.5962)])
def test_the_interval_is_wilsons(no_work: int, low: float, high: float) -> None:
    """Numbers computed elsewhere, for a hundred answers."""
    found = Estimate(10_000, 100, 100, no_work).interval
    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_interval_holds_the_truth_about_95_times_in_100(share: float) -> None:
    """The exact coverage over every possible sample of two hundred."""
    number = 200
    covered = 0.0
    for hits in range(number + 1):
        low, high = Estimate(0, number, number, hits).interval or (0.0, 0.0)
        if low <= share <= high:
            covered += comb(number, hits) * share**hits * (1 - share) ** (number - hits)
    assert 0.92 < covered < 0.99


def test_the_estimate_is_of_all_unexplained_visits() -> None:
    """So many of them, from so many."""
    found = Estimate(unexplained=50_000, drawn=100, answered=100, no_work=10)
    assert found.share == pytest.approx(0.1)
    low, high = found.visits or (0, 0)
    assert low < 5_000 < high
