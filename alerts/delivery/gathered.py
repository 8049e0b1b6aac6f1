"""What a message about several alerts speaks of: a day's digest, or those that wait behind a storm guard."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import TypeAdapter

from alerts.alert import Alert, ClosedAs, Status
from alerts.assessment import SEVERITIES, Severity

#: Alerts that such a message names, the most severe first; the others are counted.
LINES_MAX: Final = 50

Occasion = Literal["digest", "storm"]


@dataclass(frozen=True, slots=True)
class Line:
    """One alert, as a line says it."""

    alert_id: str
    severity: Severity
    title: str
    status: Status
    outcome: ClosedAs | None
    access_count: int
    first_access_at: datetime


@dataclass(frozen=True, slots=True)
class Several:
    """The alerts of one such message as they stood when it was made. ``since`` is when the first began to wait."""

    occasion: Occasion
    route: str
    since: datetime
    at: datetime
    #: Those that nobody has looked at yet, by severity.
    new: dict[Severity, int]
    #: How many are acknowledged or closed meanwhile.
    settled: int
    lines: tuple[Line, ...]


SEVERAL: TypeAdapter[Several] = TypeAdapter(Several)


def bring_together(occasion: Occasion, route: str, since: datetime, at: datetime, alerts: Sequence[Alert]) -> Several:
    """Say what there is to say of some alerts in one message."""
    new = Counter(alert.severity for alert in alerts if alert.status == "new")
    ordered = sorted(
        alerts, key=lambda one: (one.status != "new", -SEVERITIES.index(one.severity), one.raised_at, one.alert_id)
    )
    return Several(
        occasion=occasion,
        route=route,
        since=since,
        at=at,
        new={severity: new[severity] for severity in reversed(SEVERITIES) if new[severity]},
        settled=len(alerts) - new.total(),
        lines=tuple(
            Line(
                alert_id=alert.alert_id,
                severity=alert.severity,
                title=alert.title,
                status=alert.status,
                outcome=alert.outcome,
                access_count=alert.access_count,
                first_access_at=alert.first_access_at,
            )
            for alert in ordered[:LINES_MAX]
        ),
    )
