"""A staff member opened a client record soon after a colleague, who is close to the client, searched for somebody.

Looks for     a record of a colleague's circle, opened within minutes of a search by that colleague that led nowhere.
Cannot see    what the colleague searched for: it is never recorded; requests made long before.
Innocent when the search was for somebody else, and the record reached the actor by an ordinary way.
Then          ask the actor how the record came to them, then the colleague what the search was for.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.counting import latest_unled_of
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    ACCESSES,
    STEPS,
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    any_work,
    colleague_contacts,
    colleagues,
    counted,
    evidence,
    no_match,
    opened,
    unseen,
)
from enrichment.nz_time import nz_text

_MINUTES_PER_DAY = 24 * 60


class ProxyLookupLimits(Limits):
    """How soon after the search."""

    #: Minutes before the access in which the colleague's search counts.
    minutes_max: Annotated[int, Field(ge=1, le=_MINUTES_PER_DAY)]


def _colleagues(case: Case) -> tuple[str, ...]:
    return tuple(one.staff.value.staff_id for one in colleagues(case.access, case.facts, case.policy))


def _within(limits: ProxyLookupLimits) -> timedelta:
    return timedelta(minutes=limits.minutes_max)


SEARCHES = latest_unled_of("q", _colleagues, within=_within, asked_when=Precondition.UNEXPLAINED)


def evaluate(case: Case, limits: ProxyLookupLimits) -> RuleResult:
    """Return whether a colleague whose circle the client is in searched just before. Work excuses it."""
    looked_up = colleague_contacts(case)
    if not isinstance(looked_up, tuple):
        return looked_up
    searches = {one.value: one.at for one in case.found(SEARCHES)}
    who = [colleague for colleague in looked_up if colleague.staff.value.staff_id in searches]
    if not who:
        return unseen(case) or no_match("no such colleague searched in the time before")
    first = who[0].staff.value.staff_id
    return Hit(
        "high",
        f"{opened(case.access)}; a search of staff member {first} of the actor's unit had led nowhere at "
        f"{nz_text(searches[first])} (within {counted(limits.minutes_max, 'minute')}), the recorded relationship "
        f"{who[0].edge.relationship.kind.replace('_', ' ')} joins them and this client, and no work reason was found.",
        tuple(
            fact
            for colleague in who
            for fact in (
                *evidence(colleague),
                Evidence(
                    "search that led nowhere",
                    colleague.staff.value.staff_id,
                    ACCESSES,
                    searches[colleague.staff.value.staff_id],
                ),
            )
        ),
    )


RULE = Rule(
    id="proxy-lookup",
    title="Opened after a colleague's search",
    about="pair",
    clauses=("like.whanau", "dont.lookup"),
    limits=ProxyLookupLimits,
    evaluate=evaluate,
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(STEPS, SEARCHES),
    gives_way_to=("relative-record", "acquaintance-record", "business-record"),
)
