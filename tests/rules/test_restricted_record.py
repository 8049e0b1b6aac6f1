"""restricted-record: a staff member opened a restricted client record without work that names them or their unit."""

import pytest

from alerts.detection.rule import Case
from alerts.detection.rules.restricted_record import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import client, staff, work

RESTRICTED = client(restricted=True)
EXCUSED = "work that names the actor or their unit explains it, or the work of a batch run"
CLAIMED = (RESTRICTED, work(staff_id="S-2"))

CASES = [
    pytest.param("high: C-1", a_case(RESTRICTED), id="restricted"),
    pytest.param("the client record is not restricted", a_case(), id="not restricted"),
    pytest.param("the client record is not restricted", a_case(client(restricted=None)), id="nothing said"),
    pytest.param(EXCUSED, a_case(RESTRICTED, work()), id="work that names them"),
    pytest.param(
        EXCUSED,
        a_case(RESTRICTED, staff(roles=["case_manager"]), work(org_unit="U-1")),
        id="work that names their unit",
    ),
    pytest.param(
        "high: C-1", a_case(RESTRICTED, work(staff_id="S-2"), work_id="W-1"), id="claimed work does not excuse it"
    ),
    pytest.param(
        EXCUSED, a_case(*CLAIMED, staff(kind="service"), work_id="W-1", channel="batch"), id="a service's batch view"
    ),
    pytest.param(
        "high: C-1", a_case(*CLAIMED, staff(kind="service"), work_id="W-1", channel="api"), id="a service, no batch"
    ),
    pytest.param(
        "high: C-1",
        a_case(*CLAIMED, staff(kind="service"), work_id="W-1", channel="batch", action="update"),
        id="a service's batch, no view",
    ),
    pytest.param("high: C-1", a_case(*CLAIMED, work_id="W-1", channel="batch"), id="an employee's batch view"),
    pytest.param("high: C-1", a_case(RESTRICTED, actor_known=False), id="in no staff record"),
    pytest.param("not known: the client record", a_case(client_known=False), id="in no client record"),
    pytest.param(EXCUSED, a_case(work(), client_known=False), id="in no client record, excused"),
    pytest.param(
        "not known: the client record",
        a_case(work(staff_id="S-2"), work_id="W-1", client_known=False),
        id="in no client record, with claimed work",
    ),
    pytest.param("no client record was opened", a_case(client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_restricted_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))
