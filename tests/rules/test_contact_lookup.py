"""contact-lookup: addresses, tax numbers or identities of several clients were looked up without a work reason."""

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.contact_lookup import RULE
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import work

ADDRESS = ["address"]
DAY_BEFORE, LONGER = "2026-11-19T12:00:00+13:00", "2026-11-19T11:59:59.999+13:00"
TWO = earlier_ones(2, sections=ADDRESS)

CASES = [
    *(
        pytest.param("medium", a_case(sections=sections, earlier=TWO), id=" and ".join(sections))
        for sections in (["address"], ["tax_number"], ["identity"], ["contact", "address"], ["identity", "tax_number"])
    ),
    *(
        pytest.param("quiet", a_case(sections=sections, earlier=TWO), id=f"not {' and '.join(sections) or 'nothing'}")
        for sections in ([], ["contact"], ["address", "notes"], ["whole_file"], ["income"])
    ),
    pytest.param("quiet", a_case(sections=ADDRESS, earlier=TWO[:1]), id="two clients"),
    pytest.param("quiet", a_case(sections=ADDRESS, earlier=earlier_ones(2)), id="the others showed something else"),
    pytest.param(
        "quiet", a_case(sections=ADDRESS, earlier=earlier_ones(2, sections=ADDRESS, client_id="C-9")), id="twice one"
    ),
    pytest.param(
        "quiet", a_case(sections=ADDRESS, earlier=[*TWO[:1], *earlier_ones(1, event_id="B-9", sections=ADDRESS)]),
        id="the same client again",
    ),
    pytest.param(
        "medium", a_case(sections=ADDRESS, earlier=earlier_ones(2, sections=ADDRESS, occurred_at=DAY_BEFORE)),
        id="exactly 24 hours",
    ),
    pytest.param(
        "quiet", a_case(sections=ADDRESS, earlier=earlier_ones(2, sections=ADDRESS, occurred_at=LONGER)), id="longer"
    ),
    pytest.param("quiet", a_case(work(), sections=ADDRESS, earlier=TWO), id="excused by work"),
    pytest.param(
        "quiet", a_case(work(client_id="C-101"), sections=ADDRESS, earlier=TWO), id="one of the others has work"
    ),
    pytest.param("medium", a_case(sections=ADDRESS, earlier=TWO, actor_known=False), id="in no staff record"),
    pytest.param("medium", a_case(sections=ADDRESS, earlier=TWO, client_known=False), id="in no client record"),
    pytest.param("quiet", a_case(sections=ADDRESS, earlier=TWO, client_id=None), id="no client"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_contact_lookup(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_how_many_and_which() -> None:
    """The clients stand in the evidence, this one first."""
    answer = asked(RULE, a_case(sections=ADDRESS, earlier=TWO))
    assert isinstance(answer, Hit)
    assert "opened only contact details or identity of 3 clients in 24 hours without a work reason" in answer.sentence
    assert [fact.id for fact in answer.evidence] == ["C-1", "C-101", "C-102"]
