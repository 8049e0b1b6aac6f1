"""bulk-extract: client records were printed or exported in bulk."""

from typing import Any

import pytest

from alerts.case import Case
from alerts.rules.bulk_extract import RULE
from alerts.rules.form import Hit
from tests.support.cases import a_case, asked, earlier_ones, in_a_word
from tests.support.records import staff, work

DAY_BEFORE, LONGER = "2026-11-19T12:00:00+13:00", "2026-11-19T11:59:59.999+13:00"


def export(count: int, *records: Any, before: int = 0, at: str = DAY_BEFORE, **access: Any) -> Case:
    """An export of so many records, after a print of so many others."""
    earlier = earlier_ones(1, action="print", record_count=before, occurred_at=at) if before else []
    least: dict[str, Any] = {"action": "export", "client_id": None}
    return a_case(*records, earlier=earlier, **(least | {"record_count": count} | access))


FOR_C1: dict[str, Any] = {"client_id": "C-1"}

CASES = [
    pytest.param("high", export(200), id="exactly 200 at once"),
    pytest.param("quiet", export(199), id="199 at once"),
    pytest.param("high", export(200, action="print"), id="printed"),
    pytest.param("quiet", export(200, action="view"), id="viewed"),
    pytest.param("high", export(1, before=499), id="exactly 500 in 24 hours"),
    pytest.param("quiet", export(1, before=498), id="499 in 24 hours"),
    pytest.param("quiet", export(1, before=499, at=LONGER), id="500 in more than 24 hours"),
    pytest.param("high", export(4_999), id="4,999 at once"),
    pytest.param("critical", export(5_000), id="5,000 at once"),
    pytest.param("critical", export(1, before=4_999), id="5,000 in 24 hours"),
    pytest.param("high", export(1, work(client_id="C-101"), before=499), id="explained ones count into the sum"),
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
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_bulk_extract(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_both_numbers() -> None:
    """This one's and the day's."""
    answer = asked(RULE, export(300, before=250))
    assert isinstance(answer, Hit)
    assert answer.sentence == (
        "An export of 300 client records was made on Fri 20 Nov 2026, 12:00:00 NZDT; it covers 300 client records "
        "(the limit is 200), and with it the actor's prints and exports of 24 hours cover 550 (the limit is 500)."
    )
