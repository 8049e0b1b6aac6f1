"""business-record: a staff member opened the client record of somebody with whom a business joins them."""

import pytest

from alerts.detection.rule import Case
from alerts.detection.rules.business_record import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import related, work

S1, C1, C2 = "staff:S-1", "client:C-1", "client:C-2"
NONE = "no business joins the actor and the client"
HIT = f"medium: {S1}={C1}"

CASES = [
    pytest.param(HIT, a_case(related(S1, C1, "business")), id="one hop"),
    pytest.param(NONE, a_case(related(S1, C2, "business"), related(C2, C1, "business")), id="two hops"),
    pytest.param(NONE, a_case(related(S1, C1, "colleague")), id="a colleague"),
    pytest.param(HIT, a_case(related(S1, C1, "business"), work()), id="work does not excuse it"),
    pytest.param(HIT, a_case(related(S1, C1, "business"), actor_known=False), id="in no staff record"),
    pytest.param(HIT, a_case(related(S1, C1, "business"), client_known=False), id="in no client record"),
    pytest.param("no client record was opened", a_case(client_id=None), id="no client"),
    pytest.param(HIT, a_case(related(S1, C1, "business", confidence=0.5)), id="exactly sure enough"),
    pytest.param(NONE, a_case(related(S1, C1, "business", confidence=0.49)), id="not sure enough"),
    pytest.param(HIT, a_case(related(S1, C1, "business", valid_from="2026-11-20")), id="from that day"),
    pytest.param(NONE, a_case(related(S1, C1, "business", valid_from="2026-11-21")), id="from the day after"),
    pytest.param(NONE, a_case(related(S1, C1, "business", valid_to="2026-11-19")), id="until the day before"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_business_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))
