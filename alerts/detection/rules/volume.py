"""A staff member opened the records of more clients in an hour, without work reasons, than ordinary work brings.

Looks for     distinct clients of unexplained accesses per actor in an hour.
Cannot see    slow collection, spread below the limit over days.
Innocent when the actor works through a queue, such as a yearly review, that no work item records.
Then          compare with the actor's queue for the same hour, and ask their manager.
"""

from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.counting import count_distinct
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
from enrichment.windows.spec import HOUR

#: From so many times the limit on the severity is high. Fixed by the rule.
_HIGH_FACTOR = 2


CLIENTS = count_distinct("u", "client", by="staff", within=HOUR, stands_when=Precondition.UNEXPLAINED)


class VolumeLimits(Limits):
    """How many clients are too many."""

    #: Distinct unexplained clients in an hour that are still ordinary.
    clients_max: Annotated[int, Field(ge=0)]


def evaluate(case: Case, limits: VolumeLimits) -> RuleResult:
    """Return whether the hour holds more unexplained clients than the limit. Work excuses it."""
    access = case.access
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    clients = case.found(CLIENTS).count
    if clients <= limits.clients_max:
        return no_match("the hour holds no more clients without a work reason than the limit")
    return Hit(
        "high" if clients >= _HIGH_FACTOR * limits.clients_max else "medium",
        f"{opened(access)}; with this one, the actor opened the records of {clients} clients in an hour without a "
        f"work reason (the limit is {limits.clients_max}).",
        (Evidence("clients in the hour to", access.event_id, ACCESSES, access.occurred_at),),
    )


RULE = Rule(
    id="volume",
    title="Records of more clients than the limit in an hour",
    about="actor",
    clauses=("purpose",),
    limits=VolumeLimits,
    evaluate=evaluate,
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(CLIENTS,),
)
