"""A staff member came back to the same client record on several days without a work reason.

Looks for     unexplained accesses of one actor to one client on several dates within 30 days.
Cannot see    visits spread further apart, and those that a work item covers.
Innocent when the actor does have the client's work, and it is recorded somewhere else or not yet.
Then          ask the actor's manager for the work, and look at what was opened each time.
"""

from datetime import date
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Answered, Hit, Limits, Rule, any_work, quiet
from alerts.signs import Sign
from alerts.wording import ACCESSES, opened
from enrichment.windows import VISIT_DATES


class RepeatVisitsLimits(Limits):
    """How many dates are several."""

    #: Distinct New Zealand dates among the access's own and the 29 before.
    days_min: Annotated[int, Field(ge=1, le=VISIT_DATES)]


def evaluate(case: Case, limits: RepeatVisitsLimits) -> Answered:
    """Say whether the actor came back on enough days without a work reason. Work excuses it."""
    if case.access.client_id is None:
        return quiet("no client record was opened")
    if case.work_reasons:
        return quiet("a work reason explains it")
    dates = [date.fromordinal(one) for one in case.windows.visit_dates]
    if len(dates) < limits.days_min:
        return quiet("the actor came to this client without a work reason on fewer dates")
    said = [f"{day.day} {day:%b %Y}" for day in dates]
    return Hit(
        "medium",
        f"{opened(case.access)}; the actor opened this client record without a work reason on {len(dates)} dates "
        f"of the 30 to then ({', '.join(said)}).",
        tuple(Evidence("unexplained access on date", day.isoformat(), ACCESSES, None) for day in dates),
    )


RULE = Rule(
    id="repeat-visits",
    title="Same client record on several days",
    about="pair",
    clauses=("purpose",),
    limits=RepeatVisitsLimits,
    evaluate=evaluate,
    asked_where=Sign.UNEXPLAINED,
    excused_by=any_work,
)
