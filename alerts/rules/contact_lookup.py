"""A staff member looked up addresses, tax numbers or identities of several clients without a work reason.

Looks for     unexplained accesses that showed only contact details or identity, to several clients in 24 hours.
Cannot see    lookups that open more of the record than was wanted.
Innocent when the actor answered callers or checked letters, and the work is not recorded.
Then          ask the actor's manager what work the lookups belong to, and compare with the calls of that day.
"""

from typing import Annotated

from pydantic import Field

from alerts.access_kinds import is_lookup
from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Answered, Hit, Limits, Rule, any_work, quiet
from alerts.signs import Sign
from alerts.wording import ACCESSES, accesses_as_evidence, opened


class ContactLookupLimits(Limits):
    """How many clients are several."""

    #: Distinct clients of such accesses in 24 hours.
    clients_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: ContactLookupLimits) -> Answered:
    """Say whether the actor looked up details of enough clients without a work reason. Work excuses it."""
    access = case.access
    if access.client_id is None:
        return quiet("no client record was opened")
    if case.work_reasons:
        return quiet("a work reason explains it")
    if not is_lookup(access):
        return quiet("more or other than contact details and identity was shown")
    clients = case.windows.lookup_clients
    if clients.count < limits.clients_min:
        return quiet("such accesses were made to fewer clients")
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
    asked_where=Sign.UNEXPLAINED,
    excused_by=any_work,
)
