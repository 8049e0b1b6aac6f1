"""own-record: a staff member opened a client record that is their own."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.own_record import RULE
from tests.support.cases import a_case, asked, brief
from tests.support.records import client, related, staff, work

OWN = staff(client_ids=["C-1"])
NOT_THEIRS = "the client record is none of the actor's own"

CASES = [
    pytest.param("high: S-1", a_case(OWN), id="their own"),
    pytest.param("high: S-1", a_case(staff(client_ids=["C-8", "C-1"])), id="one of several"),
    pytest.param("high: S-1", a_case(OWN, work("W-1", staff_id="S-1")), id="work that names them does not excuse it"),
    pytest.param(
        "high: S-1",
        a_case(staff(client_ids=["C-1"], roles=["internal_integrity"]), work(kind="investigation")),
        id="nor does an investigation",
    ),
    pytest.param("high: S-1", a_case(staff(client_ids=["C-1"], status="ended")), id="after they have left"),
    pytest.param("high: S-1", a_case(OWN, client_known=False), id="in no client record: the staff record names it"),
    pytest.param("high: S-1", a_case(OWN, action="search"), id="found by a search"),
    pytest.param(NOT_THEIRS, a_case(), id="somebody else's"),
    pytest.param(NOT_THEIRS, a_case(OWN, client_id="c-1"), id="an id that differs in case"),
    pytest.param(NOT_THEIRS, a_case(OWN, client_id="C-10"), id="an id that begins alike"),
    pytest.param(NOT_THEIRS, a_case(staff("S-2", client_ids=["C-1"])), id="a colleague's own"),
    pytest.param(NOT_THEIRS, a_case(related("staff:S-1", "client:C-1", "household")), id="a relative's"),
    pytest.param(
        NOT_THEIRS,
        a_case(staff(links={"bank_account": "t-1"}), client(links={"bank_account": "t-1"})),
        id="one that shares their bank account",
    ),
    pytest.param("no client record was opened", a_case(OWN, client_id=None), id="no client"),
    pytest.param("not known: the staff record of the actor", a_case(actor_known=False), id="an unknown actor"),
    pytest.param("no client record was opened", a_case(actor_known=False, client_id=None), id="neither of them"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_own_record(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == brief(asked(RULE, case))


def test_what_it_says() -> None:
    """What was opened, what was shown, when, and why it is asked."""
    answer = asked(RULE, a_case(OWN, sections=["tax_number", "payments"]))
    assert isinstance(answer, Hit)
    expected = (
        "Client record C-1 was viewed (tax number, payments) on Fri 20 Nov 2026, 12:00:00 NZDT; "
        "the staff record names it as the actor's own client record."
    )
    assert expected == answer.sentence
