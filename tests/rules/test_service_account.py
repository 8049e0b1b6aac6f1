"""service-account: a service account was used through a channel that people use."""

import pytest

from alerts.detection.rule import Case
from alerts.detection.rules.service_account import RULE
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import staff, work

SERVICE = staff(kind="service")

CASES = [
    *(pytest.param("high", a_case(SERVICE, channel=channel), id=channel) for channel in ("desktop", "mobile")),
    *(pytest.param("quiet", a_case(SERVICE, channel=one), id=one) for one in ("phone", "batch", "api")),
    pytest.param("high", a_case(SERVICE), id="no channel is desktop"),
    *(
        pytest.param("quiet", a_case(staff(kind=kind), channel="desktop"), id=kind)
        for kind in ("employee", "contractor", "third_party")
    ),
    pytest.param("high", a_case(SERVICE, work()), id="work does not excuse it"),
    pytest.param("high", a_case(SERVICE, client_id=None), id="without a client"),
    pytest.param("quiet", a_case(actor_known=False), id="in no staff record"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_service_account(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))
