"""A staff member opened a restricted client record without work that names them or their unit.

Looks for     an access to a client record that the client register marks as restricted.
Cannot see    records that ought to be restricted and are not.
Innocent when the work item came late, or the restriction is newer than the work that the actor was given.
Then          ask the actor's manager for the work behind the access, and who else may open the record.
"""

from alerts.assessment import Evidence
from alerts.case import Case
from alerts.explanation import NAMED
from alerts.rules.form import Abstain, Answered, Hit, Limits, Rule, named_work, quiet
from alerts.signs import Sign
from alerts.wording import opened
from enrichment.facts import Unknown


class RestrictedRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: RestrictedRecordLimits) -> Answered:
    """Say whether the client record is restricted. A claimed work item alone does not excuse it."""
    access, client = case.access, case.facts.client
    if access.client_id is None:
        return quiet("no client record was opened")
    if any(reason.number in NAMED for reason in case.work_reasons):
        return quiet("work that names the actor or their unit explains it")
    if isinstance(client, Unknown):
        return Abstain(client.missing)
    if not client.value.restricted:
        return quiet("the client record is not restricted")
    return Hit(
        "high",
        f"{opened(access)}; the client register marks this record as restricted, "
        "and no work names the actor or their unit.",
        (Evidence("client record", access.client_id, "ref.client.v1", client.as_of),),
    )


RULE = Rule(
    id="restricted-record",
    title="Restricted client record",
    about="pair",
    clauses=("purpose",),
    limits=RestrictedRecordLimits,
    evaluate=evaluate,
    asked_where=Sign.RESTRICTED | Sign.UNKNOWN,
    excused_by=named_work,
)
