"""Scores: of alerts with the same questions, the share that people confirmed. Pure.

The posterior mean of a Beta distribution whose prior has the strength of ``PRIOR_STRENGTH`` decided alerts and the mean
of the alert's severity (``docs/policy.md``, "Score"). Nothing about the person enters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.alert import Score
from alerts.assessment import Severity

PRIOR_STRENGTH: Final = 4
PRIOR_MEANS: Final[Mapping[Severity, float]] = {"low": 0.05, "medium": 0.2, "high": 0.5, "critical": 0.6}
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Decided:
    """How many alerts with the same rules people have decided about, and how many of those they confirmed."""

    decided: int = 0
    confirmed: int = 0


def score(decided: Decided, severity: Severity) -> Score:
    """Return the score of an alert of this severity, with the sentence that says what it rests on."""
    prior = PRIOR_MEANS[severity]
    value = (PRIOR_STRENGTH * prior + decided.confirmed) / (PRIOR_STRENGTH + decided.decided)
    if decided.decided:
        alerts = "alert" if decided.decided == 1 else "alerts"
        were = "was" if decided.confirmed == 1 else "were"
        basis = f"Of {decided.decided} decided {alerts} with these questions, {decided.confirmed} {were} confirmed."
    else:
        basis = f"No alert with these questions has been decided; {prior:g} is assumed for severity {severity}."
    return Score(round(value, _DIGITS), decided.decided, decided.confirmed, basis)
