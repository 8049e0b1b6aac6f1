"""media-watchlist: a staff member opened the client record of somebody who is in the news."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.media_watchlist import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import NOON, staff, watched, work

NONE = "no watchlist entry with enough weight covers the client"
EXCUSED = "work that names the actor or their unit explains it"
BEFORE, AFTER = "2026-11-20T11:59:59.999999+13:00", "2026-11-20T12:00:00.000001+13:00"

CASES = [
    pytest.param("high: M-1", a_case(watched()), id="published at that moment"),
    pytest.param(NONE, a_case(watched(published_at=AFTER)), id="published a microsecond later"),
    pytest.param("high: M-1", a_case(watched(published_at="2026-11-17T12:00:00+13:00")), id="a half-life: weight 0.5"),
    pytest.param(
        "medium: M-1", a_case(watched(published_at="2026-11-17T11:59:59+13:00")), id="a second more: weight below 0.5"
    ),
    pytest.param("medium: M-1", a_case(watched(published_at="2026-11-10T13:00:00+13:00")), id="239 hours: above 0.1"),
    pytest.param(NONE, a_case(watched(published_at="2026-11-10T12:00:00+13:00")), id="240 hours: below 0.1"),
    pytest.param("high: M-1", a_case(watched(expires_at=NOON)), id="expires at that moment"),
    pytest.param(
        NONE, a_case(watched(published_at="2026-11-20T11:00:00+13:00", expires_at=BEFORE)), id="a microsecond before"
    ),
    pytest.param(
        "high: M-1",
        a_case(watched(published_at="2026-11-10T12:00:00+13:00", half_life_hours=240)),
        id="the entry's own half-life is longer",
    ),
    pytest.param(
        NONE,
        a_case(watched(published_at="2026-11-20T08:00:00+13:00", half_life_hours=1)),
        id="or shorter: 4 hours of one",
    ),
    pytest.param(
        NONE,
        a_case(watched(published_at="2026-11-20T11:00:00+13:00", half_life_hours=1e-300)),
        id="or so short that nothing is left of it",
    ),
    pytest.param("high: M-1", a_case(watched(client_ids=["C-8", "C-1"])), id="one of several clients"),
    pytest.param(NONE, a_case(watched(client_ids=["C-8"])), id="other clients"),
    pytest.param(
        "high: M-2",
        a_case(watched(published_at="2026-11-15T12:00:00+13:00"), watched("M-2"), watched("M-0", expires_at=BEFORE)),
        id="of several entries the one with the most weight",
    ),
    pytest.param("high: M-1", a_case(watched(), client_known=False), id="in no client record"),
    pytest.param("high: M-1", a_case(watched(), actor_known=False), id="in no staff record"),
    pytest.param(NONE, a_case(watched(), client_id=None), id="no client"),
    pytest.param(NONE, a_case(), id="not in the news"),
    pytest.param(EXCUSED, a_case(watched(), work()), id="work that names them"),
    pytest.param(
        EXCUSED,
        a_case(watched(), staff(roles=["media"]), work(kind="review", org_unit="U-1")),
        id="their unit's work that their role does",
    ),
    pytest.param(
        "high: M-1",
        a_case(watched(), staff(roles=["media"]), work(kind="call", org_unit="U-1")),
        id="their unit's work that it does not do",
    ),
    pytest.param("high: M-1", a_case(watched(), work(staff_id="S-2"), work_id="W-1"), id="a work item only claimed"),
    pytest.param(
        EXCUSED,
        a_case(watched(), work("W-1", staff_id="S-2"), work("W-2"), work_id="W-1"),
        id="claimed, and another that names them",
    ),
    pytest.param("high: M-1", a_case(watched(), work(client_id="C-2")), id="work for another client"),
    pytest.param(EXCUSED, a_case(watched(), work(), actor_known=False), id="work that names an unknown actor"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_media_watchlist(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


LIMITS = [
    pytest.param("medium: M-1", {"half_life_hours": 24.0}, id="48 hours are two half-lives of 24"),
    pytest.param("high: M-1", {"half_life_hours": 48.0}, id="or one of 48"),
    pytest.param("medium: M-1", {"half_life_hours": 24.0, "weight_min": 0.25}, id="a weight that is just enough"),
    pytest.param(NONE, {"half_life_hours": 24.0, "weight_min": 0.2501}, id="a weight that is not"),
]


@pytest.mark.parametrize(("expected", "limits"), LIMITS)
def test_its_limits(expected: str, limits: dict[str, float]) -> None:
    """An entry of two days ago, with other limits."""
    assert expected == brief(asked(RULE, a_case(watched(published_at="2026-11-18T12:00:00+13:00")), **limits))


def test_what_it_says() -> None:
    """The entry, when it was published, what it weighs; its evidence names the source, or the topic without one."""
    answer = asked(RULE, a_case(watched(published_at="2026-11-17T12:00:00+13:00", source="press-4711")))
    assert isinstance(answer, Hit)
    expected = (
        "Client record C-1 was viewed on Fri 20 Nov 2026, 12:00:00 NZDT; media watchlist entry M-1, published "
        "Tue 17 Nov 2026, 12:00:00 NZDT (weight 0.50), covers this client, and no work names the actor or their unit."
    )
    assert expected == answer.sentence
    assert [fact.source for fact in answer.evidence] == ["press-4711"]
    bare = asked(RULE, a_case(watched()))
    assert isinstance(bare, Hit)
    assert [fact.source for fact in bare.evidence] == ["ref.watchlist.v1"]
