"""proxy-lookup: a staff member opened a record of a colleague's circle just after that colleague had searched."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.proxy_lookup import RULE
from enrichment.relationship_graph import PEOPLE_MAX
from enrichment.schemas import Access
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import an_access, related, staff, work

S2, C1 = "staff:S-2", "client:C-1"
CIRCLE = (staff("S-2"), staff("S-3"), related(S2, C1, "friend"))
#: More people around the client than are looked at.
CROWD = [related(C1, f"client:X-{number}", "club") for number in range(PEOPLE_MAX + 1)]


def search(at: str = "2026-11-20T11:30:00+13:00", *fields: str, **others: Any) -> Access:
    """A search of S-2."""
    least = {"event_id": "B-1", "staff_id": "S-2", "action": "search", "client_id": None, "occurred_at": at}
    return an_access(**(least | {"search": {"fields": fields or ["name"], "result_count": 3}} | others))


def followed_by(at: str, **fields: Any) -> Case:
    """The search of S-2, and what was opened after it."""
    after = an_access(**({"event_id": "B-2", "staff_id": "S-2", "client_id": "C-7", "occurred_at": at} | fields))
    return a_case(*CIRCLE, earlier=[search(), after])


CASES = [
    *(
        pytest.param("high", a_case(*CIRCLE, earlier=[search(NOON, field)]), id=f"by {field}")
        for NOON in ["2026-11-20T11:30:00+13:00"]
        for field in ("name", "date_of_birth", "tax_number", "address")
    ),
    *(
        pytest.param("quiet", a_case(*CIRCLE, earlier=[search("2026-11-20T11:30:00+13:00", field)]), id=f"by {field}")
        for field in ("phone", "client_id")
    ),
    pytest.param(
        "high", a_case(*CIRCLE, earlier=[search("2026-11-20T11:30:00+13:00", "phone", "name")]), id="by phone and name"
    ),
    pytest.param("high", a_case(*CIRCLE, earlier=[search("2026-11-20T11:00:00+13:00")]), id="exactly 60 minutes"),
    pytest.param("quiet", a_case(*CIRCLE, earlier=[search("2026-11-20T10:59:59.999+13:00")]), id="60 minutes and more"),
    pytest.param("high", a_case(*CIRCLE, earlier=[search("2026-11-20T12:00:00+13:00")]), id="at the same moment"),
    pytest.param("quiet", a_case(*CIRCLE, earlier=[search("2026-11-20T12:00:00.001+13:00")]), id="after the access"),
    pytest.param("quiet", a_case(*CIRCLE), id="nobody searched"),
    pytest.param("quiet", a_case(*CIRCLE, earlier=[search(staff_id="S-3")]), id="another colleague searched"),
    pytest.param("quiet", a_case(*CIRCLE, earlier=[search(client_id="C-9")]), id="the search opened a record"),
    pytest.param("quiet", a_case(*CIRCLE, earlier=[search(action="view")]), id="no search"),
    pytest.param("quiet", followed_by("2026-11-20T11:32:00+13:00"), id="it led to a record 120 s later"),
    pytest.param("high", followed_by("2026-11-20T11:32:00.001+13:00"), id="a record more than 120 s later"),
    pytest.param("high", followed_by("2026-11-20T11:31:00+13:00", client_id=None), id="the next access opened nothing"),
    pytest.param("high", followed_by("2026-11-20T11:31:00+13:00", staff_id="S-3"), id="somebody else opened a record"),
    pytest.param(
        "quiet", a_case(*CIRCLE, earlier=[search(search=None)]), id="a search that says nothing of its fields"
    ),
    pytest.param("quiet", a_case(*CIRCLE, work(), earlier=[search()]), id="excused by work"),
    pytest.param("quiet", a_case(staff("S-2"), earlier=[search()]), id="not in the colleague's circle"),
    pytest.param("quiet", a_case(*CIRCLE, staff(client_ids=["C-1"]), earlier=[search()]), id="the actor's own record"),
    pytest.param(
        "not known: the staff record of the actor",
        a_case(*CIRCLE, actor_known=False, earlier=[search()]),
        id="in no staff record",
    ),
    pytest.param("high", a_case(*CIRCLE, client_known=False, earlier=[search()]), id="in no client record"),
    pytest.param("quiet", a_case(*CIRCLE, client_id=None, earlier=[search()]), id="no client"),
    pytest.param(
        f"not known: the relationships around the client (more than {PEOPLE_MAX})",
        a_case(*CIRCLE, *CROWD),
        id="in a crowd, and nobody in sight searched",
    ),
    pytest.param(
        "high", a_case(*CIRCLE, *CROWD, earlier=[search()]), id="in a crowd, and a colleague in sight searched"
    ),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_proxy_lookup(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_who_searched_and_when() -> None:
    """The newest search, of the colleague whose circle it is."""
    searches = [search("2026-11-20T11:20:00+13:00"), search("2026-11-20T11:30:00+13:00", event_id="B-2")]
    answer = asked(RULE, a_case(*CIRCLE, earlier=searches))
    assert isinstance(answer, Hit)
    assert (
        "a search of staff member S-2 of the actor's unit had led nowhere at Fri 20 Nov 2026, 11:30:00 NZDT "
        "(within 60 minutes), the recorded relationship friend joins them and this client"
    ) in answer.sentence
    assert [fact.id for fact in answer.evidence] == ["staff:S-2=client:C-1", "S-2", "S-2"]
