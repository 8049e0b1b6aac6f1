"""What was looked at where no work reason was found, and why a claimed work item does not hold."""

from typing import Any

import pytest

from alerts.detection.work_reasons import looked_at, unheld
from enrichment.schemas import Record
from tests.support.cases import a_case
from tests.support.records import staff, work

OPENED = "2026-06-01T12:00:00+12:00"
CLOSED = {"opened_at": OPENED, "closed_at": "2026-11-19T11:59:59+13:00"}

NOT_OPEN = "opened Mon 1 Jun 2026, 12:00:00 NZST, closed Thu 19 Nov 2026, 11:59:59 NZDT"
UNFIT = "the actor's own, but none of their roles (media) does such work"

CASES: list[tuple[tuple[Record, ...], dict[str, Any], str | None, list[str]]] = [
    ((), {}, None, ["No work item for this client is known."]),
    ((), {"client_id": None}, None, ["No client record was opened, so no work item could be a reason."]),
    (
        (work(staff_id="S-2"),), {}, None,
        ["Case management W-1 for this client was open then and names staff member S-2."],
    ),
    (
        (work(org_unit="U-2"),), {}, None,
        ["Case management W-1 for this client was open then and names unit U-2."],
    ),
    (
        (staff(roles=["media"]), work(org_unit="U-1")), {}, None,
        [f"Case management W-1 for this client was open then and names unit U-1, {UNFIT}."],
    ),
    (
        (work(**CLOSED),), {}, None,
        [f"Case management W-1 for this client was not open then: {NOT_OPEN}; 24 hours before and after count too."],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("records", "access", "claimed", "expected"), CASES)
def test_what_was_looked_at(
    records: tuple[Record, ...], access: dict[str, Any], claimed: str | None, expected: list[str]
) -> None:
    """Every work item for the client, with what kept it from being a reason."""
    case = a_case(*records, **access)
    assert list(looked_at(case.access, case.facts, case.policy, claimed)) == expected


@pytest.mark.parametrize(
    ("claimed", "records", "expected"),
    [
        (None, (), "does not hold: no such work item is known."),
        ("C-9", (), "does not hold: it is for another client (C-9)."),
        ("C-1", (work("W-7", **CLOSED),), "does not hold: it was not open then (opened Mon 1 Jun 2026"),
    ],
)
def test_a_claimed_work_item_that_does_not_hold(
    claimed: str | None, records: tuple[Record, ...], expected: str
) -> None:
    """It does not exist, is for another client, or is closed longer than the grace."""
    case = a_case(*records, work_id="W-7")
    assert case.work_reasons == ()
    *_, last = looked_at(case.access, case.facts, case.policy, claimed)
    assert last.startswith("The access carries work_id W-7, which ")
    assert expected in last


@pytest.mark.parametrize(
    ("records", "access", "claimed", "expected"),
    [
        ((work(),), {"work_id": "W-7"}, "C-9", "does not hold: it is for another client (C-9)."),
        ((work(),), {"work_id": "W-7"}, None, "does not hold: no such work item is known."),
        ((), {"work_id": "W-7", "client_id": None}, "C-9", "does not hold: it is for a client (C-9)."),
        ((work(),), {"work_id": "W-1"}, "C-1", None),
        ((work(),), {}, None, None),
    ],
)
def test_a_claim_is_looked_at_beside_another_reason_too(
    records: tuple[Record, ...], access: dict[str, Any], claimed: str | None, expected: str | None
) -> None:
    """An access may be explained by one work item and claim another, or claim one though no record was opened."""
    case = a_case(*records, **access)
    told = list(unheld(case.access, case.facts, case.policy, claimed))
    assert told == ([] if expected is None else [f"The access carries work_id W-7, which {expected}"])
