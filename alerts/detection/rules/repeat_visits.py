"""A staff member came back to the same client record on several days without a work reason.

Looks for     unexplained accesses of one actor to one client on several dates within 30 days.
Cannot see    visits spread further apart, and those that a work item covers.
Innocent when the actor does have the client's work, and it is recorded somewhere else or not yet.
Then          ask the actor's manager for the work, and look at what was opened each time.
"""

from datetime import date
from typing import Annotated

from pydantic import Field

from alerts.assessment import Audience, Evidence, Severity
from alerts.detection.counting import dates_of_pair
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    ACCESSES,
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    any_work,
    no_match,
    opened,
)
from enrichment.windows.spec import VISIT_DATES

DATES = dates_of_pair("v", stands_when=Precondition.UNEXPLAINED)


class RepeatVisitsLimits(Limits):
    """How many dates are several."""

    #: Distinct New Zealand dates among the access's own and the 29 before.
    days_min: Annotated[int, Field(ge=1, le=VISIT_DATES)]
    #: The same, from which on the severity is medium.
    days_medium: Annotated[int, Field(ge=1, le=VISIT_DATES)]
    #: Who is asked while the severity is low.
    low_audience: Audience

    def audience_of(self, severity: Severity, *, only_slips: bool) -> Audience:
        """Return who is asked: while the severity is low, whoever the limits name for that."""
        return self.low_audience if severity == "low" else super().audience_of(severity, only_slips=only_slips)


def evaluate(case: Case, limits: RepeatVisitsLimits) -> RuleResult:
    """Return whether the actor came back on enough days without a work reason. Work excuses it."""
    if case.access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    dates = [date.fromordinal(one) for one in case.found(DATES)]
    if len(dates) < limits.days_min:
        return no_match("the actor came to this client without a work reason on fewer dates")
    said = [f"{day.day} {day:%b %Y}" for day in dates]
    return Hit(
        "medium" if len(dates) >= limits.days_medium else "low",
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
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(DATES,),
)
