"""A question put to a staff member was not answered in time, or such questions have become many.

Looks for     a notice without an answer in time; in 30 dates, the third about one client or the sixth of one actor.
Cannot see    whether the staff member read the notice; absences that HR has not recorded.
Innocent when the staff member was away or ill, or the notice never reached them.
Then          ask the staff member and their manager; the notice says which access it was about.
"""

from alerts.detection.precondition import NEVER
from alerts.detection.rule import Case, Limits, Rule, RuleResult, no_match, no_work


class UnansweredNoticeLimits(Limits):
    """Nothing to tune but the stage; ``answer_hours`` stands at the top."""


def evaluate(_case: Case, _limits: UnansweredNoticeLimits) -> RuleResult:
    """Return that no access raises it: it joins the reasons of a notice (``alerts/notices.py``)."""
    return no_match("it is about a notice, not about an access")


RULE = Rule(
    id="unanswered-notice",
    title="A question without an answer",
    about="actor",
    clauses=("mistake", "purpose"),
    limits=UnansweredNoticeLimits,
    evaluate=evaluate,
    applies_when=NEVER,
    excused_by=no_work,
)
