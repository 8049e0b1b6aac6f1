"""A staff member searched for people many times within an hour, with little recorded work beside it.

Looks for     searches by name, date of birth, tax number or address in an hour, and explained accesses beside them.
Cannot see    who was searched for, which is never recorded; searches spread over the day.
Innocent when the work is searching: matching lists, returned letters, calls by people without a client number.
Then          ask the actor's manager what the searches were for, and whether a list or a queue stands behind them.
"""

from typing import Annotated

from pydantic import Field

from alerts.access_kinds import searched
from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Answered, Hit, Limits, Rule, quiet
from alerts.signs import Sign
from alerts.wording import ACCESSES, counted, happened

#: Explained accesses that one in so many searches may have beside it. Fixed by the rule: a third.
_SEARCHES_PER_EXPLAINED = 3


class SearchBrowsingLimits(Limits):
    """How many searches are many."""

    #: Searches in an hour that are still ordinary.
    searches_max: Annotated[int, Field(ge=0)]


def evaluate(case: Case, limits: SearchBrowsingLimits) -> Answered:
    """Say whether the hour holds more such searches than the limit, and little recorded work."""
    access = case.access
    if searched(access) == "no":
        return quiet("this is no search by name, date of birth, tax number or address")
    searches, explained = case.windows.searches_hour, case.windows.explained_hour
    if searches <= limits.searches_max:
        return quiet("the hour holds no more such searches than the limit")
    if explained * _SEARCHES_PER_EXPLAINED > searches:
        return quiet("more than a third as many accesses in that hour have a work reason")
    return Hit(
        "medium",
        f"{happened(access)}; it is one of {searches} searches by name, date of birth, tax number or address in an "
        f"hour (the limit is {limits.searches_max}), beside {counted(explained, 'access', 'accesses')} "
        "with a work reason.",
        (Evidence("searches in the hour to", access.event_id, ACCESSES, access.occurred_at),),
    )


RULE = Rule(
    id="search-browsing",
    title="Searches without work beside them",
    about="actor",
    clauses=("purpose", "dont.lookup"),
    limits=SearchBrowsingLimits,
    evaluate=evaluate,
    asked_where=Sign.SEARCH,
)
