"""Notices: alerts that are put to the staff member. What closes one, and what makes it Internal Integrity's. Pure.

Source: ``docs/policy.md``, "From a hit to a question", audience.
"""

from datetime import datetime
from typing import Final, Literal

from alerts.assessment import Evidence, Severity
from enrichment.nz_time import nz_text

#: Dates to a notice, its own included, in which those told before count.
DATES: Final = 30
#: The notice about a pair, and the one about an actor, of which Internal Integrity is told instead.
PAIR_MAX: Final = 3
ACTOR_MAX: Final = 6
#: Dates in which a second unanswered notice is high.
UNANSWERED_DATES: Final = 90

#: What a staff member may answer: this work item was the reason; opened by mistake; I would like to talk to somebody.
NoticeAnswer = Literal["work", "mistake", "talk"]
#: Why a notice became Internal Integrity's.
Because = Literal["unanswered", "pair", "actor"]

SOURCE: Final = "notices"


def sentence(because: Because, told_at: datetime | None, answer_hours: float, count: int) -> str:
    """Return the sentence of ``unanswered-notice``.

    Args:
        because: why it became Internal Integrity's.
        told_at: when the staff member was told; None where they were not.
        answer_hours: the working hours that they had.
        count: which notice about the pair, or of the actor, it is.
    """
    if because == "unanswered" and told_at is not None:
        return (
            f"The question was put to the staff member on {nz_text(told_at)} and was not answered within "
            f"{answer_hours:g} working hours."
        )
    whom = "about this staff member and this client" if because == "pair" else "to this staff member"
    return f"It is question {count} {whom} within {DATES} dates."


def severity(*, again: bool) -> Severity:
    """Return the severity of an unanswered notice; *again*: one before it, within ``UNANSWERED_DATES``, was too."""
    return "high" if again else "medium"


def evidence(alert_id: str, at: datetime) -> tuple[Evidence, ...]:
    """Return the notice as evidence, as of when it was told, or became Internal Integrity's."""
    return (Evidence("notice", alert_id, SOURCE, at),)
