"""An alert's id is a pure function of whom it is about and the day, the same on any machine and for ever."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import alert_id

DAY = date(2026, 11, 20)

IDS = [
    pytest.param("al-ncdwdejjqbtdaekvd62n", "S-1", "C-1", DAY, id="a pair"),
    pytest.param("al-jpscxqnjfbd452ikkgok", "S-1", None, DAY, id="an actor"),
    pytest.param("al-e3z2repo4mntikdwcc57", "S-āé", "C-😀", DAY, id="ids beyond ASCII"),
    pytest.param("al-rhpwnhtu3d3fq4ftmhbp", "S-1", "C-1", date(1, 1, 1), id="the calendar's beginning"),
]


@pytest.mark.parametrize(("expected", "staff_id", "client_id", "day"), IDS)
def test_these_ids_never_change(expected: str, staff_id: str, client_id: str | None, day: date) -> None:
    """A release that changed one would raise every open alert a second time."""
    assert expected == alert_id(staff_id, client_id, day)


ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)
subjects = st.tuples(ids, st.none() | ids, st.dates())


@settings(deadline=None)
@given(subjects, subjects)
def test_two_subjects_never_share_an_id(one: tuple[str, str | None, date], other: tuple[str, str | None, date]) -> None:
    """And one subject has one."""
    assert (one == other) == (alert_id(*one) == alert_id(*other))


LOOK_ALIKES = [
    pytest.param(("a", "bc", DAY), ("ab", "c", DAY), id="the same letters, cut elsewhere"),
    pytest.param(("a", None, DAY), ("a", "null", DAY), id="no client, and a client called null"),
    pytest.param(("a", None, DAY), ("a", "None", DAY), id="or None"),
    pytest.param(("a", "b", DAY), ("b", "a", DAY), id="the other way round"),
    pytest.param(('a", "b', "c", DAY), ("a", 'b", "c', DAY), id="quotes in an id"),
    pytest.param(("A", "b", DAY), ("a", "b", DAY), id="a capital letter"),
    pytest.param(("\u00e9", "b", DAY), ("e\u0301", "b", DAY), id="ids are compared exactly, not as they look"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_look_alikes_have_ids_of_their_own(one: tuple[str, str | None, date], other: tuple[str, str, date]) -> None:
    """Every row is two subjects that careless writing would confuse."""
    assert alert_id(*one) != alert_id(*other)


def test_its_form() -> None:
    """Safe in an address, in a subject line and as a file's name."""
    found = alert_id('S-1 "/', "C-1", DAY)
    assert found.startswith("al-")
    assert len(found) == 23
    assert set(found[3:]) <= set("abcdefghijklmnopqrstuvwxyz234567")
