"""A staff member printed or exported client records in bulk.

Looks for     a print or export of very many records, or a day's prints and exports that add up to as many.
Cannot see    screens that were photographed or copied by hand.
Innocent when a report or a mailing was asked for and no investigation, quality check or agreement is recorded for it.
Then          secure the file or the print, ask who asked for it, and under which agreement it was to leave.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence, Severity
from alerts.detection.counting import sum_of
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    ACCESSES,
    Case,
    Hit,
    Limits,
    Occasion,
    Rule,
    RuleResult,
    counted,
    happened,
    no_match,
    records_taken,
)
from alerts.detection.work_reasons import NAMED, Actor, WorkReason
from enrichment.facts import Known, Unknown
from enrichment.nz_time import nz_date
from enrichment.schemas import Access, Agreement, Staff
from enrichment.windows.spec import DAY, RECORDS_COUNTED_MAX

_WORK_KINDS = frozenset({"investigation", "quality_check"})
_CONTRACTED = frozenset({"contractor", "third_party"})
_NUMBER = Field(ge=1, le=RECORDS_COUNTED_MAX)


def unfit(case: Case) -> str | None:
    """Return why the agreement that a print or an export names does not cover it; None where it does, or names none."""
    access, agreement = case.access, case.facts.agreement
    if agreement is None:
        return None
    name = f"agreement {access.agreement_id}"
    if isinstance(agreement, Unknown):
        return f"{name} is not known"
    because = next(_terms_unmet(access, case.facts.actor, agreement.value), None)
    return None if because is None else f"{name} {because}"


def _terms_unmet(access: Access, actor: Known[Staff] | Unknown, terms: Agreement) -> Iterator[str]:
    on = nz_date(access.occurred_at)
    if on < terms.valid_from or (terms.valid_to is not None and on > terms.valid_to):
        until = "" if terms.valid_to is None else f" to {terms.valid_to.isoformat()}"
        yield f"is valid from {terms.valid_from.isoformat()}{until}"
    if access.record_count > terms.records_max:
        yield f"covers {counted(terms.records_max, 'client record')} at once"
    for section in access.sections:
        if terms.sections and section not in terms.sections:
            yield f"does not cover the section {section.replace('_', ' ')}"
    if isinstance(actor, Known) and actor.value.kind in _CONTRACTED and actor.value.employer != terms.party:
        yield "is with another party than the actor's employer"


def _is_agreed(case: Case) -> bool:
    return case.facts.agreement is not None and unfit(case) is None


def _is_not_agreed(case: Case) -> bool:
    return not _is_agreed(case)


#: What a fitting agreement covers counts in no sum.
RECORDS = sum_of("r", "records", within=DAY, stands_when=Precondition.EXTRACT, where=_is_not_agreed)


class BulkExtractLimits(Limits):
    """How many records are many."""

    #: Records in one print or export.
    records_max: Annotated[int, _NUMBER]
    #: Records in one print or export from which on the day's sum is asked about.
    records_min: Annotated[int, _NUMBER]
    #: Records in the actor's prints and exports of 24 hours, without those that an agreement covers.
    records_day_max: Annotated[int, _NUMBER]
    #: Records, in one or in 24 hours, from which on the severity is critical.
    records_critical: Annotated[int, _NUMBER]


def evaluate(case: Case, limits: BulkExtractLimits) -> RuleResult:
    """Return whether this print or export, or the day's with it, reaches a limit."""
    access = case.access
    one = records_taken(access)
    if not one:
        return no_match("nothing was printed or exported")
    day = max(one, case.found(RECORDS))
    if one < limits.records_max and (one < limits.records_min or day < limits.records_day_max):
        return no_match("fewer records than the limits were printed or exported")
    if _is_agreed(case):
        return no_match("an information-sharing agreement covers it")
    severity, because = _severity_of(day, limits), unfit(case)
    occasion = Occasion(Actor.of(case.facts), severity, access.channel, access.action)
    if any(_is_their_work(reason, occasion) for reason in case.work_reasons):
        return no_match("an investigation or a quality check that names the actor or their unit explains it")
    return Hit(
        severity,
        f"{happened(access)}; it covers {counted(one, 'client record')} (the limit is {limits.records_max}), and with "
        f"it the actor's prints and exports of 24 hours cover {day} (the limit is {limits.records_day_max})"
        f"{'' if because is None else f'; {because}'}.",
        (Evidence("prints and exports of the 24 hours to", access.event_id, ACCESSES, access.occurred_at),),
    )


def _severity_of(day: int, limits: BulkExtractLimits) -> Severity:
    return "critical" if day >= limits.records_critical else "high"


def _is_their_work(reason: WorkReason, occasion: Occasion) -> bool:
    actor = occasion.actor
    if actor is not None and actor.kind == "third_party":
        return False
    return reason.number in NAMED and reason.work.value.kind in _WORK_KINDS


RULE = Rule(
    id="bulk-extract",
    title="Records printed or exported in bulk",
    about="actor",
    clauses=("leak", "share"),
    limits=BulkExtractLimits,
    evaluate=evaluate,
    applies_when=Precondition.EXTRACT,
    excused_by=_is_their_work,
    counts=(RECORDS,),
)
