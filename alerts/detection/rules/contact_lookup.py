"""A staff member looked up addresses, tax numbers or identities of several clients without a work reason.

Looks for     unexplained accesses that showed only contact details or identity, to several clients in 24 hours.
Cannot see    lookups that open more of the record than was wanted.
Innocent when the actor answered callers or checked letters, and the work is not recorded.
Then          ask the actor's manager what work the lookups belong to, and compare with the calls of that day.
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
    accesses_as_evidence,
    any_work,
    no_match,
    opened,
)
from enrichment.windows.spec import DAY

#: What a lookup of somebody's details shows, and what of it must be among what was shown.
_SECTIONS = frozenset({"address", "contact", "tax_number", "identity"})
_CORE = frozenset({"address", "tax_number", "identity"})


def _is_lookup(case: Case) -> bool:
    """Return whether only contact details or identity were shown, and more than how to reach the client."""
    return _SECTIONS.issuperset(case.access.sections) and not _CORE.isdisjoint(case.access.sections)


CLIENTS = count_distinct("l", "client", by="staff", within=DAY, stands_when=Precondition.UNEXPLAINED, where=_is_lookup)


class ContactLookupLimits(Limits):
    """How many clients are several."""

    #: Distinct clients of such accesses in 24 hours.
    clients_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: ContactLookupLimits) -> RuleResult:
    """Return whether the actor looked up details of enough clients without a work reason. Work excuses it."""
    access = case.access
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    if not _is_lookup(case):
        return no_match("more or other than contact details and identity was shown")
    clients = case.found(CLIENTS)
    if clients.count < limits.clients_min:
        return no_match("such accesses were made to fewer clients")
    return Hit(
        "medium",
        f"{opened(access)}; with this one, the actor opened only contact details or identity of {clients.count} "
        "clients in 24 hours without a work reason.",
        (
            Evidence("client record opened", access.client_id, ACCESSES, access.occurred_at),
            *accesses_as_evidence("client record opened", clients.others),
        ),
    )


RULE = Rule(
    id="contact-lookup",
    title="Contact details of several clients",
    about="actor",
    clauses=("dont.lookup",),
    limits=ContactLookupLimits,
    evaluate=evaluate,
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(CLIENTS,),
)
