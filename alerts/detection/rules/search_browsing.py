"""A staff member searched for people many times within an hour, and the searches led nowhere.

Looks for     searches by name, date of birth, tax number or address after which no client record was opened.
Cannot see    who was searched for, which is never recorded; searches spread over the day.
Innocent when the work is searching: matching lists, returned letters, calls by people without a client number.
Then          ask the actor's manager what the searches were for, and whether a list or a queue stands behind them.
"""

from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.counting import searches_unled
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    ACCESSES,
    STEPS,
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    happened,
    is_search_by_field,
    no_match,
    no_work,
)
from enrichment.windows.spec import HOUR


def _is_search(case: Case) -> bool:
    return is_search_by_field(case.access)


SEARCHES = searches_unled("b", within=HOUR, asked_when=Precondition.SEARCH, asked=_is_search)


class SearchBrowsingLimits(Limits):
    """How many searches are many."""

    #: Searches in an hour that led nowhere and are still ordinary.
    searches_max: Annotated[int, Field(ge=0)]


def evaluate(case: Case, limits: SearchBrowsingLimits) -> RuleResult:
    """Return whether the hour holds more such searches than the limit that led nowhere."""
    access = case.access
    if not is_search_by_field(access):
        return no_match("this is no search by name, date of birth, tax number or address")
    searches = case.found(SEARCHES)
    if searches <= limits.searches_max:
        return no_match("the hour holds no more such searches than the limit")
    return Hit(
        "medium",
        f"{happened(access)}; it is one of {searches} searches by name, date of birth, tax number or address in an "
        f"hour (the limit is {limits.searches_max}) after which no client record was opened within "
        f"{case.policy.led_seconds:g} seconds.",
        (Evidence("searches in the hour to", access.event_id, ACCESSES, access.occurred_at),),
    )


RULE = Rule(
    id="search-browsing",
    title="Searches that led nowhere",
    about="actor",
    clauses=("purpose", "dont.lookup"),
    limits=SearchBrowsingLimits,
    evaluate=evaluate,
    applies_when=Precondition.SEARCH,
    counts=(STEPS, SEARCHES),
    excused_by=no_work,
)
