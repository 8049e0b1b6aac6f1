"""From a hit to a question: how long an alert settles, and whom it is for. Pure.

Source: ``docs/policy.md``, "From a hit to a question". Without limits, as in trials that have none, every alert is new
at once and Internal Integrity's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.alert import Status
from alerts.assessment import Audience
from alerts.detection.config import LoadedLimits
from alerts.detection.rule import Limits
from alerts.grouping import AlertDigest, AlertHit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asking:
    """Decides with the limits in force."""

    limits: LoadedLimits | None
    #: Staff ids that are reserved for canaries.
    canaries: frozenset[str] = frozenset()

    def is_canary(self, staff_id: str) -> bool:
        """Return whether alerts about this staff id are canaries: never listed, told or counted."""
        return staff_id in self.canaries

    def is_live(self, rule: str) -> bool:
        """Return whether a rule raises alerts."""
        limits = self._limits_of(rule)
        return limits is not None and limits.stage == "live"

    def settle(self, rule: str) -> timedelta:
        """Return how long a reason of this rule settles."""
        limits = self._limits_of(rule)
        return timedelta(minutes=limits.settle_minutes) if limits is not None else timedelta(0)

    def status(self, before: Status | None, fresh: Iterable[AlertHit]) -> Status:
        """Return how an alert stands after new hits.

        Args:
            before: how it stood; None where it is raised now.
            fresh: those of its new hits that nothing explains yet.
        """
        at_once = any(not self.settle(hit.rule) for hit in fresh)
        if before in {"new", "acknowledged"}:
            return before
        return "new" if at_once else "pending"

    def settles_at(self, gathered: AlertDigest) -> datetime | None:
        """Return when the first of its open reasons has settled; None where none is open."""
        due = [
            _EPOCH + timedelta(milliseconds=recorded_ms) + self.settle(rule)
            for rule, recorded_ms in gathered.recorded.items()
            if gathered.unexplained.get(rule)
        ]
        return min(due, default=None)

    def audience(self, gathered: AlertDigest, before: Status | None, then: Audience) -> Audience:
        """Return whom its reasons are for: Internal Integrity where one of them is, and where it was asked before.

        Args:
            gathered: its reasons.
            before: how it stood; None where it is raised now.
            then: whom it was for.
        """
        if before in {"new", "acknowledged"} and then == "integrity":
            return "integrity"
        only_slips = not gathered.slips.get("no")
        for hit in gathered.reasons.values():
            limits = self._limits_of(hit.rule)
            if limits is None or limits.audience_of(hit.severity, only_slips=only_slips) == "integrity":
                return "integrity"
        return "actor"

    def _limits_of(self, rule: str) -> Limits | None:
        return self.limits.rules.get(rule) if self.limits is not None else None
