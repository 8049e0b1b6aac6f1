"""A staff member opened several records of former or deceased clients without a work reason.

Looks for     unexplained accesses to several closed or deceased clients in 24 hours.
Cannot see    a single such record, and those that a work item covers.
Innocent when the actor answers estates or old debts, or tidies records, and no work item says so.
Then          ask the actor's manager what the records were opened for.
"""

from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.counting import count_distinct
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Indeterminate,
    Limits,
    Rule,
    RuleResult,
    accesses_as_evidence,
    any_work,
    no_match,
    opened,
)
from enrichment.facts import Known, Unknown
from enrichment.windows.spec import DAY

DORMANT = frozenset({"closed", "deceased"})


def _is_dormant(case: Case) -> bool:
    client = case.facts.client
    return isinstance(client, Known) and client.value.status in DORMANT


CLIENTS = count_distinct("d", "client", by="staff", within=DAY, stands_when=Precondition.UNEXPLAINED, where=_is_dormant)


class DormantRecordLimits(Limits):
    """How many clients are several."""

    #: Distinct closed or deceased clients in 24 hours.
    clients_min: Annotated[int, Field(ge=1)]


def evaluate(case: Case, limits: DormantRecordLimits) -> RuleResult:
    """Return whether the actor opened enough dormant records without a work reason. Work excuses it."""
    access, client = case.access, case.facts.client
    if access.client_id is None:
        return no_match("no client record was opened")
    if case.work_reasons:
        return no_match("a work reason explains it")
    if isinstance(client, Unknown):
        return Indeterminate(client.missing)
    if client.value.status not in DORMANT:
        return no_match("the client is neither closed nor deceased")
    clients = case.found(CLIENTS)
    if clients.count < limits.clients_min:
        return no_match("fewer such records were opened")
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
    applies_when=Precondition.UNEXPLAINED,
    excused_by=any_work,
    counts=(CLIENTS,),
)
