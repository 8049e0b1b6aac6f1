"""shared-contact: a staff member opened a client record that holds a contact detail or bank account of their own."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.shared_contact import RULE
from enrichment.schemas import Client
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import client, related, staff, work

S1, C1, C2, C3 = "staff:S-1", "client:C-1", "client:C-2", "client:C-3"


def actor(**links: str) -> Any:
    """S-1 with these links."""
    return staff(links=links)


def theirs(**links: str) -> Any:
    """C-1 with these links."""
    return client(links=links)


def held_by(number: int) -> list[Client]:
    """So many other clients who hold the same phone."""
    return [client(f"C-{100 + one}", links={"phone": "p"}) for one in range(number)]


SAME = (actor(phone="p"), theirs(phone="p"))
BANK = (actor(bank_account="b", phone="p"), theirs(bank_account="b", phone="p"))
UNKNOWN_CLIENT = "not known: the client record"
UNKNOWN_ACTOR = "not known: the staff record of the actor"

CASES = [
    *(
        pytest.param("medium", a_case(actor(**{kind: "t"}), theirs(**{kind: "t"})), id=f"the same {kind}")
        for kind in ("address", "phone", "email")
    ),
    pytest.param("high", a_case(actor(bank_account="t"), theirs(bank_account="t")), id="the same bank account"),
    pytest.param("high", a_case(*BANK), id="bank account and phone"),
    pytest.param("quiet", a_case(actor(phone="t"), theirs(address="t")), id="the same token of another kind"),
    pytest.param("quiet", a_case(actor(phone="p"), theirs(phone="q")), id="another phone"),
    pytest.param("quiet", a_case(actor(), theirs()), id="two unknown phones are not the same"),
    pytest.param(
        "medium",
        a_case(staff(client_ids=["C-2"]), client("C-2", links={"phone": "p"}), theirs(phone="p")),
        id="the phone of the actor's own client record",
    ),
    pytest.param("quiet", a_case(staff(client_ids=["C-2"]), theirs(phone="p")), id="an own record that is not there"),
    pytest.param(
        "quiet", a_case(staff(client_ids=["C-1"], links={"phone": "p"}), theirs(phone="p")), id="their own record"
    ),
    pytest.param("medium", a_case(*SAME, *held_by(7)), id="held by exactly 8 client records"),
    pytest.param("quiet", a_case(*SAME, *held_by(8)), id="held by 9"),
    pytest.param(
        "quiet",
        a_case(
            staff(client_ids=["C-2"], links={"phone": "p"}),
            client("C-2", links={"phone": "p"}),
            theirs(phone="p"),
            *held_by(7),
        ),
        id="held by 9, the actor's own included",
    ),
    pytest.param("quiet", a_case(*SAME, related(S1, C1, "business")), id="a recorded relationship of any kind"),
    pytest.param("quiet", a_case(*SAME, related(S1, C2), related(C2, C1, "club")), id="a recorded path of two hops"),
    pytest.param("medium", a_case(*SAME, related(S1, C2), related(C2, C3), related(C3, C1)), id="a path of three hops"),
    pytest.param("medium", a_case(*SAME, related(S1, C1, confidence=0.4)), id="a path that is not sure enough"),
    pytest.param("medium", a_case(*SAME, related(S1, C1, valid_to="2026-11-19")), id="a path that has ended"),
    pytest.param("quiet", a_case(*SAME, work()), id="excused by work"),
    pytest.param("medium", a_case(*SAME, work(staff_id="S-2"), work_id="W-1"), id="claimed work does not excuse it"),
    pytest.param("high", a_case(*BANK, work()), id="a bank account is not excused"),
    pytest.param(UNKNOWN_CLIENT, a_case(actor(phone="p"), client_known=False), id="in no client record"),
    pytest.param(UNKNOWN_ACTOR, a_case(theirs(phone="p"), actor_known=False), id="in no staff record"),
    pytest.param("quiet", a_case(actor(), work(), client_known=False), id="in no client record, excused"),
    pytest.param("quiet", a_case(work(), actor_known=False), id="in no staff record, excused"),
    pytest.param("quiet", a_case(*SAME, client_id=None), id="no client"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_shared_contact(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_a_detail_that_has_moved_is_no_longer_held() -> None:
    """The count follows the client records: the one that holds another phone now is not counted."""
    moved = [client("C-100", links={"phone": "other"})]
    assert in_a_word(asked(RULE, a_case(*SAME, *held_by(8), *moved))) == "medium"


def test_it_says_what_is_shared_and_never_the_token() -> None:
    """The evidence names the actor's record that holds it."""
    answer = asked(RULE, a_case(actor(address="secret-token"), theirs(address="secret-token")))
    assert isinstance(answer, Hit)
    assert "secret-token" not in str(answer)
    assert [(fact.fact, fact.id, fact.source) for fact in answer.evidence] == [
        ("same address on staff record", "S-1", "ref.staff.v1")
    ]
    assert "have the same address on record (held by 1 client record)" in answer.sentence
