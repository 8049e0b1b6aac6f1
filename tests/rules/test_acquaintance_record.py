"""acquaintance-record: a staff member opened the client record of a friend, an acquaintance or a former partner."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.acquaintance_record import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import related, staff, work

S1, C1, C2 = "staff:S-1", "client:C-1", "client:C-2"
NONE = "no friendship, acquaintance, former partnership or club joins the actor, or their partner, and the client"
EDGE = f"{S1}={C1}"
OTHERS = ["partner", "parent", "child", "sibling", "grandparent", "whanau", "household", "business", "colleague"]

CASES = [
    *(pytest.param(f"high: {EDGE}", a_case(related(S1, C1, kind)), id=kind) for kind in ("friend", "former_partner")),
    *(pytest.param(f"medium: {EDGE}", a_case(related(S1, C1, kind)), id=kind) for kind in ("acquaintance", "club")),
    *(pytest.param(NONE, a_case(related(S1, C1, kind)), id=f"a {kind} is none") for kind in OTHERS),
    pytest.param(
        f"high: {EDGE}",
        a_case(related(C1, S1, "club"), related(S1, C1, "friend", confidence=0.6)),
        id="a friend of the same club, less surely",
    ),
    pytest.param(
        f"medium: {C1}={S1}",
        a_case(related(C1, S1, "club"), related(S1, C1, "friend", confidence=0.49)),
        id="a friend who is not sure enough, of the same club",
    ),
    pytest.param(NONE, a_case(related(S1, C2, "friend"), related(C2, C1, "friend")), id="a friend's friend"),
    pytest.param(
        f"medium: {S1}={C2}, {C2}={C1}",
        a_case(related(S1, C2, "partner"), related(C2, C1, "former_partner")),
        id="the partner's former partner",
    ),
    pytest.param(
        f"medium: {C2}={S1}, {C1}={C2}",
        a_case(related(C2, S1, "partner"), related(C1, C2, "former_partner")),
        id="the same, written the other way round",
    ),
    pytest.param(
        NONE,
        a_case(related(S1, C2, "former_partner"), related(C2, C1, "partner")),
        id="the former partner's partner is none",
    ),
    pytest.param(
        NONE,
        a_case(related(S1, C2, "partner", confidence=0.7), related(C2, C1, "former_partner", confidence=0.7)),
        id="the partner's former partner, not sure enough",
    ),
    pytest.param(
        NONE,
        a_case(related(S1, C2, "partner", valid_to="2026-11-19"), related(C2, C1, "former_partner")),
        id="no partner any more on that day",
    ),
    pytest.param(
        f"medium: {EDGE}",
        a_case(related(S1, C1, "club"), related(S1, C2, "partner"), related(C2, C1, "former_partner")),
        id="one step before two",
    ),
    pytest.param(f"high: {EDGE}", a_case(related(S1, C1, "friend"), work()), id="work does not excuse it"),
    pytest.param(f"high: {EDGE}", a_case(related(S1, C1, "friend"), actor_known=False), id="in no staff record"),
    pytest.param(f"high: {EDGE}", a_case(related(S1, C1, "friend"), client_known=False), id="in no client record"),
    pytest.param("no client record was opened", a_case(related(S1, C1, "friend"), client_id=None), id="no client"),
    pytest.param(NONE, a_case(staff(client_ids=["C-1"]), related(S1, C1, "friend")), id="their own record"),
    pytest.param(
        f"high: {C2}={C1}",
        a_case(staff(client_ids=["C-2"]), related(C2, C1, "friend")),
        id="of the actor's own client record",
    ),
    pytest.param(f"high: {EDGE}", a_case(related(S1, C1, "friend", confidence=0.5)), id="exactly sure enough"),
    pytest.param(NONE, a_case(related(S1, C1, "friend", confidence=0.4999)), id="not sure enough"),
    pytest.param(f"high: {EDGE}", a_case(related(S1, C1, "friend", valid_to="2026-11-20")), id="valid until that day"),
    pytest.param(NONE, a_case(related(S1, C1, "friend", valid_to="2026-11-19")), id="until the day before"),
    pytest.param(NONE, a_case(related(S1, C1, "friend", valid_from="2026-11-21")), id="from the day after"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_acquaintance_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


def test_it_says_what_was_opened_when_and_why() -> None:
    """And nothing about the actor but the relationship."""
    answer = asked(RULE, a_case(related(S1, C1, "former_partner", confidence=0.9), sections=["address"]))
    assert isinstance(answer, Hit)
    assert answer.sentence == (
        "Client record C-1 was viewed (address) on Fri 20 Nov 2026, 12:00:00 NZDT; the recorded relationship "
        "former partner (confidence 0.90) joins the actor and this client."
    )
