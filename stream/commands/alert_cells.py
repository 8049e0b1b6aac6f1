"""One alert as the columns of a list."""

from alerts.alert import Alert
from enrichment.newzealand import nz_text

COLUMNS = ("id", "raised", "severity", "status", "staff", "client", "accesses", "asks about")
_IDS = ("staff", "client")


def columns(*, ids: bool = True) -> list[str]:
    """Name the columns."""
    return [name for name in COLUMNS if ids or name not in _IDS]


def cells(alert: Alert, *, ids: bool = True) -> list[str]:
    """Fill the columns; without *ids*, those that name nobody."""
    whom = [alert.staff_id, alert.client_id or "-"] if ids else []
    return [
        alert.alert_id,
        nz_text(alert.raised_at),
        alert.severity,
        alert.status if alert.outcome is None else f"{alert.status} ({alert.outcome})",
        *whom,
        str(alert.access_count),
        alert.title,
    ]
