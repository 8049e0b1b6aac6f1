"""bulk-extract: client records were printed or exported in bulk."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.bulk_extract import RULE
from enrichment.schemas import Staff
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import agreement, staff, work

DAY_BEFORE, LONGER = "2026-11-19T12:00:00+13:00", "2026-11-19T11:59:59.999+13:00"


def export(count: int, *records: Any, before: int = 0, at: str = DAY_BEFORE, **access: Any) -> Case:
    """An export of so many records, after a print of so many others."""
    earlier = earlier_ones(1, action="print", record_count=before, occurred_at=at) if before else []
    least: dict[str, Any] = {"action": "export", "client_id": None}
    return a_case(*records, earlier=earlier, **(least | {"record_count": count} | access))


def agreed(count: int = 300, terms: dict[str, Any] | None = None, actor: Staff | None = None, **access: Any) -> Case:
    """An export that names agreement A-1 with party P-1, which covers 1,000 records at once."""
    records = [agreement(**(terms or {})), *([] if actor is None else [actor])]
    return export(count, *records, **({"agreement_id": "A-1"} | access))


def after_an_agreed_one(count: int, records_max: int = 1_000) -> Case:
    """An export under no agreement, after one of 490 under A-1."""
    earlier = earlier_ones(1, action="export", record_count=490, client_id=None, agreement_id="A-1")
    return a_case(
        agreement(records_max=records_max), earlier=earlier, action="export", client_id=None, record_count=count
    )


FOR_C1: dict[str, Any] = {"client_id": "C-1"}

CASES = [
    pytest.param("high", export(200), id="exactly 200 at once"),
    pytest.param("quiet", export(199), id="199 at once"),
    pytest.param("high", export(200, action="print"), id="printed"),
    pytest.param("quiet", export(200, action="view"), id="viewed"),
    pytest.param("high", export(20, before=480), id="exactly 500 in 24 hours, 20 at once"),
    pytest.param("quiet", export(19, before=481), id="500 in 24 hours, 19 at once"),
    pytest.param("quiet", export(20, before=479), id="499 in 24 hours"),
    pytest.param("quiet", export(20, before=480, at=LONGER), id="500 in more than 24 hours"),
    pytest.param("high", export(4_999), id="4,999 at once"),
    pytest.param("critical", export(5_000), id="5,000 at once"),
    pytest.param("critical", export(20, before=4_980), id="5,000 in 24 hours"),
    pytest.param("high", export(20, work(client_id="C-101"), before=480), id="explained ones count into the sum"),
    *(
        pytest.param("quiet", export(200, work(kind=kind), **FOR_C1), id=f"excused by {kind}")
        for kind in ("investigation", "quality_check")
    ),
    *(
        pytest.param("high", export(200, work(kind=kind), **FOR_C1), id=f"not excused by {kind}")
        for kind in ("case_management", "application", "review", "appointment", "call", "staff_assistance")
    ),
    pytest.param(
        "quiet",
        export(200, work("W-0"), work("W-9", kind="investigation", opened_at="2026-01-01T00:00:00Z"), **FOR_C1),
        id="excused by a work reason that is not the strongest",
    ),
    pytest.param(
        "quiet",
        export(200, staff(roles=["quality_assurance"]), work(kind="quality_check", org_unit="U-1"), **FOR_C1),
        id="excused by the unit's quality check",
    ),
    pytest.param(
        "high",
        export(200, work(kind="investigation", staff_id="S-2"), work_id="W-1", **FOR_C1),
        id="claimed work does not excuse it",
    ),
    pytest.param(
        "high",
        export(200, staff(kind="third_party"), work(kind="investigation"), **FOR_C1),
        id="nothing excuses a third party",
    ),
    pytest.param("high", export(200, work(kind="investigation"), work_id="W-1"), id="work for a client, none opened"),
    pytest.param("high", export(200, actor_known=False), id="in no staff record"),
    pytest.param(
        "quiet", export(200, work(kind="investigation"), actor_known=False, **FOR_C1), id="in no staff record, excused"
    ),
    pytest.param("high", export(200, client_known=False, **FOR_C1), id="in no client record"),
    pytest.param("critical", export(10**40), id="a number beyond counting"),
    pytest.param("quiet", agreed(), id="under an agreement"),
    pytest.param("quiet", agreed(1_000), id="as many as it covers at once"),
    pytest.param("high", agreed(1_001), id="more than it covers at once"),
    pytest.param("high", agreed(agreement_id=None), id="an agreement that the export does not name"),
    pytest.param("high", agreed(agreement_id="A-2"), id="an agreement that is not known"),
    pytest.param("quiet", agreed(terms={"valid_from": "2026-11-20", "valid_to": "2026-11-20"}), id="valid that day"),
    pytest.param("high", agreed(terms={"valid_to": "2026-11-19"}), id="it ended the day before"),
    pytest.param("high", agreed(terms={"valid_from": "2026-11-21"}), id="it begins the day after"),
    pytest.param("quiet", agreed(terms={"sections": ["income"]}, sections=["income"]), id="its sections"),
    pytest.param("high", agreed(terms={"sections": ["income"]}, sections=["income", "notes"]), id="another section"),
    *(
        pytest.param("high", agreed(actor=staff(kind=kind, employer="P-2")), id=f"another {kind}'s agreement")
        for kind in ("contractor", "third_party")
    ),
    *(
        pytest.param("quiet", agreed(actor=staff(kind=kind, employer="P-1")), id=f"the {kind}'s agreement")
        for kind in ("contractor", "third_party")
    ),
    pytest.param("quiet", agreed(actor=staff(employer="P-2")), id="the employer of an employee does not matter"),
    pytest.param("quiet", after_an_agreed_one(20), id="what an agreement covers counts in no sum"),
    pytest.param("high", after_an_agreed_one(20, records_max=100), id="what it does not cover counts"),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_bulk_extract(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


@pytest.mark.parametrize(
    ("said", "case"),
    [
        ("; agreement A-2 is not known.", agreed(agreement_id="A-2")),
        ("; agreement A-1 is valid from 2026-01-01 to 2026-11-19.", agreed(terms={"valid_to": "2026-11-19"})),
        ("; agreement A-1 covers 1000 client records at once.", agreed(1_001)),
        (
            "; agreement A-1 does not cover the section tax number.",
            agreed(terms={"sections": ["income"]}, sections=["tax_number"]),
        ),
        (
            "; agreement A-1 is with another party than the actor's employer.",
            agreed(actor=staff(kind="contractor", employer="P-2")),
        ),
    ],
)
def test_it_says_why_the_agreement_does_not_fit(said: str, case: Case) -> None:
    """Which of its terms fails."""
    answer = asked(RULE, case)
    assert isinstance(answer, Hit)
    assert answer.sentence.endswith(said)


def test_it_says_both_numbers() -> None:
    """This one's and the day's."""
    answer = asked(RULE, export(300, before=250))
    assert isinstance(answer, Hit)
    assert answer.sentence == (
        "An export of 300 client records was made on Fri 20 Nov 2026, 12:00:00 NZDT; it covers 300 client records "
        "(the limit is 200), and with it the actor's prints and exports of 24 hours cover 550 (the limit is 500)."
    )
