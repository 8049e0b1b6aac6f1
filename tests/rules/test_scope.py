"""scope: a contractor or third party opened a client record that their contract does not cover."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.scope import RULE
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import client, staff, work

CLIENT = client(site="AKL", programme="jobs")


def contractor(kind: str = "contractor", **scope: Any) -> Any:
    """S-1 under a contract with this scope."""
    return staff(kind=kind, scope=scope)


CASES = [
    *(
        pytest.param("high", a_case(contractor(kind, sites=["WLG"]), CLIENT), id=f"another site, {kind}")
        for kind in ("contractor", "third_party")
    ),
    *(
        pytest.param("quiet", a_case(contractor(kind, sites=["WLG"]), CLIENT), id=f"another site, {kind}")
        for kind in ("employee", "service")
    ),
    pytest.param("quiet", a_case(contractor(sites=["WLG", "AKL"]), CLIENT), id="one of the sites"),
    pytest.param("high", a_case(contractor(programmes=["housing"]), CLIENT), id="another programme"),
    pytest.param("quiet", a_case(contractor(programmes=["jobs"]), CLIENT), id="the programme"),
    pytest.param("high", a_case(contractor(sites=["AKL"], programmes=["housing"]), CLIENT), id="site, not programme"),
    pytest.param("high", a_case(contractor(sites=["WLG"], programmes=["jobs"]), CLIENT), id="programme, not site"),
    pytest.param("quiet", a_case(contractor(sites=[], programmes=[]), CLIENT), id="empty lists do not restrict"),
    pytest.param("quiet", a_case(contractor(), CLIENT), id="missing lists do not either"),
    pytest.param("quiet", a_case(contractor("third_party"), CLIENT), id="nor for a third party"),
    pytest.param("quiet", a_case(contractor(sites=["WLG"])), id="the client's site is not recorded"),
    pytest.param(
        "high", a_case(contractor(sites=["WLG"], programmes=["housing"]), client(programme="jobs")),
        id="nor is it, but their programme is outside",
    ),
    pytest.param("quiet", a_case(contractor(sites=["WLG"]), client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(contractor(sites=["WLG"]), client_id=None), id="no client"),
    pytest.param("quiet", a_case(staff(kind="contractor"), CLIENT), id="a contractor without a scope"),
    pytest.param("high", a_case(staff(kind="third_party"), CLIENT), id="a third party without a scope"),
    pytest.param("high", a_case(staff(kind="third_party"), client_known=False), id="and in no client record"),
    pytest.param("high", a_case(staff(kind="third_party"), client_id=None), id="and without a client"),
    pytest.param("high", a_case(contractor(sites=["WLG"]), CLIENT, work()), id="work does not excuse it"),
    pytest.param(
        "not known: the staff record of the actor", a_case(CLIENT, actor_known=False), id="in no staff record"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_scope(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_what_is_outside() -> None:
    """And where both facts stand."""
    answer = asked(RULE, a_case(contractor(sites=["WLG"], programmes=["housing"]), CLIENT))
    assert isinstance(answer, Hit)
    assert answer.sentence.endswith(
        "the client's site AKL is and programme jobs is outside the scope of the actor's contract."
    )
    assert [fact.id for fact in answer.evidence] == ["S-1", "C-1"]
