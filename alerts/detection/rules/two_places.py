"""Accesses under one staff id came from two sites within minutes.

Looks for     an access judged before, at most some minutes earlier, by the same staff id from another site.
Cannot see    a shared password used at one site; accesses that carry no site.
Innocent when the actor's network or remote session showed another site, or two sites share a building.
Then          ask the account's administrators for both sessions, and the actor where they worked.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.counting import latest_other
from alerts.detection.precondition import Precondition
from alerts.detection.rule import (
    ACCESSES,
    Case,
    Hit,
    Limits,
    Rule,
    RuleResult,
    counted,
    happened,
    no_match,
    no_work,
)
from enrichment.facts import Known
from enrichment.nz_time import nz_text

_MINUTES_PER_DAY = 24 * 60


class TwoPlacesLimits(Limits):
    """How soon is too soon to have travelled."""

    #: Minutes before the access in which another site counts.
    minutes_max: Annotated[int, Field(ge=1, le=_MINUTES_PER_DAY)]


def asks_where(case: Case) -> bool:
    """Return whether the question can be asked of this access at all."""
    actor = case.facts.actor
    return case.access.site is not None and isinstance(actor, Known) and actor.value.kind != "service"


def _has_site(case: Case) -> bool:
    return case.access.site is not None


def _within(limits: TwoPlacesLimits) -> timedelta:
    return timedelta(minutes=limits.minutes_max)


#: Accesses of everybody stand in it, also of those who are not asked about.
SITES = latest_other("t", "site", within=_within, stands_when=Precondition.ACCESS, where=_has_site, asked=asks_where)


def evaluate(case: Case, limits: TwoPlacesLimits) -> RuleResult:
    """Return whether the same staff id was at another site just before."""
    access = case.access
    if not asks_where(case):
        return no_match("the access carries no site, or its actor is a service or in no staff record")
    elsewhere = case.found(SITES)
    if elsewhere is None:
        return no_match("no access from another site came in the minutes before")
    return Hit(
        "medium",
        f"{happened(access)} from site {access.site}; an access under the same staff id came from site "
        f"{elsewhere.value} at {nz_text(elsewhere.at)} (within {counted(limits.minutes_max, 'minute')}).",
        (
            Evidence("access from site", str(access.site), ACCESSES, access.occurred_at),
            Evidence("access from site", elsewhere.value, ACCESSES, elsewhere.at),
        ),
    )


RULE = Rule(
    id="two-places",
    title="Two sites within minutes",
    about="actor",
    clauses=("control",),
    limits=TwoPlacesLimits,
    evaluate=evaluate,
    excused_by=no_work,
    applies_when=Precondition.COUNTED,
    counts=(SITES,),
)
