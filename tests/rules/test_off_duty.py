"""off-duty: an access was made under the staff id of somebody who should not have been at work."""

from typing import Any

import pytest

from alerts.detection.rule import Case, Hit
from alerts.detection.rules.off_duty import RULE
from tests.support.cases import a_case, asked, in_a_word
from tests.support.records import an_access, client, staff, work


def on_leave(first: str, last: str, **fields: Any) -> Any:
    """S-1 with these days of leave."""
    return staff(leave=[{"from": first, "to": last}], **fields)


def worked(explained: int, at: str = "2026-11-20T09:00:00+13:00") -> Case:
    """An unexplained access on a day of leave, beside so many explained ones (W-2 is for C-2)."""
    earlier = [an_access(event_id=f"B-{one}", client_id="C-2", occurred_at=at) for one in range(explained)]
    leave = on_leave("2026-11-19", "2026-11-20")
    return a_case(leave, client("C-2"), work("W-2", client_id="C-2"), earlier=earlier)


CASES = [
    pytest.param("quiet", a_case(), id="at work"),
    pytest.param("high", a_case(staff(status="suspended")), id="suspended"),
    pytest.param("high", a_case(staff(status="ended")), id="ended"),
    pytest.param("quiet", a_case(staff(status="on_leave")), id="on leave without a day of leave"),
    pytest.param("quiet", a_case(staff(start_date="2026-11-20")), id="starts that day"),
    pytest.param("high", a_case(staff(start_date="2026-11-21")), id="starts the day after"),
    pytest.param("quiet", a_case(staff(end_date="2026-11-20")), id="ends that day"),
    pytest.param("high", a_case(staff(end_date="2026-11-19")), id="ended the day before"),
    pytest.param("medium", a_case(on_leave("2026-11-20", "2026-11-20")), id="one day of leave"),
    pytest.param("medium", a_case(on_leave("2026-11-01", "2026-11-20")), id="the last day of leave"),
    pytest.param("medium", a_case(on_leave("2026-11-20", "2026-12-01")), id="the first day of leave"),
    pytest.param("quiet", a_case(on_leave("2026-11-01", "2026-11-19")), id="back from leave"),
    pytest.param("quiet", a_case(on_leave("2026-11-21", "2026-11-29")), id="before leave"),
    pytest.param("quiet", a_case(on_leave("2026-11-20", "2026-11-20"), work()), id="leave is excused by work"),
    pytest.param(
        "quiet",
        a_case(on_leave("2026-11-20", "2026-11-20"), work(staff_id="S-2"), work_id="W-1"),
        id="leave is excused by claimed work",
    ),
    pytest.param("high", a_case(staff(status="suspended"), work()), id="suspension is not excused"),
    pytest.param("high", a_case(staff(end_date="2026-11-19"), work()), id="a past end is not excused"),
    pytest.param("high", a_case(on_leave("2026-11-20", "2026-11-20", status="ended"), work()), id="ended and on leave"),
    pytest.param("high", a_case(staff(status="suspended"), client_id=None), id="without a client"),
    pytest.param(
        "quiet", a_case(on_leave("2026-11-20", "2026-11-20"), client_id=None), id="on leave, without a client"
    ),
    pytest.param("medium", worked(2), id="two explained accesses on a day of leave"),
    pytest.param("quiet", worked(3), id="three explained accesses on a day of leave: at work"),
    pytest.param("medium", worked(3, "2026-11-19T23:59:59+13:00"), id="three, but the day before"),
    pytest.param("medium", worked(3, "2026-11-20T12:00:01+13:00"), id="three, but later"),
    pytest.param("quiet", worked(3, "2026-11-20T00:00:00+13:00"), id="three, from midnight on"),
    pytest.param(
        "medium",
        a_case(on_leave("2026-11-20", "2026-11-20"), occurred_at="2026-11-19T11:00:00Z"),
        id="the date is New Zealand's: midnight",
    ),
    pytest.param(
        "quiet",
        a_case(on_leave("2026-11-20", "2026-11-20"), occurred_at="2026-11-19T10:59:59Z"),
        id="the date is New Zealand's: a second before",
    ),
    pytest.param("high", a_case(staff(kind="service", status="ended")), id="a service account that has ended"),
    pytest.param("not known: the staff record of the actor", a_case(actor_known=False), id="in no staff record"),
    pytest.param(
        "not known: the staff record of the actor", a_case(work(), actor_known=False), id="nor with a work reason"
    ),
]


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_off_duty(expected: str, case: Case) -> None:
    """Every row is one access and the one answer expected of it."""
    assert expected == in_a_word(asked(RULE, case))


def test_it_says_what_the_staff_record_says() -> None:
    """With the dates that can be checked."""
    answer = asked(RULE, a_case(on_leave("2026-11-16", "2026-11-27")))
    assert isinstance(answer, Hit)
    assert answer.sentence.endswith(
        "the staff record has the actor on leave from 2026-11-16 to 2026-11-27, and no work reason was found."
    )
