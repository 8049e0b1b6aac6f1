"""A staff member opened several records of former or deceased clients without a work reason.

Looks for     unexplained accesses to several closed or deceased clients in 24 hours.
Cannot see    a single such record, and those that a work item covers.
Innocent when the actor answers estates or old debts, or tidies records, and no work item says so.
Then          ask the actor's manager what the records were opened for.
"""

from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.rules.form import Abstain, Answered, Hit, Limits, Rule, any_work, quiet
from alerts.signs import Sign
from alerts.wording import accesses_as_evidence, opened
from enrichment.facts import Unknown

DORMANT = frozenset({"closed", "deceased"})


class DormantRecordLimits(Limits):
    """How many clients are several."""

    #: Distinct closed or deceased clients in 24 hours.
    clients_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: DormantRecordLimits) -> Answered:
    """Say whether the actor opened enough dormant records without a work reason. Work excuses it."""
    access, client = case.access, case.facts.client
    if access.client_id is None:
        return quiet("no client record was opened")
    if case.work_reasons:
        return quiet("a work reason explains it")
    if isinstance(client, Unknown):
        return Abstain(client.missing)
    if client.value.status not in DORMANT:
        return quiet("the client is neither closed nor deceased")
    clients = case.windows.dormant_clients
    if clients.count < limits.clients_min:
        return quiet("fewer such records were opened")
    return Hit(
        "low",
        f"{opened(access)}; with this one, the actor opened the records of {clients.count} clients who are closed "
        "or deceased in 24 hours without a work reason.",
        (
            Evidence(f"client record ({client.value.status})", access.client_id, "ref.client.v1", client.as_of),
            *accesses_as_evidence("closed or deceased client record opened", clients.others),
        ),
    )


RULE = Rule(
    id="dormant-record",
    title="Records of former or deceased clients",
    about="actor",
    clauses=("purpose",),
    limits=DormantRecordLimits,
    evaluate=evaluate,
    asked_where=Sign.UNEXPLAINED,
    excused_by=any_work,
)
