"""A staff member opened a restricted client record without work that names them or their unit.

Looks for     an access to a client record that the client register marks as restricted.
Cannot see    records that ought to be restricted and are not.
Innocent when the work item came late, or the restriction is newer than the work that the actor was given.
Then          ask the actor's manager for the work behind the access, and who else may open the record.
"""

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    Case,
    Hit,
    Indeterminate,
    Limits,
    Occasion,
    Rule,
    RuleResult,
    no_match,
    opened,
)
from alerts.detection.work_reasons import NAMED, Actor, WorkReason
from enrichment.facts import Unknown


class RestrictedRecordLimits(Limits):
    """Nothing to tune but the stage."""


def evaluate(case: Case, _limits: RestrictedRecordLimits) -> RuleResult:
    """Return whether the client record is restricted. A claimed work item alone does not excuse it."""
    access, client = case.access, case.facts.client
    if access.client_id is None:
        return no_match("no client record was opened")
    occasion = Occasion(Actor.of(case.facts), "high", access.channel, access.action)
    if any(_excuses(reason, occasion) for reason in case.work_reasons):
        return no_match("work that names the actor or their unit explains it, or the work of a batch run")
    if isinstance(client, Unknown):
        return Indeterminate(client.missing)
    if not client.value.restricted:
        return no_match("the client record is not restricted")
    return Hit(
        "high",
        f"{opened(access)}; the client register marks this record as restricted, "
        "and no work names the actor or their unit.",
        (Evidence("client record", access.client_id, "ref.client.v1", client.as_of),),
    )


def _excuses(reason: WorkReason, occasion: Occasion) -> bool:
    """Work that names the actor or their unit; for a service account's batch run also the work item that it carries."""
    if reason.number in NAMED:
        return True
    of_service = occasion.actor is not None and occasion.actor.kind == "service"
    return of_service and occasion.channel == "batch" and occasion.action == "view"


RULE = Rule(
    id="restricted-record",
    title="Restricted client record",
    about="pair",
    clauses=("purpose",),
    limits=RestrictedRecordLimits,
    evaluate=evaluate,
    applies_when=Precondition.RESTRICTED | Precondition.UNKNOWN,
    excused_by=_excuses,
)
