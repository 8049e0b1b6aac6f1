"""The limits of ``deploy/limits.yaml``, each with other values around the shipped one."""

from collections.abc import Mapping

from alerts.detection.config import load
from alerts.detection.rule import Limits

#: Rule, limit, values. What changes which facts are fetched or noted (proxy-lookup, two-places) is left out.
_VALUES: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("relative-record", "hops_max", (1, 2, 3)),
    ("shared-contact", "holders_max", (2, 4, 8, 20, 60)),
    ("media-watchlist", "half_life_hours", (12, 24, 72, 168)),
    ("media-watchlist", "weight_min", (0.02, 0.1, 0.3, 0.6)),
    ("media-surge", "staff_min", (2, 3, 5, 8)),
    ("repeat-visits", "days_min", (2, 3, 4, 5)),
    ("contact-lookup", "clients_min", (1, 2, 3, 4, 6)),
    ("search-browsing", "searches_max", (10, 15, 20, 30, 45)),
    ("volume", "clients_max", (3, 5, 10, 20, 40, 60)),
    ("dormant-record", "clients_min", (1, 2, 3, 5)),
    ("bulk-extract", "records_max", (20, 50, 100, 200, 500)),
    ("bulk-extract", "records_day_max", (100, 250, 500, 1000)),
)
#: The longest path that a variant asks for, in hops.
HOPS_MAX = 3


def variants() -> Mapping[str, tuple[str, Limits]]:
    """Return each variant's name, its rule and its limits."""
    shipped = load().rules
    return {
        f"{rule} {limit} {value:g}": (rule, shipped[rule].model_copy(update={limit: value}))
        for rule, limit, values in _VALUES
        for value in values
    }
