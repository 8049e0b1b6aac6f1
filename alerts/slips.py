"""Slips: a client record opened by mistake and left again for work. Pure; ``docs/policy.md`` "Searches, slips, ...".

What can be said of an access when it is judged is said by ``may_be_slip``; what the actor did next is looked at a
minute later, in the trail that the rule ``scope`` keeps of such actors (``is_slip``).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from alerts.assessment import Answer
from alerts.detection.rule import AnyRule, Case, never
from alerts.detection.rules import repeat_visits, scope
from alerts.detection.work_reasons import NAMED, Policy
from enrichment.nz_time import nz_date
from enrichment.windows.spec import Earlier

#: Dates to an access, its own included, in which an actor's slips are counted.
DATES: Final = 7

#: How an access begins in a trail: work that names the actor or their unit explains it, a claimed work item alone
#: does, nothing does. The client id follows.
_NAMED, _CLAIMED, _UNEXPLAINED = "n", "c", "u"


def trail_of(case: Case) -> str:
    """Return what the trail keeps of an access that opened a client record."""
    how = _UNEXPLAINED
    if case.work_reasons:
        how = _NAMED if case.work_reasons[0].number in NAMED else _CLAIMED
    return f"{how}{case.access.client_id or ''}"


def may_be_slip(case: Case, answers: Sequence[Answer], rules: Mapping[str, AnyRule]) -> bool:
    """Return whether an access that the rule ``scope`` hit can be a slip, as far as is known when it is judged."""
    access, policy = case.access, case.policy
    hits = [one for one in answers if one.answer == "hit" and one.stage == "live"]
    if scope.RULE.id not in {one.rule for one in hits}:
        return False
    if access.action != "view" or not case.unexplained or case.watchlisted:
        return False
    if not set(access.sections) <= set(policy.first_screen) or len(case.found(repeat_visits.DATES)) > 1:
        return False
    return not any(one.rule == "restricted-record" or _is_never_excused(one, rules) for one in hits)


def _is_never_excused(hit: Answer, rules: Mapping[str, AnyRule]) -> bool:
    if hit.rule == scope.RULE.id:
        return False
    rule = rules[hit.rule]
    return rule.excused_by is never or (hit.rule == "off-duty" and hit.severity == "high")


def is_slip(client_id: str, at: datetime, trail: Iterable[Earlier], policy: Policy) -> bool:
    """Return whether what an actor opened around an access makes it a slip.

    Args:
        client_id: the client whose record may have been opened by a slip.
        at: when that was.
        trail: what the actor opened from the beginning of that date until ``slip_seconds`` after it, in any order.
        policy: how many seconds those are.
    """
    within = timedelta(seconds=policy.slip_seconds)
    ordered = sorted(trail, key=lambda one: one.at)
    mine = [one for one in ordered if one.value[1:] == client_id]
    if any(at < one.at <= at + within for one in mine):
        return False
    if any(one.value[0] == _UNEXPLAINED and one.at < at and nz_date(one.at) == nz_date(at) for one in mine):
        return False
    others = [one for one in ordered if one.at > at and one.value[1:] != client_id]
    return bool(others) and others[0].at - at <= within and others[0].value[0] == _NAMED


def first_date(on: date) -> date:
    """Return the first of the dates in which slips count beside one on this date."""
    return on - timedelta(days=DATES - 1)
