"""What becomes known after an access: work that explains it, and the staff member's own report. Pure.

Work counts when the record of it was published at most ``work_grace_hours`` after the access, whenever it is read
(``docs/policy.md``, "Work reasons"). Each published version of a work item counts for as long as it is the newest:
one that another has replaced before an access was judged says nothing of that access. Whom the actor works for, and
as what, is taken as it was recorded when the access was judged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.assessment import Severity
from alerts.detection.rule import Occasion
from alerts.detection.work_reasons import Actor, Policy, known_in_time, work_reason
from alerts.grouping import Rules
from enrichment.facts import Known
from enrichment.schemas import SelfReport, Work

#: The most that may lie between an access and its report.
REPORTED_WITHIN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PastHit:
    """One hit, as far as what becomes known later concerns it."""

    rule: str
    severity: Severity
    staff_id: str
    client_id: str | None
    occurred_at: datetime
    judged_at: datetime
    work_id: str | None
    actor: Actor | None
    channel: str = "desktop"
    action: str = "view"


@dataclass(frozen=True, slots=True)
class WorkVersion:
    """One published version of a work item, and when the next one replaced it."""

    work: Known[Work]
    until: datetime | None


def versions(published: Iterable[Known[Work]]) -> list[WorkVersion]:
    """Put the versions of one work item into the order in which they held."""
    ordered = sorted(published, key=lambda one: one.as_of)
    ends = [later.as_of for later in ordered[1:]]
    return [WorkVersion(work, until) for work, until in zip(ordered, [*ends, None], strict=False)]


def explaining(hit: PastHit, known: Iterable[WorkVersion], rules: Rules, policy: Policy) -> str | None:
    """Name the work item that explains a hit although it was not known when the access was judged, if there is one."""
    rule = rules.get(hit.rule)
    if rule is None:
        return None
    occasion = Occasion(hit.actor, hit.severity, hit.channel, hit.action)
    for version in known:
        if not known_in_time(hit, version.work, policy):
            continue
        if version.until is not None and version.until <= hit.judged_at:
            continue
        reason = work_reason(hit, hit.actor, version.work, policy)
        if reason is not None and rule.excused_by(reason, occasion):
            return version.work.value.work_id
    return None


def covers(report: SelfReport, staff_id: str, client_id: str | None, occurred_at: datetime) -> bool:
    """Return whether a self report is about this access."""
    return (
        (report.staff_id, report.client_id) == (staff_id, client_id)
        and report.accessed_from <= occurred_at <= report.accessed_to
        and abs(report.reported_at - occurred_at) <= REPORTED_WITHIN
    )
