"""Several staff members opened the same client record within a day, none of them with a work reason.

Looks for     distinct actors with unexplained accesses to one client in 24 hours, while no watchlist entry covers it.
Cannot see    curiosity spread over more than a day, and accesses that a work item covers.
Innocent when an event brought the client to several desks before anybody opened a work item.
Then          find out what happened to the client that day, and whether the record should be on the media watchlist.
"""

from typing import Annotated

from pydantic import Field

from alerts.detection.counting import count_distinct
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    accesses_as_evidence,
    any_work,
    no_match,
    opened,
)
from enrichment.windows.spec import DAY

ACTORS = count_distinct("c", "staff", by="client", within=DAY, stands_when=Precondition.UNEXPLAINED)


class MediaSurgeLimits(Limits):
    """How many actors are several."""

    #: Distinct actors in 24 hours, this one included.
    staff_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: MediaSurgeLimits) -> RuleResult:
    """Return whether enough staff members came to this client without a work reason. Work excuses it."""
    if case.access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    if case.watchlisted:
        return no_match("a watchlist entry covers the client, which is another rule's question")
    actors = case.found(ACTORS)
    if actors.count < limits.staff_min:
        return no_match("fewer staff members came to this client without a work reason")
    return Hit(
        "high",
        f"{opened(case.access)}; with this one, {actors.count} staff members opened this client record in 24 hours "
        "without a work reason, and no media watchlist entry covers it.",
        accesses_as_evidence("unexplained access by staff member", actors.others),
    )


RULE = Rule(
    id="media-surge",
    title="Client record opened by several staff members",
    about="pair",
    clauses=("like.media",),
    limits=MediaSurgeLimits,
    evaluate=evaluate,
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(ACTORS,),
)
